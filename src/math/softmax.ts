// Functions of a row of logits in float64, in forms in which nothing cancels.

/**
 * A row of logits as its probabilities are computed: the largest logit, the first of several, is set apart. Sums of all others are
 * added by themselves, since 1 + rest swallows a small rest, and p − t what is left of it.
 */
interface SoftmaxRow {
  /** Logits less the largest. NaN where that is not finite, as PyTorch has it: a row of −∞ only has no probabilities. */
  readonly shifted: Float64Array;
  /** e to the shifted. */
  readonly exponentials: Float64Array;
  /** Place of the largest. */
  readonly place: number;
  /** Sum of the exponentials of all others. */
  readonly rest: number;
  /** … and of all. */
  readonly sum: number;
}

type Floats = Float64Array | Float32Array;

function softmaxRow(logits: Floats): SoftmaxRow {
  const place = largestAt(logits);
  const shifted = Float64Array.from(logits, (logit) => logit - logits[place]!);
  const exponentials = shifted.map(Math.exp);
  const rest = sumWithout(exponentials, place);
  return { shifted, exponentials, place, rest, sum: exponentials[place]! + rest };
}

/** Place of the largest value; the first of several. */
export const largestAt = (values: Floats): number => {
  let place = 0;
  for (let at = 1; at < values.length; at++) if (values[at]! > values[place]!) place = at;
  return place;
};

function sumWithout(values: Floats, place: number): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) if (at !== place) sum += values[at]!;
  return sum;
}

/** log of the sum of exponentials; that of the largest, which the quotient makes NaN where it is, is 1. */
const logSum = ({ exponentials, place, rest }: SoftmaxRow): number => Math.log1p(rest / exponentials[place]!);

/** t · x; 0 where t is 0, though x be infinite: a logit of −∞ masks its class. */
export const targetTimes = (t: number, x: number): number => (t === 0 ? 0 : t * x);

/** log Σ e^logit. */
export function logSumExp(logits: Floats): number {
  const row = softmaxRow(logits);
  return logits[row.place]! + logSum(row);
}

/** Probabilities in proportion to e^logit. */
export function softmax(logits: Floats): Float64Array {
  const { exponentials, sum } = softmaxRow(logits);
  return exponentials.map((value) => value / sum);
}

/** Their logarithms. */
export function logSoftmax(logits: Floats): Float64Array {
  const row = softmaxRow(logits);
  const all = logSum(row);
  return row.shifted.map((value) => value - all);
}

/** −Σ t · log softmax, as Σt · log Σ exp − Σ t · shifted: nothing cancels where no target is negative. */
export function crossEntropy(logits: Floats, targets: Floats): number {
  const row = softmaxRow(logits);
  let [distance, targetSum] = [0, 0];
  for (const [at, t] of targets.entries()) {
    distance -= targetTimes(t, row.shifted[at]!);
    targetSum += t;
  }
  return distance + targetSum * logSum(row);
}

/** Its slope by the logits, p · Σt − t, as p · (targets of the others) − t · (probabilities of the others): nothing cancels. */
export function crossEntropySlope(logits: Floats, targets: Floats): Float64Array {
  const { exponentials, place, rest, sum } = softmaxRow(logits);
  const restTargets = sumWithout(targets, place);
  const targetSum = restTargets + targets[place]!;
  return exponentials.map((value, at) => {
    const t = targets[at]!;
    const [others, otherTargets] = at === place ? [rest, restTargets] : [sum - value, targetSum - t];
    return (value * otherTargets - t * others) / sum;
  });
}

/**
 * Values less their mean under the probabilities, v − Σ p · v; both by their distance from the value at the largest probability: as
 * this goes to 1 the mean goes to 0, and nothing cancels.
 */
export function aboveMean(logits: Floats, values: Floats): Float64Array {
  const { exponentials, place, sum } = softmaxRow(logits);
  const distances = Float64Array.from(values, (value) => value - values[place]!);
  let total = 0;
  for (let at = 0; at < distances.length; at++) total += targetTimes(exponentials[at]!, distances[at]!);
  return distances.map((distance) => distance - total / sum);
}

/** What softmax turns a change v of the logits into: p · (v − Σ p · v). */
export function softmaxSlope(logits: Floats, values: Floats): Float64Array {
  const probabilities = softmax(logits);
  return aboveMean(logits, values).map((value, at) => targetTimes(probabilities[at]!, value));
}
