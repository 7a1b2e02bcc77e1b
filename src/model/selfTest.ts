import type { Dataset, FloatArray } from "../backend/executor.ts";
import type { Device } from "../backend/device.ts";
import { type Activation, dense, type Loss, nameOf, type Network, network } from "../graph/network.ts";
import { adamW, type Optimizer, rmsProp, sgd } from "../math/optimizer.ts";
import { normalAt, streams, uniformAt } from "../random.ts";
import { createModel } from "./createModel.ts";

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

interface Case {
  readonly widths: readonly number[];
  readonly activation: Activation;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly rows: number;
  readonly batchSize: number;
  readonly steps: number;
}

/**
 * Plain products and, in the last case, tiled ones on every kind of device; both kinds of saved values, means and a softmax,
 * shuffled batches that do not divide, sums of several slices.
 */
const cases: readonly Case[] = [
  {
    widths: [3, 17, 2],
    activation: "tanh",
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    rows: 37,
    batchSize: 8,
    steps: 12,
  },
  {
    widths: [5, 8, 3],
    activation: "gelu",
    loss: "softmaxCrossEntropy",
    optimizer: adamW({ learningRate: 0.01 }),
    rows: 37,
    batchSize: 8,
    steps: 12,
  },
  {
    widths: [128, 131, 7],
    activation: "elu",
    loss: "huber",
    optimizer: rmsProp({ learningRate: 0.001 }),
    rows: 333,
    batchSize: 261,
    steps: 3,
  },
];
const members = 2;

function networkOf({ widths, activation, loss }: Case): Network {
  const last = widths.length - 2;
  const layers = widths.slice(1).map((width, index) => dense(width, index === last ? "identity" : activation));
  return network({ inputs: widths[0]!, layers, loss });
}

function dataFor({ inputs, outputs, loss }: Network, rows: number): Dataset {
  const isClass = loss === "softmaxCrossEntropy";
  const classAt = (row: number): number => Math.floor(outputs * uniformAt(1, streams.noise, row));
  return {
    inputs: Float32Array.from({ length: rows * inputs }, (_, index) => normalAt(2, streams.noise, index)),
    targets: Float32Array.from({ length: rows * outputs }, (_, index) => {
      if (!isClass) return normalAt(3, streams.noise, index);
      return index % outputs === classAt(Math.floor(index / outputs)) ? 1 : 0;
    }),
  };
}

function check(name: string, values: FloatArray, reference: FloatArray, bound: number): SelfTestCheck {
  let difference = 0;
  let norm = 0;
  for (let index = 0; index < reference.length; index++) {
    difference += (values[index]! - reference[index]!) ** 2;
    norm += reference[index]! ** 2;
  }
  const deviation = Math.sqrt(difference / norm);
  return { name, deviation, bound, passed: deviation <= bound };
}

async function runCase(device: Device, each: Case): Promise<SelfTestCheck[]> {
  const shape = networkOf(each);
  const { optimizer, rows, batchSize, steps } = each;
  const data = dataFor(shape, rows);
  const options = { optimizer, steps, batchSize, seed: 5 };
  const model = await createModel(shape, { device, members, seed: 1 });
  const { createReference } = await import("../backend/createReference.ts");
  const reference = createReference(shape, members);
  const initial = await model.readParameters();
  reference.writeParameters(initial);
  const label = `${each.widths.join("-")} ${nameOf(each.activation)} ${nameOf(each.loss)}`;
  try {
    const [own, wanted] = [await model.trace(data, optimizer), await reference.trace(data, optimizer)];
    const outputs = check(`${label}: outputs`, own.activations.at(-1)!, wanted.activations.at(-1)!, 1e-5);
    const gradients = check(`${label}: gradients`, own.gradients, wanted.gradients, 1e-5);
    await model.fit(data, options);
    const run = await reference.createRun({ data, optimizer, batchSize, shuffle: true, seed: 5 });
    await run.execute(0, steps);
    const bound = optimizer.name === "adamW" ? 1e-4 : 1e-5;
    const [parameters, truth] = [await model.readParameters(), await reference.readParameters()];
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
}

const ownCase = ({ activation = "tanh", loss = "meanSquaredError" }: SelfTestOptions): Case => ({
  widths: [3, 17, 2],
  activation,
  loss,
  optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }),
  rows: 37,
  batchSize: 8,
  steps: 12,
});

/**
 * Trains three small networks on a device, and one more where an activation or a loss is given, and compares outputs, gradients and
 * parameters with the float64 reference.
 */
export async function selfTest(device: Device, options: SelfTestOptions = {}): Promise<SelfTestReport> {
  const startMs = performance.now();
  const checks: SelfTestCheck[] = [];
  const isGiven = options.activation !== undefined || options.loss !== undefined;
  for (const each of isGiven ? [...cases, ownCase(options)] : cases) checks.push(...(await runCase(device, each)));
  return { checks, passed: checks.every(({ passed }) => passed), ms: performance.now() - startMs };
}
