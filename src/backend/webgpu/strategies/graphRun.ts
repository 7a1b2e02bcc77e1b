import { hasOwnRows } from "../../batches.ts";
import { type BufferOwner, write } from "../bufferOwner.ts";
import { createDispatch, createKernel, type Dispatch } from "../kernel.ts";
import { tableKernel } from "../graphKernels.ts";
import { layerKernel } from "../kernels.ts";
import { kernelName } from "../matmulVariants.ts";
import { deriveStep } from "../../../graph/derive.ts";
import type { GraphNetwork } from "../../../graph/graphNetwork.ts";
import { scheduleOf, type Task } from "../../../graph/schedule.ts";
import { InvalidInput } from "../../../errors.ts";
import type { LayerShape, Network } from "../../../graph/network.ts";
import { drawsApart, rowCountOf, stepWindow } from "./costConstants.ts";
import { denseLayersOf, graphBytes, GraphMemory, type OuterBuffers, rowsThatFit, valueFlops } from "./graphMemory.ts";
import { createLayeredBuffers, type LayeredBuffers } from "./layeredBuffers.ts";
import { type BuffersRequest, layeredBytes, planLayered } from "./layeredPlan.ts";
import {
  drawsOf,
  gathersOf,
  build,
  type DispatchesRequest,
  orderOf,
  rowsConstant,
  createUpdateDispatch,
} from "./dispatches.ts";
import { backwardInputsOf, backwardWeightsOf, forwardOf, type LayerInput, lossOf } from "./layeredRun.ts";
import type { PlannedRun, RunRequest } from "./planner.ts";
import { openRun } from "./gpuRun.ts";
import { StepRun } from "./stepRun.ts";
import { layerBlock } from "./uniforms.ts";

/** What of a graph is to be trained where; its dense layers are the network of the layered strategy. */
export interface GraphRequest extends BuffersRequest {
  readonly architecture: GraphNetwork;
  /** Invocations that take a row together; default by the device. */
  readonly lanes?: number | undefined;
}

/** A training of a graph that is to be planned. */
export type GraphRunRequest = Omit<RunRequest, "network"> & { readonly network: GraphNetwork };

/** Sizes of a run of a graph: those of its dense layers, in chunks of rows that the other nodes allow too. */
export function graphRequest(request: GraphRunRequest): GraphRequest {
  const { device, network: architecture, members, settings } = request;
  const network = denseLayersOf(architecture);
  const schedule = scheduleOf(deriveStep(architecture.graph));
  const rowCount = rowCountOf(settings, network);
  const batchSize = Math.min(settings.batchSize, rowsThatFit(request, architecture));
  const plan = planLayered(device, { network, members, rowCount, batchSize });
  const share = Math.min(settings.batchSize, rowCount) / Math.min(batchSize, rowCount);
  const dataLayers = schedule.tasks.flatMap((task) =>
    task.kind === "dense" && task.input === 0 ? [task.layer.index] : [],
  );
  return {
    device,
    network,
    architecture,
    members,
    settings,
    plan: {
      ...plan,
      chunks: Math.ceil(Math.min(settings.batchSize, rowCount) / plan.chunkRows),
      flopsPerStep: share * plan.flopsPerStep,
      workPerStep: share * (plan.workPerStep + valueFlops * members * batchSize * schedule.arenaWidth),
    },
    graph: {
      readsData: ({ index }) => dataLayers.includes(index),
      hasGradient: ({ index }) => index === network.layers.length - 1,
    },
  };
}

/** Every buffer of a training of a graph. */
export interface GraphBuffers extends LayeredBuffers {
  readonly memory: GraphMemory;
}

const ownRows = ({ settings, network }: { settings: GraphRequest["settings"]; network: Network }): boolean =>
  hasOwnRows(settings, rowCountOf(settings, network));

