import { expect, test } from "vitest";
import { acquire } from "../src/index.ts";
import { strategyNames, type Strategy, type StrategyName } from "../src/backend/executor.ts";
import { goldens, relative, trainList, worstRelative } from "./support/goldens.ts";
import { testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });

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

for (const golden of goldens) {
  const adaptive = golden.optimizer.name.startsWith("adam");

  test(`${golden.name}: the CPU reference repeats PyTorch's float64 run`, async () => {
    const { gradients, losses, parameters } = await trainList(golden, cpu);
    expect(relative(gradients, golden.firstGradients)).toBeLessThanOrEqual(1e-9);
    expect(losses).toHaveLength(golden.steps);
    expect(worstRelative(losses, golden.losses)).toBeLessThanOrEqual(1e-9);
    expect(relative(parameters, golden.finalParameters)).toBeLessThanOrEqual(1e-9);
  });

  const follows = (strategy: Strategy) => async (): Promise<void> => {
    let trained: Awaited<ReturnType<typeof trainList>>;
    try {
      trained = await trainList(golden, gpu(), strategy);
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
