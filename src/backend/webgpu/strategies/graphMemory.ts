import { type BufferOwner, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { blockOf } from "../layout.ts";
import { emitRows, mostRowBuffers } from "../emit/emitRows.ts";
import type { RowBuffer } from "../rowMemory.ts";
import { type Bound, createDispatch, createKernel, type Dispatch } from "../kernel.ts";
import { Rows, rowsKernel } from "../graphKernels.ts";
import { operandsOf } from "../../../graph/graph.ts";
import { type AnyNetwork, asChain, type GraphNetwork } from "../../../graph/graphNetwork.ts";
import { deriveStep } from "../../../graph/derive.ts";
import { type Schedule, scheduleOf, type Task, unscheduled } from "../../../graph/schedule.ts";
import type { Network } from "../../../graph/network.ts";
import { stepWindow } from "./costConstants.ts";

/** The dense layers of a graph, with their places in its parameters, for what sizes and computes products. */
export function denseLayersOf({ inputs, outputs, loss, parameterCount, graph }: GraphNetwork): Network {
  const { layers } = scheduleOf(deriveStep(graph));
  return { inputs, outputs, loss, parameterCount, layers };
}

/** Why a network does not run on a GPU, in words that follow "got"; undefined where it does. */
export function whyNotOnGpu(network: AnyNetwork): string | undefined {
  if (asChain(network)) return undefined;
  const step = deriveStep((network as GraphNetwork).graph);
  const reason = unscheduled(step);
  if (reason) return reason;
  const schedule = scheduleOf(step);
  const kernels = schedule.tasks
    .filter((task) => task.kind === "rows")
    .map((task) => emitOf(schedule, task.nodes, true));
  const most = Math.max(0, ...kernels.map(({ buffers }) => buffers.length));
  return most > mostRowBuffers ? `a network in which ${most} results are combined at once` : undefined;
}

/** Nodes that a task reads, without views. */
function readsOf(schedule: Schedule, task: Task): number[] {
  const base = (index: number): number[] => {
    const node = schedule.nodes[index]!;
    if (node.kind === "broadcast" || node.kind === "slice") return base(node.from);
    return node.kind === "parameter" ? [] : [index];
  };
  if (task.kind === "rows") return task.nodes.flatMap((node) => operandsOf(schedule.nodes[node]!).flatMap(base));
  const inputs = "input" in task ? [task.input] : [];
  const gradients = "gradient" in task ? [task.gradient] : [];
  return [...inputs, ...gradients, ...("index" in task ? [task.index] : [])];
}

function emitOf(schedule: Schedule, nodes: readonly number[], drops: boolean) {
  const others = schedule.tasks.filter((task) => task.kind !== "rows" || task.nodes[0] !== nodes[0]);
  const read = new Set(others.flatMap((task) => readsOf(schedule, task)));
  return emitRows({ schedule, nodes, isRead: (node) => read.has(node), drops });
}

/** Samples that the parts of the arena have room for: a multiple of 64, so that every part begins where a binding may. */
const nodeStrideOf = (samples: number): number => Math.ceil(samples / 64) * 64;

/** Bytes that a graph takes beside the buffers of its dense layers. */
export function graphBytes(schedule: Schedule, members: number, rows: number): number {
  const inputGradients = schedule.tasks.reduce(
    (sum, task) => sum + (task.kind === "denseInputs" ? task.layer.fanIn : 0),
    0,
  );
  return 4 * (schedule.arenaWidth * nodeStrideOf(members * rows) + inputGradients * members * rows);
}

/** Largest buffer of nodes, as layeredPlan.ts limits the buffers of layers. */
const workBytes = 128 * 2 ** 20;
/** What a value costs a row kernel, in floating-point operations. */
export const valueFlops = 64;

/** Rows of a chunk that the row kernels can take, by memory and by the time of a dispatch. */
export function rowsThatFit(
  { device, members }: Pick<GraphMemoryRequest, "device" | "members">,
  { graph }: GraphNetwork,
): number {
  const width = Math.max(1, scheduleOf(deriveStep(graph)).arenaWidth);
  const bytes = Math.min(device.maxBufferBytes, workBytes);
  const samples = Math.min(bytes / (4 * width) - 63, device.dispatchFlops / (valueFlops * width));
  return Math.max(1, Math.floor(samples / members));
}

/** The buffers of dense layers and data that nodes lie in. */
export interface OuterBuffers {
  readonly steps: GPUBuffer;
  readonly inputs: GPUBuffer;
  readonly batchRows: GPUBuffer;
  readonly outputs: readonly GPUBuffer[];
  readonly parameters: GPUBuffer;
  /** Of a training. */
  readonly dOutputs?: readonly GPUBuffer[];
  readonly settings?: GPUBuffer;
}

export interface GraphMemoryRequest {
  readonly device: GpuDevice;
  readonly owner: BufferOwner;
  readonly network: GraphNetwork;
  readonly members: number;
  readonly capacity: number;
  readonly tasks: readonly Task[];
  /** Invocations that take a row together; default by the device. */
  readonly lanes?: number | undefined;
}

/** Where the nodes of a graph lie that no dense layer computes, and the dispatches that compute them. */
export class GraphMemory {
  readonly schedule: Schedule;
  readonly #request: GraphMemoryRequest;
  readonly #arena: GPUBuffer;
  readonly #sizes: GPUBuffer;
  readonly #inputGradients: ReadonlyMap<number, GPUBuffer>;
  readonly #nodeStride: number;

  constructor(request: GraphMemoryRequest) {
    const { owner, network, members, capacity, tasks } = request;
    this.#request = request;
    this.schedule = scheduleOf(deriveStep(network.graph));
    this.#nodeStride = nodeStrideOf(members * capacity);
    this.#arena = owner.storage("nodes", this.schedule.arenaWidth * this.#nodeStride);
    this.#sizes = owner.uniform("rows", 32);
    this.#inputGradients = new Map(
      tasks.flatMap((task) =>
        task.kind === "denseInputs"
          ? [[task.node, owner.storage(`dInputs ${task.node}`, members * capacity * task.layer.fanIn)] as const]
          : [],
      ),
    );
  }

  /** Lets nodes lie without gaps for so many rows. @param ownRows whether each member takes rows of its own */
  layOut(rows: number, ownRows: boolean): void {
    const { device, network, members } = this.#request;
    const { parameterCount } = network;
    const rowsMemberStride = ownRows ? rows : 0;
    const sizes = { members, capacity: rows, parameterCount, nodeStride: this.#nodeStride, rowsMemberStride };
    write(device.gpu, this.#sizes, blockOf(Rows!, sizes));
  }

  /** A node's place, and its first value there, in values. */
  placeOf(node: number, outer: OuterBuffers, rows = this.#request.capacity): { buffer: GPUBuffer; first: number } {
    const { width } = this.schedule.nodes[node]!;
    const place = this.schedule.placeOf(node);
    if (place.kind === "arena") return { buffer: this.#arena, first: place.base * this.#nodeStride };
    if (place.kind === "input") return { buffer: outer.inputs, first: 0 };
    if (place.kind === "denseInputs") return { buffer: this.#inputGradients.get(node)!, first: 0 };
    if (place.kind === "lossGradient") return { buffer: outer.dOutputs!.at(-1)!, first: 0 };
    return { buffer: outer.outputs[place.layer]!, first: place.plane * this.#request.members * rows * width };
  }

  /** What a product of a node's values binds. */
  boundOf(node: number, outer: OuterBuffers): Bound {
    const { buffer, first } = this.placeOf(node, outer);
    if (buffer !== this.#arena) return buffer;
    const { members, capacity } = this.#request;
    const size = 4 * members * capacity * this.schedule.nodes[node]!.width;
    return { buffer, offset: 4 * first, size: Math.max(16, size) };
  }

  #bufferOf(own: RowBuffer, outer: OuterBuffers): GPUBuffer {
    if (own.kind === "inputs" || own.kind === "batchRows") return outer[own.kind];
    if (own.kind === "settings") return outer.settings!;
    if (own.kind === "denseInputs") return this.#inputGradients.get(own.node)!;
    return own.kind === "dense" ? outer.outputs[own.layer]! : outer.dOutputs!.at(-1)!;
  }

  /** Invocations that take a row together: as many as the widest vector has units; a software adapter has few threads. */
  #lanesFor(nodes: readonly number[]): number {
    const { lanes, device } = this.#request;
    const widest = Math.max(
      ...nodes.flatMap((node) =>
        [node, ...operandsOf(this.schedule.nodes[node]!)].map((each) => this.schedule.nodes[each]!.width),
      ),
    );
    return lanes ?? (device.kind === "software" ? 1 : Math.min(64, 2 ** Math.ceil(Math.log2(widest))));
  }

  /** The dispatch of nodes that are computed row by row. @param constants how rows of the data are found */
  async rowsDispatch(
    { nodes }: Task & { kind: "rows" },
    outer: OuterBuffers,
    constants: Readonly<Record<string, number>>,
    members: number,
  ): Promise<Dispatch> {
    const { device } = this.#request;
    const kernel = emitOf(this.schedule, nodes, outer.settings !== undefined);
    const lanes = this.#lanesFor(nodes);
    const compiled = await createKernel(device, rowsKernel(kernel), { ...constants, LANES: lanes });
    return createDispatch(device, compiled, {
      label: `nodes ${nodes[0]}`,
      bound: [
        stepWindow(outer.steps),
        this.#sizes,
        outer.parameters,
        this.#arena,
        ...kernel.buffers.map((own) => this.#bufferOf(own, outer)),
      ],
      invocations: (rows) => rows * lanes,
      members,
    });
  }
}
