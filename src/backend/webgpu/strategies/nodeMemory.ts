import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { type Schedule, scheduleOf } from "../../../graph/schedule.ts";
import { type BufferOwner, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import type { Bound } from "../kernel.ts";
import { nodeStrideOf } from "./layeredPlan.ts";
import { layerBlock, type LayerValues } from "./uniforms.ts";

export interface NodeMemoryRequest {
  readonly device: GpuDevice;
  readonly owner: BufferOwner;
  readonly network: AnyNetwork;
  readonly members: number;
  /** Rows per member that it has room for. */
  readonly capacity: number;
  /** Values per sample of each arena. */
  readonly widths: readonly number[];
  readonly splits: number;
  /** Whether each member draws its own rows. */
  readonly ownRows: boolean;
  /** [rows, network.inputs]. */
  readonly inputs: GPUBuffer;
}

/** The buffers in which the nodes of a network lie, and the uniforms that say how. */
export class NodeMemory {
  readonly schedule: Schedule;
  /** `Layer` for what reads nothing of a layer. */
  readonly sizes: GPUBuffer;
  readonly #arenas: ReadonlyMap<number, GPUBuffer>;
  readonly #request: NodeMemoryRequest;
  readonly #nodeStride: number;
  readonly #uniforms: { readonly buffer: GPUBuffer; readonly values: LayerValues }[] = [];
  #rows: number;

  constructor(request: NodeMemoryRequest) {
    const { owner, network, members, capacity, widths } = request;
    this.#request = request;
    this.schedule = scheduleOf(network);
    this.#rows = capacity;
    this.#nodeStride = nodeStrideOf(this.schedule, members * capacity);
    this.#arenas = new Map(
      [...widths.entries()]
        .filter(([, width]) => width > 0)
        .map(([arena, width]) => [arena, owner.storage(`arena ${arena}`, width * this.#nodeStride)]),
    );
    this.sizes = this.uniform("sizes", {});
  }

  /** Writes `Layer` into a uniform of its own. */
  uniform(label: string, values: LayerValues): GPUBuffer {
    const words = this.#words(values);
    const buffer = this.#request.owner.uniform(label, words.byteLength);
    write(this.#request.device, buffer, words);
    this.#uniforms.push({ buffer, values });
    return buffer;
  }

  #words(values: LayerValues): ArrayBuffer {
    const { network, members, splits, ownRows } = this.#request;
    const shared = { network, members, splits, ownRows, capacity: this.#rows, nodeStride: this.#nodeStride };
    return layerBlock({ ...shared, ...values });
  }

  /** Lets nodes of so many rows lie without gaps: a hundred thousand members are then read in one piece. */
  layOut(rows: number): void {
    if (rows === this.#rows) return;
    this.#rows = rows;
    for (const { buffer, values } of this.#uniforms) write(this.#request.device, buffer, this.#words(values));
  }

  arena(index: number): GPUBuffer {
    return this.#arenas.get(index)!;
  }

  /** A node's buffer, and its first value there. */
  placeOf(node: number): { buffer: GPUBuffer; first: number } {
    const place = this.schedule.placeOf(node);
    if (place.kind === "input") return { buffer: this.#request.inputs, first: 0 };
    return { buffer: this.arena(place.arena), first: place.base * this.#nodeStride };
  }

  /** What kernels of products and of the loss bind. */
  boundOf(node: number): Bound {
    const { buffer, first } = this.placeOf(node);
    return { buffer, offset: 4 * first };
  }

  /** Values between two samples of a node. */
  columnsOf(node: number): number {
    const place = this.schedule.placeOf(node);
    return place.kind === "input" ? this.#request.network.inputs : place.columns;
  }
}
