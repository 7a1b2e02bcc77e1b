// Where the values of a program lie: a few buffers, in which places are used again as soon as nothing reads them any more.

import { type Program, resultValues, type Value } from "../../../program.ts";
import { type Group, readsOfGroup } from "./groups.ts";
import type { ProductNode } from "./nodes.ts";
import type { Stage } from "./schedule.ts";

/** Place of a value: number of a buffer, and values before it there. */
export interface Place {
  readonly arena: number;
  readonly offset: number;
}

export interface MemoryPlan {
  readonly places: ReadonlyMap<Value, Place>;
  /** Values in each buffer. */
  readonly sizes: readonly number[];
}

/** Arguments that are not overwritten, and constants; donated arguments; what is computed is behind them. */
const constantArena = 0;
const donatedArena = 1;
const firstComputedArena = 2;

/** Values begin at multiples: vectors of four are loaded, and nothing shares a line of a cache. */
const alignment = 64;
const aligned = (size: number): number => Math.max(1, Math.ceil(size / alignment)) * alignment;

interface Block {
  readonly offset: number;
  readonly size: number;
  /** The last stage that uses it. */
  readonly until: number;
}

/** A buffer whose places are given out by the time for which they are used. */
class Arena {
  size = 0;
  readonly #blocks: Block[] = [];

  take(values: number, from: number, until: number): number {
    const size = aligned(values);
    const taken = this.#blocks.filter((block) => block.until >= from).toSorted((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const block of taken) {
      if (block.offset - offset >= size) break;
      offset = Math.max(offset, block.offset + block.size);
    }
    this.#blocks.push({ offset, size, until });
    this.size = Math.max(this.size, offset + size);
    return offset;
  }
}

/** Values that a group leaves in memory: those that others read, and results. */
export function storedOf(group: Group, groups: readonly Group[], results: ReadonlySet<Value>): Value[] {
  const read = new Set(groups.filter((other) => other !== group).flatMap((other) => [...readsOfGroup(other)]));
  return group.nodes.map(({ out }) => out).filter((out) => read.has(out) || results.has(out));
}

/** Buffers that a kernel reads with bindings of their own: it must not write to them. */
function readOnlyArenas({ kind, nodes: [first], ...group }: Group, places: ReadonlyMap<Value, Place>): number[] {
  if (kind === "rows") return [];
  const { a, b } = (first as ProductNode).of ?? {};
  const values = kind === "product" ? [a!.buffer, b!.buffer] : [...readsOfGroup({ kind, nodes: [first!], ...group })];
  return values.map((value) => places.get(value)!.arena);
}

/** @param replaced arguments by the results that take their place */
export function planMemory(
  program: Program,
  stages: readonly Stage[],
  replaced: ReadonlyMap<Value, Value>,
): MemoryPlan {
  const groups = stages.flat();
  const results = new Set(resultValues(program));
  const places = new Map<Value, Place>();
  const arenas: Arena[] = [new Arena(), new Arena()];
  const lastRead = new Map<Value, number>();
  for (const [at, stage] of stages.entries()) {
    for (const group of stage) for (const value of readsOfGroup(group)) lastRead.set(value, at);
  }
  const place = (value: Value, arena: number, from: number, until: number): void => {
    while (arenas.length <= arena) arenas.push(new Arena());
    places.set(value, { arena, offset: arenas[arena]!.take(value.size, from, until) });
  };
  for (const [value] of [...lastRead, ...program.arguments.map((value) => [value] as const)]) {
    if (places.has(value) || (!value.source && value.size > 0)) continue; // what has no values is computed by nobody
    const { source } = value;
    const isDonated = source?.kind === "argument" && program.donated[source.index];
    place(value, isDonated ? donatedArena : constantArena, 0, Number.POSITIVE_INFINITY);
  }
  for (const [at, stage] of stages.entries()) {
    for (const group of stage) {
      const taken = readOnlyArenas(group, places);
      let arena = firstComputedArena;
      while (taken.includes(arena)) arena++;
      for (const value of storedOf(group, groups, results)) {
        const argument = replaced.get(value);
        if (argument) places.set(value, places.get(argument)!);
        else place(value, arena, at, results.has(value) ? Number.POSITIVE_INFINITY : lastRead.get(value)!);
      }
    }
  }
  return { places, sizes: arenas.map(({ size }) => size) };
}
