// Networks for the kernels that take tiles of samples: every activation, loss and optimizer, odd widths, rest batches.

import type { RunSettings } from "../../src/backend/executor.ts";
import {
  activationNames,
  adam,
  adamW,
  lossNames,
  type Network,
  type Optimizer,
  rmsProp,
  sgd,
} from "../../src/index.ts";
import { dataOf, describeNet, networkOf } from "./nets.ts";

export interface TileCase {
  readonly name: string;
  readonly net: Network;
  readonly settings: RunSettings;
  readonly members: number;
}

const shapes = [
  [2, 2, 2, 1],
  [3, 5, 7, 2],
  [1, 1],
  [8, 16, 16, 1],
  [17, 33, 3],
  [64, 64, 64, 1],
  [5, 4, 9, 6, 10],
];
const batches = [
  { rows: 5, batchSize: 1 },
  { rows: 7, batchSize: 3 },
  { rows: 9, batchSize: 4 },
  { rows: 77, batchSize: 32 },
  { rows: 700, batchSize: 333 },
  { rows: 40, batchSize: 40 },
];
/** Of each number of states: what they compute is compared in test/update.test.ts. */
const optimizers: readonly Optimizer[] = [
  sgd({ learningRate: 0.1, weightDecay: 0.01 }),
  adam({ learningRate: 0.01 }),
  sgd({ learningRate: 0.05, momentum: 0.9 }),
  adamW({ learningRate: 0.01 }),
  rmsProp({ learningRate: 0.01 }),
  sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
  rmsProp({ learningRate: 0.005, momentum: 0.5 }),
];

function caseAt(index: number): TileCase {
  const loss = lossNames[index % lossNames.length]!;
  const shape = shapes[index % shapes.length]!;
  const widths = loss === "softmaxCrossEntropy" && shape.at(-1) === 1 ? [...shape.slice(0, -1), 3] : shape;
  const batch = batches[index % batches.length]!;
  const optimizer = optimizers[index % optimizers.length]!;
  const layers = widths.slice(1).map((width, layer) => ({
    width,
    activation: activationNames[(index + 3 * layer) % activationNames.length]!,
  }));
  const net = networkOf({ inputs: widths[0]!, layers, loss, rows: batch.rows, seed: index });
  const members = index % 2 === 0 ? 1 : 3;
  const settings = { ...batch, data: dataOf(net, batch.rows, index), optimizer, shuffle: true, seed: index };
  const name = `${describeNet(net)}, ${optimizer.name}, ${batch.batchSize} of ${batch.rows}, ${members} members`;
  return { name, net, settings, members };
}

/** As few as every shape, loss, batch and optimizer take, since each case compiles kernels of its own. */
export const tileCases: readonly TileCase[] = Array.from(
  { length: Math.max(shapes.length, lossNames.length, batches.length, optimizers.length) },
  (_, index) => caseAt(index),
);
