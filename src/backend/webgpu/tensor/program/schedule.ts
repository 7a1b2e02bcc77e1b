// In which order groups are dispatched, and which results take the place of donated arguments.

import { type Program, resultValues, type Value } from "../../../program.ts";
import { dependsOn, type Group, readsOfGroup } from "./groups.ts";
import { isIdentity } from "./loads.ts";
import { loadsOf } from "./nodes.ts";

/** Groups of one dispatch: one, or several of rows. */
export type Stage = readonly Group[];

/** Whether a value is, or will be, in the memory of donated arguments. */
const isDonated = (program: Program, value: Value): boolean =>
  value.source?.kind === "argument" && program.donated[value.source.index] === true;

/** Decides which results are written over donated arguments. */
class Replacing {
  /** Arguments by the results that take their place. */
  readonly found = new Map<Value, Value>();
  readonly #program: Program;
  readonly #groups: readonly Group[];

  constructor(program: Program, groups: readonly Group[]) {
    this.#program = program;
    this.#groups = groups;
    for (const argument of program.arguments) if (isDonated(program, argument)) this.#replace(argument);
  }

  /** Finds the first result that can take the place of an argument. Its group then needs those that read the argument. */
  #replace(argument: Value): void {
    for (const result of resultValues(this.#program)) {
      const group = this.#groups.find(({ nodes }) => nodes.some(({ out }) => out === result));
      if (!group || this.found.has(result) || result.size !== argument.size) continue;
      if (!this.#canReplace(group, argument, result)) continue;
      this.found.set(result, argument);
      for (const other of this.#readersOf(argument)) if (other !== group) group.needs.add(other);
      return;
    }
  }

  #readersOf(value: Value): Group[] {
    return this.#groups.filter((group) => readsOfGroup(group).has(value));
  }

  /** Whether a product has an operand where donated arguments lie, to which its kernel cannot write. */
  #readsDonated({ nodes: [first] }: Group, result: Value): boolean {
    if (first!.kind !== "product") return false;
    const { a, b } = first!.of;
    return [a.buffer, b.buffer].some(
      (value) => isDonated(this.#program, value) || this.found.has(value) || value === result,
    );
  }

  /** A group overwrites an argument if it reads of it only what it then writes, and nobody reads it after that. */
  #canReplace(group: Group, argument: Value, result: Value): boolean {
    const { domain, byRow, nodes } = group;
    const loads = nodes.flatMap((node) => loadsOf(node).filter(({ value }) => value === argument));
    if (loads.length === 0 || !loads.every(isIdentity)) return false;
    // Loops recompute what those before them have, from what is in memory by then.
    if (domain.width > 1 && (!byRow.has(result) || loads.length > 1)) return false;
    if (this.#readsDonated(group, result)) return false;
    // A product that reads the result must not itself write where donated arguments lie.
    const writers = this.#groups.filter((one) => one.nodes.some(({ out }) => this.found.has(out)));
    if (writers.some((writer) => this.#readsDonated(writer, result))) return false;
    return this.#readersOf(argument).every((other) => other === group || !dependsOn(other, group));
  }
}

/** Results that are written over a donated argument of their size which they are computed from: argument by result. */
export const replacements = (program: Program, groups: readonly Group[]): ReadonlyMap<Value, Value> =>
  new Replacing(program, groups).found;

/** How many groups, one after another, wait for each. */
function heightsOf(groups: readonly Group[]): Map<Group, number> {
  const heights = new Map<Group, number>();
  const heightOf = (group: Group): number => {
    const known = heights.get(group);
    if (known !== undefined) return known;
    const height = 1 + Math.max(0, ...groups.filter(({ needs }) => needs.has(group)).map(heightOf));
    heights.set(group, height);
    return height;
  };
  groups.forEach(heightOf);
  return heights;
}

/**
 * The order of dispatches. Whatever has a kernel of its own goes first, longest way to the end before others; rows wait until nothing else
 * is ready, and then share a dispatch.
 */
export function stagesOf(groups: readonly Group[]): Stage[] {
  const heights = heightsOf(groups);
  const waiting = new Set(groups);
  const stages: Stage[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting].filter(({ needs }) => [...needs].every((need) => !waiting.has(need)));
    const alone = ready.filter(({ kind }) => kind !== "rows").toSorted((a, b) => heights.get(b)! - heights.get(a)!);
    const stage = alone.length > 0 ? [alone[0]!] : ready;
    for (const group of stage) waiting.delete(group);
    stages.push(stage);
  }
  return stages;
}
