import { widestOptimizer } from "../../batches.ts";
import { searchesLine } from "../../../math/optimizerFunction.ts";
import { write } from "../bufferOwner.ts";
import { kernelUpdateOf } from "../emit/emitOptimizer.ts";
import { createDispatch, createKernel, type Dispatch, groupSize } from "../kernel.ts";
import { gradientSizes, squaresKernel, updateKernel } from "../kernels.ts";
import { squareBlocks, stepWindow, updateEntries, updateInvocations } from "./costConstants.ts";
import type { UpdateBuffers, UpdateRequest } from "./dispatches.ts";

/**
 * What ends a step: the update of L-BFGS; or where gradients are clipped by norm the sums of their squares, what makes matrices orthogonal, and
 * the update.
 */
export async function createUpdateDispatches(request: UpdateRequest, buffers: UpdateBuffers): Promise<Dispatch[]> {
  const { device, network, settings, plan } = request;
  if (searchesLine(settings.optimizer)) {
    const { createLbfgsDispatch } = await import("./lbfgsDispatch.ts");
    return [await createLbfgsDispatch(request, buffers)];
  }
  const { steps, hyper, settings: rates, gradients, parameters, moments, losses, status } = buffers;
  const entries = updateEntries(device.kind, network);
  const own = kernelUpdateOf(widestOptimizer(settings));
  const squares = own.clipsNorm ? await createSquares(request, buffers) : undefined;
  const matrices =
    own.directionCode === undefined ? undefined : await createOrthogonal(request, buffers, squares?.sums);
  const bound = [stepWindow(steps), hyper, rates, gradients, parameters, moments, losses, status];
  const source = updateKernel(own, network, matrices?.code);
  const update = createDispatch(device, await createKernel(device, source, { ENTRIES: entries }), {
    label: settings.optimizer.name,
    bound: [...bound, ...(squares ? [squares.sums] : []), ...(matrices ? [matrices.orthogonal] : [])],
    invocations: () => updateInvocations(network, entries),
    members: plan.groupMembers,
  });
  return [...(squares ? [squares.dispatch] : []), ...(matrices?.dispatches ?? []), update];
}

/** The dispatches that make matrices orthogonal, loaded where they are needed. */
async function createOrthogonal(request: UpdateRequest, buffers: UpdateBuffers, squares: GPUBuffer | undefined) {
  const { createOrthogonalDispatches } = await import("./orthogonalDispatches.ts");
  return createOrthogonalDispatches(request, buffers, squares);
}

/** The dispatch that adds up squares of gradients, and the buffer of its sums. */
async function createSquares({ device, network, members, plan }: UpdateRequest, buffers: UpdateBuffers) {
  const { owner, steps, gradients } = buffers;
  const { parameterCount } = network;
  const blocks = squareBlocks(network);
  const words = gradientSizes({ members, parameterCount, splits: plan.splits, blocks });
  const sizes = owner.uniform("gradient sizes", words.byteLength);
  write(device, sizes, words);
  const sums = owner.storage("squares", 2 * members * blocks);
  const dispatch = createDispatch(device, await createKernel(device, squaresKernel), {
    label: "squares",
    bound: [stepWindow(steps), sizes, gradients, sums],
    invocations: () => groupSize * blocks,
    members: plan.groupMembers,
  });
  return { sums, dispatch };
}