function createGraphBuffers(request: GraphRequest, owner: BufferOwner): GraphBuffers {
  const { device, architecture, members, plan, lanes } = request;
  const { tasks } = scheduleOf(deriveStep(architecture.graph));
  const capacity = plan.chunkRows;
  const buffers = createLayeredBuffers(request, owner);
  const memory = new GraphMemory({ device, owner, network: architecture, members, capacity, tasks, lanes });
  memory.layOut(capacity, ownRows(request));
  return { ...buffers, memory };
}

/** What the dispatches of a graph are built from. */
interface GraphDispatches extends DispatchesRequest {
  readonly buffers: GraphBuffers;
  readonly outer: OuterBuffers;
}

/** What a dense node multiplies. */
export function denseInputOf({ buffers, outer }: GraphDispatches, node: number): LayerInput {
  return { values: buffers.memory.boundOf(node, outer), isData: node === 0 };
}

/** A parameter with the uniform that kernels of layers read: vectors are layers without inputs, tables take categories as inputs. */
function parameterLayer(request: GraphDispatches, fanIn: number, fanOut: number, offset: number): GPUBuffer {
  const { device, network, members, plan, buffers } = request;
  const layer: LayerShape = {
    index: -1,
    fanIn,
    fanOut,
    activation: "identity",
    weightsOffset: offset,
    biasOffset: offset,
  };
  const words = layerBlock({
    network,
    layer,
    members,
    capacity: plan.chunkRows,
    sharesInputs: true,
    splits: plan.splits,
  });
  const uniform = buffers.owner.uniform(`parameters ${offset}`, words.byteLength);
  write(device.gpu, uniform, words);
  return uniform;
}

async function vectorDispatch(
  request: GraphDispatches,
  { offset, gradient }: Task & { kind: "vectors" },
): Promise<Dispatch> {
  const { device, buffers, outer, plan } = request;
  const { width } = buffers.memory.schedule.nodes[gradient]!;
  const values = buffers.memory.boundOf(gradient, outer);
  const kernel = await createKernel(device, layerKernel("backwardWeights"), { GATHERS: 0 });
  const layer = parameterLayer(request, 0, width, offset);
  return createDispatch(device, kernel, {
    label: `parameters ${offset}`,
    bound: [stepWindow(buffers.steps), layer, values, values, buffers.batchRows, buffers.gradients, values],
    invocations: () => plan.splits * width,
    members: plan.groupMembers,
  });
}

async function tableDispatch(request: GraphDispatches, task: Task & { kind: "table" }): Promise<Dispatch> {
  const { device, buffers, outer, plan } = request;
  const { schedule } = buffers.memory;
  const { shape, offset } = schedule.step.parameters[task.parameter]!;
  const [categories, width] = shape as [number, number];
  const [indices, gradient] = [task.index, task.gradient].map((node) => buffers.memory.boundOf(node, outer));
  const kernel = await createKernel(device, tableKernel);
  const layer = parameterLayer(request, categories, width, offset);
  return createDispatch(device, kernel, {
    label: `parameters ${offset}`,
    bound: [stepWindow(buffers.steps), layer, indices!, gradient!, buffers.gradients],
    invocations: () => plan.splits * categories * width,
    members: plan.groupMembers,
  });
}

function createTask(request: GraphDispatches, task: Task): Promise<Dispatch> {
  const { device, buffers, outer, plan } = request;
  const { memory } = buffers;
  switch (task.kind) {
    case "rows": {
      const constants = { ROWS: rowsConstant(request), ...orderOf(request) };
      return memory.rowsDispatch(task, outer, constants, plan.groupMembers);
    }
    case "dense":
      return build(device, forwardOf(request, task.layer, denseInputOf(request, task.input)));
    case "loss":
      return build(device, lossOf(request));
    case "denseInputs": {
      const gradient = memory.boundOf(task.gradient, outer);
      const dInputs = memory.boundOf(task.node, outer);
      // The slope of the identity reads nothing of outputs.
      const below = { activation: "identity", outputs: gradient, dInputs } as const;
      return build(device, backwardInputsOf(request, task.layer, below, gradient));
    }
    case "denseWeights": {
      const gradient = memory.boundOf(task.gradient, outer);
      return build(device, backwardWeightsOf(request, task.layer, denseInputOf(request, task.input), gradient));
    }
    case "vectors":
      return vectorDispatch(request, task);
    case "table":
      return tableDispatch(request, task);
  }
}

