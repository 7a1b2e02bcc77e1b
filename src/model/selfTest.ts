import type { Dataset, FloatArray } from "../backend/executor.ts";
import type { Device } from "../backend/device.ts";
import { requireOptions } from "../errors.ts";
import { categoryColumnsOf } from "../graph/graph.ts";
import {
  type AnyNetwork,
  denseShapesOf,
  describeArchitecture,
  graphOf,
  network,
  requireNetwork,
} from "../graph/graphNetwork.ts";
import { concat, dropout, embedding, fourierFeatures, layerNorm, residual } from "../graph/layers.ts";
import { type Activation, dense, type Loss, nameOf } from "../graph/network.ts";
import { adamW, lbfgs, muon, type Optimizer, rmsProp, sgd } from "../math/optimizer.ts";
import { normalAt, streams, uniformAt } from "../random.ts";
import { createModel } from "./createModel.ts";
import { resultOf } from "./resultParameters.ts";

/** One comparison with the float64 reference. */
export interface SelfTestCheck {
  readonly name: string;
  /** ‖value − reference‖ / ‖reference‖. */
  readonly deviation: number;
  readonly bound: number;
  readonly passed: boolean;
}

export interface SelfTestReport {
  readonly checks: readonly SelfTestCheck[];
  readonly passed: boolean;
  readonly ms: number;
}

/** One network and how it is trained. */
interface Case {
  readonly network: AnyNetwork;
  readonly optimizer: Optimizer;
  readonly rows: number;
  readonly batchSize: number;
  readonly steps: number;
}

const few = { rows: 37, batchSize: 8, steps: 12 };

/**
 * Plain products and, in the third case, tiled ones on every kind of device; both kinds of saved values, means and a softmax,
 * shuffled batches that do not divide, sums of several slices; every kind of layer in the fourth case, whose matrices are made orthogonal; a
 * line search in the last.
 */
const cases = (): readonly Case[] => [
  {
    network: network({ inputs: 3, layers: [dense(17, "tanh"), dense(2)], loss: "meanSquaredError" }),
    optimizer: sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    ...few,
  },
  {
    network: network({ inputs: 5, layers: [dense(8, "gelu"), dense(3)], loss: "softmaxCrossEntropy" }),
    optimizer: adamW({ learningRate: 0.01 }),
    ...few,
  },
  {
    network: network({ inputs: 128, layers: [dense(131, "elu"), dense(7)], loss: "huber" }),
    optimizer: rmsProp({ learningRate: 0.001 }),
    rows: 333,
    batchSize: 261,
    steps: 3,
  },
  {
    network: network({
      inputs: 4,
      layers: [
        concat(fourierFeatures(2)),
        embedding({ column: 1, categories: 5, width: 3 }),
        dense(8),
        residual(layerNorm(), dense(8, "silu"), dropout(0.2)),
        dense(2),
      ],
      loss: "meanSquaredError",
    }),
    optimizer: muon({ learningRate: 0.01 }),
    ...few,
  },
  {
    network: network({ inputs: 3, layers: [dense(17, "tanh"), dense(2)], loss: "meanSquaredError" }),
    optimizer: lbfgs({ historySize: 2 }),
    rows: 37,
    batchSize: 37,
    steps: 4,
  },
];
const members = 2;

function dataFor(of: AnyNetwork, rows: number): Dataset {
  const { inputs, outputs, loss } = of;
  const categories = new Map(categoryColumnsOf(graphOf(of)).map((own) => [own.column, own.categories]));
  const chosen = (count: number, place: number): number => Math.floor(count * uniformAt(1, streams.noise, place));
  const targetAt = (row: number, output: number): number => {
    if (loss === "softmaxCrossEntropy") return output === chosen(outputs, row) ? 1 : 0;
    if (loss === "binaryCrossEntropy") return chosen(2, row * outputs + output);
    return normalAt(3, streams.noise, row * outputs + output);
  };
  return {
    inputs: Float32Array.from({ length: rows * inputs }, (_, index) => {
      const count = categories.get(index % inputs);
      return count === undefined ? normalAt(2, streams.noise, index) : chosen(count, index);
    }),
    targets: Float32Array.from({ length: rows * outputs }, (_, index) =>
      targetAt(Math.floor(index / outputs), index % outputs),
    ),
  };
}

