import { operandsOf } from "../../../graph/graph.ts";
import type { AnyNetwork, DenseShape } from "../../../graph/graphNetwork.ts";
import { type Activation, nameOf } from "../../../graph/network.ts";
import type { Task } from "../../../graph/tasks.ts";
import { savesPreActivation } from "../../../math/scalarFunction.ts";
import type { GpuDevice } from "../device.ts";
import type { Constants } from "../kernel.ts";
import { layerKernel } from "../kernels.ts";
import {
  alignmentOf,
  kernelName,
  valueInvocations,
  variantConstants,
  weightInvocations,
  weightsAlignment,
} from "../matmulVariants.ts";
import type { RowBuffer } from "../rowMemory.ts";
import { stepWindow } from "./costConstants.ts";
import type { DispatchRequest } from "./dispatches.ts";
import type { LayeredPlan } from "./layeredPlan.ts";
import type { NodeMemory } from "./nodeMemory.ts";

type TaskOf<Kind extends Task["kind"]> = Task & { readonly kind: Kind };

/** What the dispatches of forward are built from. */
export interface ForwardRequest {
  readonly device: GpuDevice;
  readonly network: AnyNetwork;
  readonly members: number;
  /** [members, parameterCount]. */
  readonly parameters: GPUBuffer;
  readonly plan: Pick<LayeredPlan, "layers" | "groupMembers">;
  readonly buffers: {
    readonly steps: GPUBuffer;
    readonly inputs: GPUBuffer;
    readonly batchRows: GPUBuffer;
    readonly memory: NodeMemory;
    /** Of a training: what masks are drawn by. */
    readonly settings?: GPUBuffer;
  };
  /** Uniforms of the layers. */
  readonly layers: readonly GPUBuffer[];
  /** How the data are read: `ROWS` of shaders/forward.wgsl, and how rows are drawn. */
  readonly rows: Constants;
  /** Invocations that take a row of nodes together; default: as many as the widest vector has units. */
  readonly lanes?: number | undefined;
}

/** What those of a training are built from. */
export interface TaskRequest extends ForwardRequest {
  readonly plan: LayeredPlan;
  readonly buffers: ForwardRequest["buffers"] & { readonly targets: GPUBuffer; readonly gradients: GPUBuffer };
}

/** The task that computes a layer. */
export const denseTaskOf = ({ schedule }: NodeMemory, layer: DenseShape): TaskOf<"dense"> =>
  schedule.tasks.find((task) => task.kind === "dense" && task.layer === layer) as TaskOf<"dense">;

/** Uniforms of the layers: what they read, and how their gradients lie. */
export function layerUniforms(memory: NodeMemory): GPUBuffer[] {
  const { layers, tasks } = memory.schedule;
  return layers.map((layer) => {
    const reads = denseTaskOf(memory, layer);
    const weights = tasks.find((task) => task.kind === "denseWeights" && task.layer === layer);
    return memory.uniform(`layer ${layer.index}`, {
      layer,
      sharesInputs: reads.input === 0,
      ...(weights && { gradientColumns: memory.columnsOf((weights as TaskOf<"denseWeights">).gradient) }),
    });
  });
}

export function forwardOf(request: ForwardRequest, { layer, input, residual }: TaskOf<"dense">): DispatchRequest {
  const { device, network, members, parameters, plan, buffers, layers, rows } = request;
  const { steps, batchRows, memory, settings } = buffers;
  const { index, fanOut, activation, activated } = layer;
  const variant = plan.layers[index]!.forward;
  return {
    source: layerKernel(kernelName("forward", variant), { activation, adds: residual !== undefined }),
    label: `layer ${index}`,
    constants: {
      ...rows,
      ...(input === 0 ? {} : { ROWS: 0 }),
      SAVES_PRE_ACTIVATION: settings !== undefined && savesPreActivation(activation) ? 1 : 0,
      ...variantConstants(variant, device.kind, weightsAlignment("rows", layer, network, members)),
    },
    bound: [
      stepWindow(steps),
      layers[index]!,
      memory.boundOf(input),
      parameters,
      memory.boundOf(activated),
      batchRows,
      parameters,
      ...(residual ? [memory.boundOf(residual.added)] : []),
    ],
    invocations: (count) => valueInvocations(variant, count, fanOut),
    members: plan.groupMembers,
  };
}