/** A training run of a graph, node by node. */
export type GraphRun = StepRun<GraphBuffers>;

/** What the nodes of a run lie in. */
export const outerOf = (buffers: LayeredBuffers, parameters: GPUBuffer): OuterBuffers => ({ ...buffers, parameters });

/**
 * Allocates buffers, uploads data and compiles pipelines.
 * @param parameters [members, parameterCount], updated by the run
 */
export function createGraphRun(request: GraphRequest, parameters: GPUBuffer): Promise<GraphRun> {
  return openRun(
    request.device,
    (owner) => createGraphBuffers(request, owner),
    async (buffers) => {
      const own: GraphDispatches = { ...request, parameters, buffers, outer: outerOf(buffers, parameters) };
      const { tasks } = buffers.memory.schedule;
      const buildAll = (list: ReturnType<typeof drawsOf>): Promise<Dispatch[]> =>
        Promise.all(list.map((each) => build(request.device, each)));
      const dispatches = {
        gathers: await buildAll(gathersOf(own)),
        chunk: [...(await buildAll(drawsOf(own))), ...(await Promise.all(tasks.map((task) => createTask(own, task))))],
        update: await createUpdateDispatch(own, { ...buffers, parameters }),
      };
      return new StepRun({ ...request, parameters, buffers, dispatches });
    },
  );
}

/** Names of the kernels of one step, in order. */
function kernelsOf({ plan, settings, network }: GraphRequest, tasks: readonly Task[]): string[] {
  const names = tasks.map((task): string => {
    if (task.kind === "dense") return kernelName("forward", plan.layers[task.layer.index]!.forward);
    if (task.kind === "denseInputs") {
      return kernelName("backwardInputs", plan.layers[task.layer.index]!.backwardInputs);
    }
    if (task.kind === "denseWeights") {
      return kernelName("backwardWeights", plan.layers[task.layer.index]!.backwardWeights);
    }
    if (task.kind === "vectors") return "backwardWeights";
    return task.kind === "table" ? "tableGradients" : task.kind;
  });
  const drawn = drawsApart(settings, rowCountOf(settings, network)) ? ["sampleBatch"] : [];
  return [...drawn, ...names, "update"];
}

/** Throws `InvalidInput` where a fused strategy is asked for. */
function requireLayered({ settings: { strategy = "auto" } }: GraphRunRequest): void {
  if (strategy === "auto" || strategy === "layered") return;
  throw new InvalidInput({
    place: "train: strategy",
    expected: "auto or layered for a network that is not a list of dense layers: the others are written for lists",
    got: strategy,
    fix: "leave strategy out",
  });
}

/**
 * Plans a run of a graph: layer by layer.
 * @throws InvalidInput where a fused strategy is asked for; LimitExceeded where parameters or one sample do not fit
 */
export function planGraphRun(request: GraphRunRequest): PlannedRun {
  requireLayered(request);
  const own = graphRequest(request);
  const schedule = scheduleOf(deriveStep(request.network.graph));
  const { plan, members } = own;
  const names = kernelsOf(own, schedule.tasks);
  const groups = Math.ceil(members / plan.groupMembers);
  const chunks = plan.chunks > 1 ? `, the batch in ${plan.chunks} chunks of ${plan.chunkRows} rows` : "";
  return {
    report: {
      machine: own.device.kind,
      strategy: "layered",
      reason: `layer by layer, the one strategy for a graph: ${groups * names.length} dispatches a step${chunks}`,
      dispatchesPerStep: groups * names.length,
      stepsPerDispatch: 1,
      stepMs: undefined,
      kernels: names,
      chunkRows: plan.chunkRows,
      bytes: layeredBytes(own) + graphBytes(schedule, members, plan.chunkRows),
    },
    create: (parameters) => createGraphRun(own, parameters),
  };
}
