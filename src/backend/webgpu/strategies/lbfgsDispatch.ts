import lbfgs, { layouts } from "../../../../shaders/lbfgs.wgsl";
import { numberRows } from "../../../math/lbfgsState.ts";
import { write } from "../bufferOwner.ts";
import { createDispatch, createKernel, type Dispatch, groupSize } from "../kernel.ts";
import { blockOf } from "../layout.ts";
import { kernelOf } from "../shader.ts";
import { stepWindow } from "./costConstants.ts";
import type { UpdateBuffers, UpdateRequest } from "./dispatches.ts";

const kernel = kernelOf("lbfgs", [lbfgs]);

/** Invocations that take a member together: few parameters each, and on a software adapter few barriers. A power of 2. */
const threads = { gpu: 256, software: 16 } as const;

/** The dispatch that ends a step of L-BFGS: a workgroup for each member. */
export async function createLbfgsDispatch(request: UpdateRequest, buffers: UpdateBuffers): Promise<Dispatch> {
  const { device, network, members, plan, settings: run } = request;
  const { owner, steps, settings, gradients, parameters, moments, losses, status } = buffers;
  const { maxIterations, maxEvaluations, historySize, toleranceGradient, toleranceChange } = run.optimizer;
  const { parameterCount } = network;
  const words = blockOf(layouts.LbfgsSizes, {
    members,
    parameterCount,
    splits: plan.splits,
    historySize,
    numberRows: numberRows(historySize, parameterCount),
    maxIterations,
    maxEvaluations,
    toleranceGradient,
    toleranceChange,
  });
  const sizes = owner.uniform("lbfgs", words.byteLength);
  write(device, sizes, words);
  const constants = { THREADS: threads[device.kind], HISTORY: historySize };
  return createDispatch(device, await createKernel(device, kernel, constants), {
    label: "lbfgs",
    bound: [stepWindow(steps), sizes, settings, gradients, parameters, moments, losses, status],
    invocations: () => groupSize,
    members: plan.groupMembers,
  });
}