/** Invocations that take a row together: as many as the widest vector has units; a software adapter has few threads. */
function lanesOf({ device, lanes, buffers }: ForwardRequest, nodes: readonly number[]): number {
  const all = buffers.memory.schedule.nodes;
  const widest = Math.max(
    ...nodes.flatMap((node) => [node, ...operandsOf(all[node]!)].map((each) => all[each]!.width)),
  );
  return lanes ?? (device.kind === "software" ? 1 : Math.min(64, 2 ** Math.ceil(Math.log2(widest))));
}

/** Nodes that are computed row by row. */
export async function rowsOf(request: ForwardRequest, { nodes }: TaskOf<"rows">): Promise<DispatchRequest> {
  const { emitRows } = await import("../emit/emitRows.ts");
  const { rowsKernel } = await import("../graphKernels.ts");
  const { parameters, plan, buffers, rows } = request;
  const { steps, memory, settings } = buffers;
  const kernel = emitRows({ schedule: memory.schedule, nodes, drops: settings !== undefined });
  const lanes = lanesOf(request, nodes);
  const bufferOf = (own: RowBuffer): GPUBuffer => (typeof own === "number" ? memory.arena(own) : buffers[own]!);
  return {
    source: rowsKernel(kernel),
    label: `nodes ${nodes[0]}`,
    constants: { ...rows, LANES: lanes },
    bound: [stepWindow(steps), memory.sizes, parameters, ...kernel.buffers.map(bufferOf)],
    invocations: (count) => count * lanes,
    members: plan.groupMembers,
  };
}

function lossOf({ network, plan, buffers, layers }: TaskRequest, task: TaskOf<"loss">): DispatchRequest {
  const { layer, output, gradients } = task;
  const { steps, targets, batchRows, memory } = buffers;
  const activation = layer?.activation ?? "identity";
  const shape = { fanIn: 0, fanOut: network.outputs, weightsOffset: 0 };
  return {
    source: layerKernel("loss", { activation, loss: network.loss, isWeighted: network.isWeighted }),
    label: nameOf(network.loss),
    constants: { SAVED_PLANE: savesPreActivation(activation) ? 1 : 0 },
    bound: [
      stepWindow(steps),
      layer ? layers[layer.index]! : memory.uniform("loss", { layer: shape }),
      memory.boundOf(output),
      targets,
      batchRows,
      memory.boundOf(gradients[0]!),
    ],
    invocations: (rows) => rows,
    members: plan.groupMembers,
  };
}

function backwardInputsOf(request: TaskRequest, task: TaskOf<"denseInputs">): DispatchRequest {
  const { device, network, members, parameters, plan, buffers, layers } = request;
  const { layer, gradient, nodes, kept, below } = task;
  const { steps, memory } = buffers;
  const variant = plan.layers[layer.index]!.backwardInputs;
  const activation = below?.activation ?? "identity";
  return {
    source: layerKernel(kernelName("backwardInputs", variant), { activation }),
    label: `layer ${layer.index}`,
    constants: {
      SAVED_PLANE: savesPreActivation(activation) ? 1 : 0,
      KEEPS: kept === undefined ? 0 : 1,
      ...variantConstants(variant, device.kind, weightsAlignment("columns", layer, network, members)),
    },
    bound: [
      stepWindow(steps),
      layers[layer.index]!,
      memory.boundOf(gradient),
      parameters,
      memory.boundOf(below?.activated ?? gradient), // the slope of the identity reads nothing
      memory.boundOf(nodes[0]!),
      parameters,
    ],
    invocations: (rows) => valueInvocations(variant, rows, layer.fanIn),
    members: plan.groupMembers,
  };
}

