import { adam, type Optimizer, sgd } from "../../src/math/optimizer.ts";
import { netOf, type NetOptions } from "../race/races.ts";
import type { StepWorkload } from "../race/workload.ts";

/** One training step whose kernels are timed one by one. */
export interface KernelCase extends StepWorkload {
  /** Too large for a software adapter. */
  readonly needsHardware: boolean;
}

interface CaseOptions extends NetOptions {
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  readonly rows?: number;
  readonly members?: number;
  readonly needsHardware?: boolean;
}

function caseOf(widths: string, options: CaseOptions): KernelCase {
  const { optimizer, batchSize, rows = batchSize, members = 1 } = options;
  const name = `${widths}${members > 1 ? `-x${members}` : ""}-b${batchSize}`;
  const { needsHardware = false } = options;
  return {
    kind: "step",
    name,
    network: netOf(widths, options),
    optimizer,
    rows,
    batchSize,
    members,
    data: "noise",
    needsHardware,
  };
}

const small = { activation: "sigmoid", optimizer: sgd({ learningRate: 0.5 }) } as const;
const classes = { loss: "softmaxCrossEntropy", optimizer: sgd({ learningRate: 0.01 }) } as const;

export const cases: readonly KernelCase[] = [
  ...[4, 1024, 65_536].map((batchSize) => caseOf("2-2-2-1", { ...small, batchSize })),
  caseOf("4-16-3", { ...classes, activation: "tanh", optimizer: adam(), rows: 333, batchSize: 32 }),
  caseOf("64-64-64-1", { ...small, batchSize: 1024 }),
  caseOf("784-128-64-10", { ...classes, activation: "relu", batchSize: 256 }),
  caseOf("8-16-16-1", { ...small, activation: "tanh", members: 64, batchSize: 32 }),
  caseOf("784-1", { ...small, batchSize: 16_384 }), // narrow products, whose batch the budget of a dispatch cuts
  caseOf("784-512-512-10", { ...classes, activation: "relu", batchSize: 1024, needsHardware: true }),
];
