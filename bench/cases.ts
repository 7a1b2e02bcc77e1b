import type { Dataset, RunSettings } from "../src/executor.ts";
import { initialize } from "../src/initializers.ts";
import { type ActivationName, dense, type LossName, network, type Network } from "../src/network.ts";
import { adam, type Optimizer, sgd } from "../src/optimizer.ts";
import { streams, uniformAt } from "../src/random.ts";

/** One network, optimizer and batch whose step is timed. */
export interface BenchCase {
  readonly name: string;
  readonly network: Network;
  readonly optimizer: Optimizer;
  readonly rows: number;
  readonly batchSize: number;
  readonly replicas: number;
  /** Bound of ‖w − w_ref‖ / ‖w_ref‖ after 10 steps. */
  readonly tolerance: number;
  /** Too large for a software adapter. */
  readonly needsHardware: boolean;
}

interface CaseOptions {
  readonly activation: ActivationName;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  readonly loss?: LossName;
  readonly rows?: number;
  readonly replicas?: number;
  readonly needsHardware?: boolean;
}

/** @param widths `2-2-2-1`: inputs first; the last layer is `identity` before softmax */
function caseOf(widths: string, options: CaseOptions): BenchCase {
  const { activation, optimizer, batchSize, loss = "squaredError", rows = batchSize, replicas = 1 } = options;
  const [inputs, ...hidden] = widths.split("-").map(Number) as [number, ...number[]];
  const outputs = hidden.pop()!;
  const last = loss === "softmaxCrossEntropy" ? "identity" : activation;
  const layers = [...hidden.map((width) => dense(width, activation)), dense(outputs, last)];
  const many = replicas > 1 ? `-x${replicas}` : "";
  return {
    name: `${widths}${many}-b${batchSize}`,
    network: network({ inputs, layers, loss }),
    optimizer,
    rows,
    batchSize,
    replicas,
    tolerance: optimizer.name === "sgd" ? 1e-5 : 1e-4,
    needsHardware: options.needsHardware ?? false,
  };
}

const small = { activation: "sigmoid", optimizer: sgd({ learningRate: 0.5 }) } as const;
const classes = { loss: "softmaxCrossEntropy", optimizer: sgd({ learningRate: 0.01 }) } as const;

export const cases: readonly BenchCase[] = [
  ...[4, 1024, 65_536].map((batchSize) => caseOf("2-2-2-1", { ...small, batchSize })),
  caseOf("4-16-3", { ...classes, activation: "tanh", optimizer: adam(), rows: 333, batchSize: 32 }),
  caseOf("64-64-64-1", { ...small, batchSize: 1024 }),
  caseOf("784-128-64-10", { ...classes, activation: "relu", batchSize: 256 }),
  caseOf("8-16-16-1", { ...small, activation: "tanh", replicas: 64, batchSize: 32 }),
  caseOf("784-1", { ...small, batchSize: 16_384 }), // narrow products, whose batch the budget of a dispatch cuts
  caseOf("784-512-512-10", { ...classes, activation: "relu", batchSize: 1024, needsHardware: true }),
];

const dataSeed = 20_210;

/** One value per counter, uniform in (−1, 1). */
const noise = (counter: number): number => 2 * uniformAt(dataSeed, streams.noise, counter) - 1;

/** Seeded inputs in (−1, 1); targets are one-hot rows before softmax, else values in (0, 1). Never zeros alone. */
function drawData({ network: { inputs, outputs, loss }, rows }: BenchCase): Dataset {
  const first = rows * inputs;
  const target = (at: number): number => {
    if (loss !== "softmaxCrossEntropy") return (noise(first + at) + 1) / 2;
    const row = Math.floor(at / outputs);
    return Math.floor(((noise(first + row) + 1) / 2) * outputs) === at % outputs ? 1 : 0;
  };
  return {
    inputs: Float32Array.from({ length: first }, (_, at) => noise(at)),
    targets: Float32Array.from({ length: rows * outputs }, (_, at) => target(at)),
  };
}

/** Everything a run of the case starts from; the same bits on every host. */
export interface Start {
  readonly settings: RunSettings;
  /** [replicas, parameterCount]. */
  readonly parameters: Float32Array;
}

export function startOf(benchCase: BenchCase): Start {
  const { network, optimizer, batchSize, replicas } = benchCase;
  return {
    settings: { data: drawData(benchCase), optimizer, batchSize, shuffle: true, seed: 1 },
    parameters: initialize(network, { seed: 1, replicas }),
  };
}
