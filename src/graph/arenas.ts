import { readsOf, type ScheduledNode, type Task, writesOf } from "./tasks.ts";

/** In a buffer that may hold many nodes, behind `base` values per sample; a row of a node has `columns` values. */
interface InArena {
  readonly kind: "arena";
  readonly arena: number;
  readonly base: number;
  readonly columns: number;
}

/** Where the values of a node lie in the memory of a GPU. */
export type NodePlace = { readonly kind: "input" } | InArena;

/** Where the nodes of a schedule lie. */
export interface Places {
  readonly placeOf: (node: number) => NodePlace;
  /** Values per sample of each arena, and of what forward needs of them. */
  readonly arenaWidths: readonly number[];
  readonly forwardWidths: readonly number[];
  /** Arenas have room for a multiple of so many samples, so that what a product binds begins where a binding may. */
  readonly sampleUnit: number;
}

/**
 * Arenas of nodes that kernels of rows read or write; other nodes have arenas of their own. Several, so that what a product reads lies
 * in others than what it writes: no buffer may be both in one dispatch. A product reads two nodes at most. With parameters, data, rows
 * and settings a kernel of rows binds at most 8 storage buffers, the number that every device offers.
 */
const sharedArenas = 4;
/** Values between two offsets that a binding may have on every device: 256 bytes. */
const bindingAlignment = 64;

/** Gives what tasks write its place, in order. */
class Arenas {
  readonly places = new Map<number, NodePlace>([[0, { kind: "input" }]]);
  readonly widths: number[] = [];
  readonly #nodes: readonly ScheduledNode[];
  readonly #shared: number[] = [];
  readonly #inRows: ReadonlySet<number>;

  constructor(nodes: readonly ScheduledNode[], tasks: readonly Task[]) {
    this.#nodes = nodes;
    const rows = tasks.filter(({ kind }) => kind === "rows");
    this.#inRows = new Set(rows.flatMap((task) => [...readsOf(nodes, task), ...this.#written(task)]));
    for (const task of tasks) this.#place(task);
  }

  #written(task: Task): number[] {
    return writesOf(this.#nodes, task).flatMap(({ nodes }) => nodes);
  }

  #place(task: Task): void {
    const writes = writesOf(this.#nodes, task);
    if (writes.length === 0) return;
    const arena = this.#arenaFor(task);
    for (const { nodes, columns } of writes) {
      for (const node of nodes) this.places.set(node, { kind: "arena", arena, base: this.widths[arena]!, columns });
      this.widths[arena]! += columns;
    }
  }

  /** An arena for what a task writes: of its own, or the least full of those that it does not read. */
  #arenaFor(task: Task): number {
    const isShared = this.#written(task).some((node) => this.#inRows.has(node));
    if (!isShared || this.#shared.length < sharedArenas) {
      const own = this.widths.push(0) - 1;
      if (isShared) this.#shared.push(own);
      return own;
    }
    const reads = task.kind === "rows" ? [] : readsOf(this.#nodes, task).map((node) => this.places.get(node)!);
    const free = this.#shared.filter(
      (arena) => !reads.some((place) => place.kind === "arena" && place.arena === arena),
    );
    return free.reduce((best, arena) => (this.widths[arena]! < this.widths[best]! ? arena : best));
  }

  /** The least count that is a multiple of the alignment times the base of everything that products bind. */
  unitOf(tasks: readonly Task[]): number {
    const products = tasks.filter(({ kind }) => kind !== "rows");
    const bound = products.flatMap((task) => [
      ...readsOf(this.#nodes, task),
      ...(writesOf(this.#nodes, task)[0]?.nodes ?? []),
    ]);
    const bases = bound.map((node) => this.places.get(node)!).map((place) => (place.kind === "arena" ? place.base : 0));
    const bits = bases.reduce((all, base) => all | base, bindingAlignment);
    return bindingAlignment / (bits & -bits);
  }

  /** Values per sample that some tasks write. */
  widthsOf(forward: readonly Task[]): number[] {
    const widths = this.widths.map(() => 0);
    for (const task of forward) {
      for (const node of task.kind === "dense" ? [task.layer.activated] : this.#written(task)) {
        const { arena, base, columns } = this.places.get(node) as InArena;
        widths[arena] = Math.max(widths[arena]!, base + columns);
      }
    }
    return widths;
  }
}

/** @param forward the tasks of forward by itself, which saves nothing for backward */
export function placesOf(nodes: readonly ScheduledNode[], tasks: readonly Task[], forward: readonly Task[]): Places {
  const arenas = new Arenas(nodes, tasks);
  return {
    placeOf: (node) => arenas.places.get(node)!,
    arenaWidths: arenas.widths,
    forwardWidths: arenas.widthsOf(forward),
    sampleUnit: arenas.unitOf(tasks),
  };
}
