import { version } from "../../../package.json";
import type { StrategyName } from "../../../src/backend/executor.ts";
import { acquireDevice } from "../../hosts/acquireDevice.ts";
import { CannotTakePart, type Contender } from "../../race/contract.ts";
import { createForward } from "./thalwegForward.ts";
import { createSteps } from "./thalwegSteps.ts";
import { createTensors } from "./thalwegTensors.ts";

/**
 * The library on WebGPU as its users get it: training through the executor's contract, on the strategy that the planner picks.
 * Products, gradients and elements are operations of its tensors; forward passes drive the kernels of prediction directly, so that
 * nothing crosses to the host between rounds.
 */
export const planned: Contender = {
  version,
  createEntry: async (workload, start) => {
    const device = await acquireDevice();
    if (workload.kind === "step") return createSteps(device, workload, start);
    if (workload.kind === "forward") return createForward(device, workload, start);
    return createTensors(device, workload, start);
  },
};

/** Training steps on one strategy, whatever the planner would pick. */
export const onStrategy = (strategy: StrategyName): Contender => ({
  version,
  createEntry: async (workload, start) => {
    if (workload.kind === "step") return createSteps(await acquireDevice(), workload, start, strategy);
    throw new CannotTakePart("a strategy is a way to take training steps");
  },
});
