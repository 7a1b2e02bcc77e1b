import type { StepNode } from "../../graph/derive.ts";
import type { NodePlace, Schedule } from "../../graph/schedule.ts";

/** A buffer that a row kernel reads besides parameters and the buffer that it writes. */
export type RowBuffer =
  { readonly kind: "inputs" | "batchRows" | "settings" } | Exclude<NodePlace, { kind: "arena" | "input" }>;

/** A unit of a vector in WGSL; own where the lane that computes it is the one that reads it. */
export interface Unit {
  readonly text: string;
  readonly isOwn: boolean;
}

/** Bindings 0 to 3 of shaders/rows.wgsl: step, sizes, parameters, arena. */
const fixedBindings = 4;

/** Where the nodes that a row kernel reads and writes lie, in WGSL; gives the buffers that it reads their bindings. */
export class RowMemory {
  readonly buffers: RowBuffer[] = [];
  readonly #schedule: Schedule;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  node(index: number): StepNode {
    return this.#schedule.nodes[index]!;
  }

  reads(kind: RowBuffer["kind"]): boolean {
    return this.buffers.some((buffer) => buffer.kind === kind);
  }

  /** Declarations of the buffers. */
  declarations(): string {
    const types = { inputs: "read> inputs: array<f32>", batchRows: "read_write> batchRows: array<u32>" };
    const named = this.buffers.map((buffer, index) => {
      const binding = `@group(0) @binding(${fixedBindings + index}) var<storage, `;
      if (buffer.kind === "settings") return `${binding}read> settings: array<MemberSettings>;`;
      if (buffer.kind === "inputs" || buffer.kind === "batchRows") return `${binding}${types[buffer.kind]};`;
      return `${binding}read> product${index}: array<f32>;`;
    });
    return named.join("\n");
  }

  /** Name of a buffer; it gets a binding where it has none. */
  buffer(buffer: RowBuffer): string {
    const key = JSON.stringify(buffer);
    let index = this.buffers.findIndex((known) => JSON.stringify(known) === key);
    if (index < 0) index = this.buffers.push(buffer) - 1;
    const { kind } = buffer;
    return kind === "inputs" || kind === "batchRows" || kind === "settings" ? kind : `product${index}`;
  }

  /** The node that a view shows, and where unit u of the view lies in it. */
  resolve(index: number, unit: Unit): { base: number; unit: Unit } {
    const node = this.node(index);
    if (node.kind === "broadcast") return this.resolve(node.from, { text: "0u", isOwn: false });
    if (node.kind === "slice" && node.start > 0) {
      return this.resolve(node.from, { text: `${unit.text} + ${node.start}u`, isOwn: false });
    }
    return node.kind === "slice" ? this.resolve(node.from, unit) : { base: index, unit };
  }

  /** A value of a parameter. @param place in the parameter */
  parameter(parameter: number, place: string): string {
    const { offset } = this.#schedule.step.parameters[parameter]!;
    return `parameters[member * sizes.parameterCount + ${offset}u + ${place}]`;
  }

  /** A value of a node that is no view. */
  value(index: number, unit: string): string {
    const { width } = this.node(index);
    const place = this.#schedule.placeOf(index);
    if (place.kind === "arena") return `arena[${place.base}u * sizes.nodeStride + sample * ${width}u + ${unit}]`;
    if (place.kind === "input") {
      this.buffer({ kind: "batchRows" });
      return `${this.buffer({ kind: "inputs" })}[source * ${width}u + ${unit}]`;
    }
    const columns = place.kind === "lossGradient" ? place.columns : width;
    const isSecond = place.kind === "dense" && place.plane === 1;
    const first = isSecond ? `sizes.members * sizes.capacity * ${width}u + ` : "";
    const own: RowBuffer = place.kind === "dense" ? { ...place, plane: 0 } : place;
    return `${this.buffer(own)}[${first}sample * ${columns}u + ${unit}]`;
  }
}
