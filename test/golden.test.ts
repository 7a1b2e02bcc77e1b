import { expect, test } from "vitest";
import { acquire, adam, adamW, createModel, dense, network, rmsProp, sgd, type Optimizer } from "../src/index.ts";
import type { ActivationName, Device, LossName } from "../src/index.ts";
import { strategyNames, type Strategy, type StrategyName } from "../src/backend/executor.ts";
import { testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

interface Golden {
  name: string;
  widths: number[];
  activations: ActivationName[];
  loss: LossName;
  optimizer: { name: "sgd" | "adam" | "adamW" | "rmsProp" };
  batchSize: number;
  steps: number;
  inputs: number[];
  targets: number[];
  initialParameters: number[];
  finalParameters: number[];
  firstGradients: number[];
  losses: number[];
}

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });

const files = import.meta.glob<Golden>("./golden/*.json", { eager: true, import: "default" });
const optimizers = { sgd, adam, adamW, rmsProp };

const norm = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
const relative = (values: ArrayLike<number>, reference: number[]): number =>
  norm(reference.map((wanted, index) => values[index]! - wanted)) / norm(reference);
const worstRelative = (values: ArrayLike<number>, reference: number[]): number =>
  Math.max(...reference.map((wanted, index) => Math.abs(values[index]! - wanted) / Math.abs(wanted)));

/** The run that stands for its strategy in a host that takes one of each. */
const widthsFor: Readonly<Record<StrategyName, string>> = {
  layered: "5-64-64-1",
  members: "2-2-2-1",
  subgroups: "3-17-5",
  groups: "4-8-3",
  samples: "1-33-2",
  tiles: "7-1-7-1-7",
};

/** Strategies that take no network of this size: more than 900 parameters, or 4,096 samples, or one workgroup's memory. */
const refusals = /train: strategy: expected one of/;

async function train(golden: Golden, device: Device, strategy: Strategy = "auto") {
  const { name, ...options } = golden.optimizer;
  const optimizer: Optimizer = optimizers[name](options);
  const layers = golden.activations.map((activation, index) => dense(golden.widths[index + 1]!, activation));
  using model = await createModel(network({ inputs: golden.widths[0]!, layers, loss: golden.loss }), {
    device,
    parameters: Float64Array.from(golden.initialParameters),
  });
  const data = { inputs: Float64Array.from(golden.inputs), targets: Float64Array.from(golden.targets) };
  const { gradients } = await model.trace(data, optimizer);
  const losses: number[] = [];
  const { steps, batchSize } = golden;
  for await (const event of model.train(data, { optimizer, steps, batchSize, strategy, logInterval: { steps: 7 } })) {
    losses.push(...event.losses);
  }
  const parameters = await model.readParameters();
  return { kind: device.kind, gradients, losses, parameters };
}

for (const golden of Object.values(files)) {
  const adaptive = golden.optimizer.name.startsWith("adam");

  test(`${golden.name}: the CPU reference repeats PyTorch's float64 run`, async () => {
    const { gradients, losses, parameters } = await train(golden, cpu);
    expect(relative(gradients, golden.firstGradients)).toBeLessThanOrEqual(1e-9);
    expect(losses).toHaveLength(golden.steps);
    expect(worstRelative(losses, golden.losses)).toBeLessThanOrEqual(1e-9);
    expect(relative(parameters, golden.finalParameters)).toBeLessThanOrEqual(1e-9);
  });

  const follows = (strategy: Strategy) => async (): Promise<void> => {
    let trained: Awaited<ReturnType<typeof train>>;
    try {
      trained = await train(golden, gpu(), strategy);
    } catch (error) {
      expect(String(error)).toMatch(refusals);
      expect(["members", "subgroups", "samples", "groups"]).toContain(strategy);
      return console.log(`${golden.name}: ${strategy} cannot take it`);
    }
    const { kind, gradients, losses, parameters } = trained;
    expect(kind).not.toBe("reference");
    const reached = {
      gradients: relative(gradients, golden.firstGradients),
      losses: worstRelative(losses, golden.losses),
      parameters: relative(parameters, golden.finalParameters),
    };
    console.log(`${golden.name} on ${kind}, ${strategy}: ${JSON.stringify(reached)}`);
    const bound = adaptive ? 1e-4 : 1e-5;
    expect(losses).toHaveLength(golden.steps);
    expect(reached.gradients).toBeLessThanOrEqual(1e-5);
    expect(reached.losses).toBeLessThanOrEqual(bound);
    expect(reached.parameters).toBeLessThanOrEqual(bound);
  };

  for (const strategy of strategyNames) {
    testOf(golden.widths.join("-") === widthsFor[strategy])(
      `${golden.name}: the GPU follows PyTorch's float64 run, strategy ${strategy}`,
      follows(strategy),
    );
  }
}
