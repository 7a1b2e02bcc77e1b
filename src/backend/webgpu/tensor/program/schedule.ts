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

/** Whether a group can overwrite an argument with a result: it reads only what it then writes, and nobody reads after it. */
function canReplace(program: Program, groups: readonly Group[], group: Group, argument: Value, result: Value): boolean {
  const loads = group.nodes.flatMap((node) => loadsOf(node).filter(({ value }) => value === argument));
  const [first] = group.nodes;
  if (loads.length === 0 || !loads.every(isIdentity)) return false;
  if (group.domain.width > 1 && group.byRow.has(result) !== (argument.size === group.domain.rows)) return false;
  if (first!.kind === "product") {
    const { a, b } = first!.of;
    if ([a.buffer, b.buffer].some((value) => isDonated(program, value))) return false;
  }
  return groups.every((other) => other === group || !readsOfGroup(other).has(argument) || !dependsOn(other, group));
}

/**
 * Results that are written over a donated argument of their size which they are computed from, by the result. Their groups then need
 * those that read the argument.
 */
export function replacements(program: Program, groups: readonly Group[]): Map<Value, Value> {
  const found = new Map<Value, Value>();
  for (const argument of program.arguments) {
    if (!isDonated(program, argument)) continue;
    for (const result of resultValues(program)) {
      const group = groups.find(({ nodes }) => nodes.some(({ out }) => out === result));
      if (!group || found.has(result) || result.size !== argument.size) continue;
      if (!canReplace(program, groups, group, argument, result)) continue;
      found.set(result, argument);
      for (const other of groups) {
        if (other !== group && readsOfGroup(other).has(argument)) group.needs.add(other);
      }
      break;
    }
  }
  return found;
}

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
