import { createTallies, score, scoresOf } from "../backend/score.ts";
import type { Dataset, Executor, Scores } from "../backend/executor.ts";
import type { MetricOptions, MetricScores, Slice } from "./measure.ts";

/** How well a model fits rows of data: the mean over its members, and each one. Metrics only where they were requested. */
export interface Evaluation extends Scores, Partial<MetricScores> {
  /** Mean loss, as the network defines it, of all members. */
  readonly loss: number;
  /** Mean of `accuracies`. */
  readonly accuracy: number | undefined;
}

const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + value, 0);

export const mean = (values: ArrayLike<number>): number => sumOf(values) / values.length;

/** Scores with their means over members. */
export const evaluationOf = ({ losses, accuracies }: Scores): Evaluation => ({
  loss: mean(losses),
  accuracy: accuracies && mean(accuracies),
  losses,
  accuracies,
});

/** Outputs of one network, in values, that are read back to be scored in float64. */
const hostOutputs = 2 ** 22;

/** Callback for a slice: called with the outputs [rows, network.outputs] of one member after the other. */
type Visit = (slice: Slice) => (outputs: Float64Array, member: number) => void;

/** Reads the outputs of all members, as many rows at once as are no more than 2²² values. */
async function visitOutputs(
  executor: Executor,
  { inputs, targets, weights }: Dataset,
  visits: readonly Visit[],
): Promise<void> {
  const { network, members } = executor;
  const { inputs: fanIn, outputs: width } = network;
  const rowCount = targets.length / width;
  const chunk = Math.max(1, Math.floor(hostOutputs / (members * width)));
  for (let first = 0; first < rowCount; first += chunk) {
    const end = Math.min(rowCount, first + chunk);
    const all = await executor.predict(inputs.subarray(first * fanIn, end * fanIn));
    const own = Float64Array.from(targets.subarray(first * width, end * width));
    const takers = visits.map((visit) => visit({ targets: own, weights: weights?.subarray(first, end) }));
    for (let member = 0; member < members; member++) {
      const outputs = Float64Array.from(all.subarray(member * own.length, (member + 1) * own.length));
      for (const take of takers) take(outputs, member);
    }
  }
}

/**
 * Scores members on rows of data. One network with at most 2²² outputs, and rows with weights, are scored in float64 from the outputs;
 * otherwise the sums are taken where the outputs are, in float32 over 128 rows and in float64 beyond, and only the scores are read back.
 * Metrics are always computed from the outputs.
 * @param isAlike whether one network is scored as it would be among others, to the same bits
 */
export async function evaluate(
  executor: Executor,
  data: Dataset,
  options: MetricOptions = {},
  isAlike = false,
): Promise<Evaluation> {
  const { network, members } = executor;
  const { targets, weights } = data;
  const measured = options.metrics && (await import("./measure.ts")).measure(executor, data, options);
  const onHost = weights !== undefined || (!isAlike && members === 1 && targets.length <= hostOutputs);
  const tallies = createTallies(members);
  const addScores: Visit = (slice) => (outputs, member) => score(network, { ...slice, outputs }, tallies, member);
  const visits = [...(onHost ? [addScores] : []), ...(measured ? [measured.visit] : [])];
  if (visits.length > 0) await visitOutputs(executor, data, visits);
  const rows = weights ? sumOf(weights) : targets.length / network.outputs;
  const scores = evaluationOf(onHost ? scoresOf(network, rows, tallies) : await executor.score(data));
  return measured ? { ...scores, ...measured.scores() } : scores;
}

/** Metrics alone. @throws as `evaluate` does */
export async function metricsOf(executor: Executor, data: Dataset, options: MetricOptions): Promise<MetricScores> {
  const measured = (await import("./measure.ts")).measure(executor, data, options);
  await visitOutputs(executor, data, [measured.visit]);
  return measured.scores();
}