function check(name: string, values: FloatArray, reference: FloatArray, bound: number): SelfTestCheck {
  let difference = 0;
  let norm = Number.MIN_VALUE;
  for (let index = 0; index < reference.length; index++) {
    difference += (values[index]! - reference[index]!) ** 2;
    norm += reference[index]! ** 2;
  }
  const deviation = Math.sqrt(difference / norm);
  return { name, deviation, bound, passed: deviation <= bound };
}

async function runCase(device: Device, each: Case): Promise<SelfTestCheck[]> {
  const { network: shape, optimizer, rows, batchSize, steps } = each;
  const data = dataFor(shape, rows);
  const options = { optimizer, steps, batchSize, seed: 5 };
  const model = await createModel(shape, { device, members, seed: 1 });
  const { createReference } = await import("../backend/createReference.ts");
  const reference = createReference(shape, members);
  const initial = await model.readParameters();
  reference.writeParameters(initial);
  const label = `${describeArchitecture(shape)} ${activationsOf(shape)} ${nameOf(shape.loss)}`;
  try {
    const [own, wanted] = [await model.trace(data, optimizer), await reference.trace(data, optimizer)];
    const answers = [await model.logits(data.inputs), await reference.predict(data.inputs)] as const;
    const outputs = check(`${label}: outputs`, ...answers, 1e-5);
    const gradients = check(`${label}: gradients`, own.gradients, wanted.gradients, 1e-5);
    await model.fit(data, options);
    const settings = { data, optimizer, batchSize, shuffle: true, seed: 5 };
    const run = await reference.createRun(settings);
    await run.execute(0, steps);
    const bound = ["adamW", "muon"].includes(optimizer.name) ? 1e-4 : 1e-5;
    const [parameters, truth] = [await model.readParameters(), resultOf(settings, await run.readCheckpoint(steps))];
    const trained = check(`${label}: ${steps} steps of ${optimizer.name}`, parameters, truth, bound);
    return [outputs, gradients, trained];
  } finally {
    model.dispose();
  }
}

export interface SelfTestOptions {
  /** One of your own, which one more network has. */
  readonly activation?: Activation;
  /** … and a loss of your own. */
  readonly loss?: Loss;
  /** A network of any layers, which is tested too. */
  readonly network?: AnyNetwork;
}

function ownCases({ activation, loss, network: own }: SelfTestOptions): Case[] {
  const of = { inputs: 3, layers: [dense(17, activation ?? "tanh"), dense(2)], loss: loss ?? "meanSquaredError" };
  return [
    ...(activation || loss
      ? [{ network: network(of), optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), ...few }]
      : []),
    ...(own ? [{ network: own, optimizer: sgd({ learningRate: 0.01 }), ...few }] : []),
  ];
}

/** Names of the activations of its dense layers but the last, each once. */
const activationsOf = (of: AnyNetwork): string => {
  const names = denseShapesOf(graphOf(of)).map(({ activation }) => nameOf(activation));
  return [...new Set(names.slice(0, -1))].join(", ");
};

/**
 * Trains four small networks on a device, and those that are given, and compares outputs, gradients and parameters with the float64
 * reference.
 * @throws InvalidInput where the device does not take a network that is given
 */
export async function selfTest(device: Device, options: SelfTestOptions = {}): Promise<SelfTestReport> {
  requireOptions("selfTest", options, ["activation", "loss", "network"]);
  if (options.network !== undefined) requireNetwork("selfTest: network", options.network);
  const startMs = performance.now();
  const checks: SelfTestCheck[] = [];
  for (const each of [...cases(), ...ownCases(options)]) checks.push(...(await runCase(device, each)));
  return { checks, passed: checks.every(({ passed }) => passed), ms: performance.now() - startMs };
}
