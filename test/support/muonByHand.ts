// Muon as PyTorch 2.9 defines it (torch/optim/_muon.py, without its bfloat16) and AdamW, over lists of rows [out, in] in float64: written from
// the formulas, so that the tests have values that share no code with the library.

export type Rows = number[][];

const transposed = (a: Rows): Rows => a[0]!.map((_, column) => a.map((row) => row[column]!));
const product = (a: Rows, b: Rows): Rows => {
  const columns = transposed(b);
  return a.map((row) => columns.map((column) => row.reduce((sum, value, at) => sum + value * column[at]!, 0)));
};
const combined = (a: Rows, b: Rows, f: (x: number, y: number) => number): Rows =>
  a.map((row, at) => row.map((value, column) => f(value, b[at]![column]!)));

/** Newton and Schulz's iteration. */
function orthogonalised(direction: Rows, steps = 5): Rows {
  const isTall = direction.length > direction[0]!.length;
  let x = isTall ? transposed(direction) : direction;
  const norm = Math.max(1e-7, Math.hypot(...x.map((row) => Math.hypot(...row))));
  x = x.map((row) => row.map((value) => value / norm));
  for (let step = 0; step < steps; step++) {
    const gram = product(x, transposed(x));
    const polynomial = combined(gram, product(gram, gram), (one, square) => -4.775 * one + 2.0315 * square);
    x = combined(x, product(polynomial, x), (own, change) => 3.4445 * own + change);
  }
  return isTall ? transposed(x) : x;
}

export interface MuonNumbers {
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly newtonSchulzSteps?: number;
  readonly matchRmsAdamW?: boolean;
  readonly rateOfOthers?: number;
}

/** Steps of one matrix [out, in]. @returns the new weights */
function muonOf(numbers: MuonNumbers): (weights: Rows, gradient: Rows) => Rows {
  const { learningRate, momentum, nesterov, weightDecay, newtonSchulzSteps, matchRmsAdamW = false } = numbers;
  let mean: Rows | undefined;
  return (weights, gradient) => {
    const before = mean ?? gradient.map((row) => row.map(() => 0));
    mean = combined(before, gradient, (old, own) => old + (1 - momentum) * (own - old));
    const direction = nesterov ? combined(gradient, mean, (own, kept) => own + momentum * (kept - own)) : mean;
    const [outputs, inputs] = [weights.length, weights[0]!.length];
    const ratio = matchRmsAdamW ? 0.2 * Math.sqrt(Math.max(outputs, inputs)) : Math.sqrt(Math.max(1, outputs / inputs));
    const orthogonal = orthogonalised(direction, newtonSchulzSteps);
    return combined(
      weights,
      orthogonal,
      (value, change) => value * (1 - learningRate * weightDecay) - learningRate * ratio * change,
    );
  };
}

/** Steps of other values by AdamW with PyTorch's defaults. */
function adamWOf(numbers: MuonNumbers): (values: number[], gradient: number[]) => number[] {
  const { learningRate, rateOfOthers = 1, weightDecay } = numbers;
  const rate = learningRate * rateOfOthers;
  let [step, first, second]: [number, number[], number[]] = [0, [], []];
  return (values, gradient) => {
    step++;
    first = gradient.map((own, at) => 0.9 * (first[at] ?? 0) + 0.1 * own);
    second = gradient.map((own, at) => 0.999 * (second[at] ?? 0) + 0.001 * own * own);
    return values.map((value, at) => {
      const root = Math.sqrt(second[at]! / (1 - 0.999 ** step)) + 1e-8;
      return value * (1 - rate * weightDecay) - (rate * first[at]!) / (1 - 0.9 ** step) / root;
    });
  };
}

/** A list of dense layers as PyTorch has it: weights [out, in]. */
export interface HandLayer {
  readonly weights: Rows;
  readonly bias: number[];
}

/** Layers of flat parameters, weights [in, out] and then the bias of each. */
export function layersOf(parameters: ArrayLike<number>, widths: readonly number[]): HandLayer[] {
  let at = 0;
  return widths.slice(1).map((outputs, layer) => {
    const inputs = widths[layer]!;
    const flat = Array.from({ length: inputs * outputs + outputs }, (_, index) => parameters[at + index]!);
    at += flat.length;
    const weights = Array.from({ length: outputs }, (_, out) =>
      Array.from({ length: inputs }, (__, input) => flat[input * outputs + out]!),
    );
    return { weights, bias: flat.slice(inputs * outputs) };
  });
}

export const flattened = (layers: readonly HandLayer[]): number[] =>
  layers.flatMap(({ weights, bias }) => [...transposed(weights).flat(), ...bias]);

/** Trains tanh layers and a last one without a function by the mean squared error over all rows. */
export function trainByHand(
  start: readonly HandLayer[],
  { inputs, targets }: { readonly inputs: Rows; readonly targets: Rows },
  {
    steps,
    numbers,
    isMatrix = () => true,
  }: { steps: number; numbers: MuonNumbers; isMatrix?: (layer: number) => boolean },
): HandLayer[] {
  const others = start.map(() => ({ weights: adamWOf(numbers), bias: adamWOf(numbers), matrix: muonOf(numbers) }));
  let layers = [...start];
  for (let step = 0; step < steps; step++) {
    const activations = [inputs];
    for (const [at, { weights, bias }] of layers.entries()) {
      const sums = product(activations[at]!, transposed(weights)).map((row) =>
        row.map((sum, unit) => sum + bias[unit]!),
      );
      activations.push(at === layers.length - 1 ? sums : sums.map((row) => row.map(Math.tanh)));
    }
    const count = targets.length * targets[0]!.length;
    let slope = combined(activations.at(-1)!, targets, (output, target) => (2 * (output - target)) / count);
    const next: HandLayer[] = [];
    for (let at = layers.length - 1; at >= 0; at--) {
      const { weights, bias } = layers[at]!;
      const ofWeights = product(transposed(slope), activations[at]!);
      const ofBias = transposed(slope).map((column) => column.reduce((sum, value) => sum + value, 0));
      const below = combined(product(slope, weights), activations[at]!, (value, own) => value * (1 - own * own));
      slope = below;
      const width = weights[0]!.length;
      const byAdam = (): Rows => {
        const flat = others[at]!.weights(weights.flat(), ofWeights.flat());
        return weights.map((_, row) => flat.slice(row * width, (row + 1) * width));
      };
      const own = isMatrix(at) ? others[at]!.matrix(weights, ofWeights) : byAdam();
      next.unshift({ weights: own, bias: others[at]!.bias(bias, ofBias) });
    }
    layers = next;
  }
  return layers;
}