function backwardWeightsOf(request: TaskRequest, task: TaskOf<"denseWeights">): DispatchRequest {
  const { device, plan, buffers, layers } = request;
  const { layer, input, gradient } = task;
  const { steps, batchRows, gradients, memory } = buffers;
  const variant = plan.layers[layer.index]!.backwardWeights;
  const columns = memory.columnsOf(gradient);
  const values = memory.boundOf(gradient);
  const invocations = plan.splits * weightInvocations(variant, layer, columns);
  return {
    source: layerKernel(kernelName("backwardWeights", variant)),
    label: `layer ${layer.index}`,
    constants: {
      GATHERS: input === 0 && !plan.gathered ? 1 : 0,
      ...variantConstants(variant, device.kind, alignmentOf("rows", columns)),
    },
    bound: [stepWindow(steps), layers[layer.index]!, memory.boundOf(input), values, batchRows, gradients, values],
    invocations: () => invocations,
    members: plan.groupMembers,
  };
}

/** Sums over the batch, as the gradients by the bias of a layer without inputs. */
function sumsOf({ plan, buffers }: TaskRequest, { offset, gradient }: TaskOf<"sums">): DispatchRequest {
  const { steps, batchRows, gradients, memory } = buffers;
  const fanOut = memory.columnsOf(gradient);
  const values = memory.boundOf(gradient);
  const layer = memory.uniform(`parameters ${offset}`, { layer: { fanIn: 0, fanOut, weightsOffset: offset } });
  return {
    source: layerKernel("backwardWeights"),
    label: `parameters ${offset}`,
    constants: { GATHERS: 0 },
    bound: [stepWindow(steps), layer, values, values, batchRows, gradients, values],
    invocations: () => plan.splits * fanOut,
    members: plan.groupMembers,
  };
}

async function tableOf({ plan, buffers }: TaskRequest, task: TaskOf<"table">): Promise<DispatchRequest> {
  const { tableKernel } = await import("../graphKernels.ts");
  const { steps, gradients, memory } = buffers;
  const { shape, offset, size } = memory.schedule.step.parameters[task.parameter]!;
  const [fanIn, fanOut] = shape as [number, number];
  const layer = memory.uniform(`parameters ${offset}`, { layer: { fanIn, fanOut, weightsOffset: offset } });
  return {
    source: tableKernel,
    label: `parameters ${offset}`,
    constants: {},
    bound: [stepWindow(steps), layer, memory.boundOf(task.index), memory.boundOf(task.gradient), gradients],
    invocations: () => plan.splits * size,
    members: plan.groupMembers,
  };
}

/** The dispatch of a task of a training. */
export function dispatchOf(request: TaskRequest, task: Task): DispatchRequest | Promise<DispatchRequest> {
  switch (task.kind) {
    case "dense":
      return forwardOf(request, task);
    case "rows":
      return rowsOf(request, task);
    case "loss":
      return lossOf(request, task);
    case "denseInputs":
      return backwardInputsOf(request, task);
    case "denseWeights":
      return backwardWeightsOf(request, task);
    case "sums":
      return sumsOf(request, task);
    case "table":
      return tableOf(request, task);
  }
}

/** Computes a layer again, with this activation, into a separate buffer: a trace needs values that training does not store. */
export function layerInto(
  request: ForwardRequest,
  layer: DenseShape,
  activation: Activation,
  into: GPUBuffer,
): DispatchRequest {
  const { input } = denseTaskOf(request.buffers.memory, layer);
  const usual = forwardOf(request, { kind: "dense", input, layer: { ...layer, activation } });
  return {
    ...usual,
    constants: { ...usual.constants, SAVES_PRE_ACTIVATION: 0 },
    bound: usual.bound.with(4, into),
  };
}
