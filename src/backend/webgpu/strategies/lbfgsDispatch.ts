import { numberRows } from "../../../math/lbfgsState.ts";
import { write } from "../bufferOwner.ts";
import { createDispatch, createKernel, type Dispatch, groupSize } from "../kernel.ts";
import { lbfgsKernel, lbfgsSizes } from "../lbfgsKernel.ts";
import { stepWindow } from "./costConstants.ts";
import type { UpdateBuffers, UpdateRequest } from "./dispatches.ts";

/** Invocations that take a member together: few parameters each, and on a software adapter few barriers. A power of 2. */
const threads = { gpu: 256, software: 16 } as const;

/** Pairs that a kernel has room for: a power of 2, so that few are compiled. */
const roomFor = (historySize: number): number => Math.max(16, 2 ** Math.ceil(Math.log2(historySize)));

/** The dispatch that ends a step of L-BFGS: a workgroup for each member. */
export async function createLbfgsDispatch(request: UpdateRequest, buffers: UpdateBuffers): Promise<Dispatch> {
  const { device, network, members, plan, settings: run } = request;
  const { owner, steps, settings, gradients, parameters, moments, losses, status } = buffers;
  const { maxIterations, maxEvaluations, historySize, toleranceGradient, toleranceChange } = run.optimizer;
  const { parameterCount } = network;
  const words = lbfgsSizes({
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
  const constants = { THREADS: threads[device.kind], HISTORY: roomFor(historySize) };
  return createDispatch(device, await createKernel(device, lbfgsKernel, constants), {
    label: "members",
    bound: [stepWindow(steps), sizes, settings, gradients, parameters, moments, losses, status],
    invocations: () => groupSize, // a workgroup for each member, however many threads it has
    members: plan.groupMembers,
  });
}
