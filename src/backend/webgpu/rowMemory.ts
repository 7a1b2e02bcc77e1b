import type { Schedule } from "../../graph/schedule.ts";
import type { ScheduledNode } from "../../graph/tasks.ts";

/** A buffer that a row kernel binds besides the parameters: one of the data and the run, or an arena by its number. */
export type RowBuffer = "inputs" | "batchRows" | "settings" | number;

/** A unit of a vector in WGSL; own where the lane that computes it is the one that reads it. */
export interface Unit {
  readonly text: string;
  readonly isOwn: boolean;
}

/** Bindings 0 to 2 of shaders/rows.wgsl: step, layer, parameters. */
const fixedBindings = 3;

const types = {
  inputs: "read> inputs: array<f32>",
  batchRows: "read_write> batchRows: array<u32>",
  settings: "read> settings: array<MemberSettings>",
} as const;

/** Where the nodes that a row kernel reads and writes lie, in WGSL; gives the buffers that it binds their bindings. */
export class RowMemory {
  readonly buffers: RowBuffer[] = [];
  readonly #schedule: Schedule;
  readonly #starts = new Map<number, string>();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  node(index: number): ScheduledNode {
    return this.#schedule.nodes[index]!;
  }

  /** Declarations of the buffers. */
  declarations(): string {
    const named = this.buffers.map((buffer, index) => {
      const type = typeof buffer === "number" ? `read_write> arena${buffer}: array<f32>` : types[buffer];
      return `@group(0) @binding(${fixedBindings + index}) var<storage, ${type};`;
    });
    return named.join("\n");
  }

  /** Name of a buffer; it gets a binding where it has none. */
  buffer(buffer: RowBuffer): string {
    if (!this.buffers.includes(buffer)) this.buffers.push(buffer);
    return typeof buffer === "number" ? `arena${buffer}` : buffer;
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
    return `parameters[member * layer.parameterCount + ${offset}u + ${place}]`;
  }

  /** A value of a node that is no view. */
  value(index: number, unit: string): string {
    const place = this.#schedule.placeOf(index);
    if (place.kind === "input") {
      this.buffer("batchRows");
      return `${this.buffer("inputs")}[source * ${this.node(index).width}u + ${unit}]`;
    }
    const { arena, base, columns } = place;
    this.#starts.set(index, `let at${index} = ${base}u * layer.nodeStride + sample * ${columns}u;`);
    return `${this.buffer(arena)}[at${index} + ${unit}]`;
  }

  /** Where the rows of nodes begin: statements before all that use them, since not every compiler moves them out of a loop. */
  starts(): string[] {
    return [...this.#starts.values()];
  }
}
