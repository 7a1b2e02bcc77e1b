import { widthsOf } from "../../src/graph/network.ts";
import { CannotTakePart, type Contender, type Entry } from "../race/contract.ts";
import type { Start } from "../race/start.ts";
import type { StepWorkload, Workload } from "../race/workload.ts";

// What someone writes in ten minutes who wants to train 2-2-2-1 and has no library: arrays and one loop.

const learningTerms = ["momentum", "weightDecay"] as const;

/** Why a workload is not what the loop below is written for; undefined where it is. */
function objectionTo(workload: Workload): string | undefined {
  if (workload.kind !== "step") return "only training steps are written out";
  const { network, optimizer, rows, batchSize } = workload;
  if (widthsOf(network) !== "2-2-2-1") return "only 2-2-2-1 is written out";
  const isSigmoid = network.layers.every(({ activation }) => activation === "sigmoid");
  if (!isSigmoid || network.loss !== "squaredError") return "only sigmoid with the squared error is written out";
  const isPlain = optimizer.name === "sgd" && learningTerms.every((term) => optimizer[term] === 0);
  if (!isPlain) return "only plain gradient descent is written out";
  return batchSize < rows ? "only batches of all rows are written out" : undefined;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

interface Training {
  readonly inputs: Float64Array;
  readonly targets: Float64Array;
  /** Weights of a layer row by row, then its bias; layer by layer. */
  readonly weights: Float64Array;
  readonly gradients: Float64Array;
  readonly learningRate: number;
}

/** One step over all samples. @returns the mean loss before it */
function trainStep({ inputs, targets, weights: w, gradients, learningRate }: Training): number {
  gradients.fill(0);
  let loss = 0;
  for (let sample = 0; sample < targets.length; sample++) {
    const x0 = inputs[2 * sample]!;
    const x1 = inputs[2 * sample + 1]!;
    const a0 = sigmoid(x0 * w[0]! + x1 * w[2]! + w[4]!);
    const a1 = sigmoid(x0 * w[1]! + x1 * w[3]! + w[5]!);
    const b0 = sigmoid(a0 * w[6]! + a1 * w[8]! + w[10]!);
    const b1 = sigmoid(a0 * w[7]! + a1 * w[9]! + w[11]!);
    const y = sigmoid(b0 * w[12]! + b1 * w[13]! + w[14]!);
    const error = y - targets[sample]!;
    loss += 0.5 * error * error;
    const dy = error * y * (1 - y);
    const db0 = dy * w[12]! * b0 * (1 - b0);
    const db1 = dy * w[13]! * b1 * (1 - b1);
    const da0 = (db0 * w[6]! + db1 * w[7]!) * a0 * (1 - a0);
    const da1 = (db0 * w[8]! + db1 * w[9]!) * a1 * (1 - a1);
    gradients[0]! += da0 * x0;
    gradients[1]! += da1 * x0;
    gradients[2]! += da0 * x1;
    gradients[3]! += da1 * x1;
    gradients[4]! += da0;
    gradients[5]! += da1;
    gradients[6]! += db0 * a0;
    gradients[7]! += db1 * a0;
    gradients[8]! += db0 * a1;
    gradients[9]! += db1 * a1;
    gradients[10]! += db0;
    gradients[11]! += db1;
    gradients[12]! += dy * b0;
    gradients[13]! += dy * b1;
    gradients[14]! += dy;
  }
  for (let index = 0; index < w.length; index++) {
    w[index]! -= (learningRate * gradients[index]!) / targets.length;
  }
  return loss / targets.length;
}

/** Networks one after the other: the loop around the loop. */
function createEntry({ network, optimizer, members }: StepWorkload, start: Start): Entry {
  const { parameterCount } = network;
  const weights = Float64Array.from(start.state);
  const inputs = Float64Array.from(start.data.inputs);
  const targets = Float64Array.from(start.data.targets);
  const gradients = new Float64Array(parameterCount);
  const { learningRate } = optimizer;
  const trainings = Array.from({ length: members }, (_, member): Training => {
    const own = weights.subarray(member * parameterCount, (member + 1) * parameterCount);
    return { inputs, targets, weights: own, gradients, learningRate };
  });
  let loss = 0;
  return {
    run: (rounds) => {
      for (let round = 0; round < rounds; round++) for (const training of trainings) loss = trainStep(training);
    },
    finish: () => {
      // looked at, so that no compiler may leave the loss out
      if (Number.isNaN(loss)) throw new Error("plain loop: the loss is not a number");
      return Promise.resolve(weights[0]!);
    },
    readState: () => Promise.resolve(weights.slice()),
    restart: () => {
      weights.set(start.state);
    },
    dispose: () => {},
  };
}

/** Plain JavaScript for one small network or many of them, in double precision. */
export const plainLoop: Contender = {
  version: "no library",
  createEntry: (workload, start) => {
    const objection = objectionTo(workload);
    if (objection !== undefined) return Promise.reject(new CannotTakePart(objection));
    return Promise.resolve(createEntry(workload as StepWorkload, start));
  },
};
