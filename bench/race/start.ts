import type { Dataset } from "../../src/backend/executor.ts";
import { initialize } from "../../src/graph/initializers.ts";
import type { BuiltInNetwork } from "../../src/graph/network.ts";
import { streams, uniformAt } from "../../src/random.ts";
import type { StepWorkload, Workload } from "./workload.ts";

/** What every contender starts from: the same bits on every host. */
export interface Start {
  /**
   * The state before round 0, which rounds replace.
   * step: parameters [members, parameterCount]; forward: inputs [batchSize, inputs]; product: c [batch, size, size];
   * gradient: c [fanIn, fanOut]; element: x [count].
   */
  readonly state: Float32Array;
  /** step: the rows; inputs [rows, inputs], targets [rows, outputs], shared by all members. Empty otherwise. */
  readonly data: Dataset;
  /** forward: parameters [parameterCount]; product: a [batch, size, size]; gradient: a [rows, fanIn], b [rows, fanOut].
   * Empty otherwise. */
  readonly fixed: Float32Array;
}

const seed = 20_210;
/** Seed of initial parameters and of the order of rows. */
export const runSeed = 1;
const none = new Float32Array(0);
const noData: Dataset = { inputs: none, targets: none };

/** One value per counter, uniform in (−1, 1). */
const noise = (counter: number): number => 2 * uniformAt(seed, streams.noise, counter) - 1;
const draw = (count: number, first: number, scale: number, shift = 0): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => scale * noise(first + at) + shift);

/** Seeded inputs in (−1, 1); targets are one-hot rows before softmax, else values in (0, 1). Never zeros alone. */
function sampleBatch({ inputs, outputs, loss }: BuiltInNetwork, rows: number): Dataset {
  const first = rows * inputs;
  const target = (at: number): number => {
    if (loss !== "softmaxCrossEntropy") return (noise(first + at) + 1) / 2;
    const row = Math.floor(at / outputs);
    return Math.floor(((noise(first + row) + 1) / 2) * outputs) === at % outputs ? 1 : 0;
  };
  return { inputs: draw(first, 0, 1), targets: Float32Array.from({ length: rows * outputs }, (_, at) => target(at)) };
}

/** Parameters whose layers shrink differences and have biases: outputs fed back as inputs settle, but not at 0. */
function drawSettling(network: BuiltInNetwork): Float32Array {
  const parameters = initialize(network, { seed: runSeed, members: 1 }).map((value) => 0.7 * value);
  for (const { biasOffset, fanOut } of network.layers) parameters.set(draw(fanOut, biasOffset, 0.5), biasOffset);
  return parameters;
}

/**
 * Orthogonal matrices [batch, size, size], so that chained products neither grow nor vanish: the discrete Hartley transform,
 * which has no small entries, with rows of random sign, without which it would be its own transpose.
 */
function drawOrthogonal(size: number, batch: number): Float32Array {
  const transform = Float64Array.from({ length: size ** 2 }, (_, at) => {
    const angle = (2 * Math.PI * Math.floor(at / size) * (at % size)) / size;
    return (Math.cos(angle) + Math.sin(angle)) / Math.sqrt(size);
  });
  return Float32Array.from({ length: batch * size ** 2 }, (_, at) => {
    const sign = Math.sign(noise(Math.floor(at / size))) || 1;
    return sign * transform[at % size ** 2]!;
  });
}

const startOfStep = ({ network, members, rows }: StepWorkload, data: Dataset | undefined): Start => ({
  state: initialize(network, { seed: runSeed, members }),
  data: data ?? sampleBatch(network, rows),
  fixed: none,
});

/**
 * @param data rows of a workload whose data are not noise
 * @throws RangeError where these are missing
 */
export function startOf(workload: Workload, data?: Dataset): Start {
  if (workload.kind === "step") {
    if (workload.data !== "noise" && !data) throw new RangeError(`${workload.name}: rows of ${workload.data} missing`);
    return startOfStep(workload, data);
  }
  if (workload.kind === "forward") {
    const { network, batchSize } = workload;
    return { state: draw(batchSize * network.inputs, 0, 1), data: noData, fixed: drawSettling(network) };
  }
  if (workload.kind === "product") {
    const { size, batch } = workload;
    return { state: draw(batch * size ** 2, 0, 1), data: noData, fixed: drawOrthogonal(size, batch) };
  }
  if (workload.kind === "gradient") {
    const { rows, fanIn, fanOut } = workload;
    const [a, b] = [rows * fanIn, rows * fanOut];
    const fixed = new Float32Array(a + b);
    fixed.set(draw(a, fanIn * fanOut, 1));
    fixed.set(draw(b, fanIn * fanOut + a, 1 / Math.sqrt(rows)), a);
    return { state: draw(fanIn * fanOut, 0, 1), data: noData, fixed };
  }
  const { count, operation } = workload;
  const state = operation === "sigmoid" ? draw(count, 0, 8) : draw(count, 0, 0.5, 0.5);
  return { state, data: noData, fixed: none };
}
