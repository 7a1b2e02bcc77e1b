import { widestOptimizer } from "../backend/batches.ts";
import type { Checkpoint, FloatArray, RunSettings } from "../backend/executor.ts";

// What members have each for themselves lies in arrays [rows, members, width]: these are the only places that know it.

/** How the values of members lie in an array: one each, or one for each parameter. */
interface Members {
  readonly members: number;
  readonly parameterCount: number;
}

const isArray = (value: unknown): value is FloatArray => value instanceof Float32Array || value instanceof Float64Array;

/** An array of the same kind. */
export const arrayLike = <A extends FloatArray>(values: A, length: number): A =>
  new (values.constructor as new (length: number) => A)(length);

/** Values of a member that lie together. */
const widthOf = ({ length }: FloatArray, { members, parameterCount }: Members): number =>
  length % (members * parameterCount) === 0 ? parameterCount : 1;

/** The values of chosen members, in the order of `chosen`. */
export function pickRows<A extends FloatArray>(values: A, of: Members, chosen: readonly number[]): A {
  const width = widthOf(values, of);
  const rows = values.length / (of.members * width);
  const picked = arrayLike(values, rows * chosen.length * width);
  for (let row = 0; row < rows; row++) {
    for (const [place, member] of chosen.entries()) {
      const first = (row * of.members + member) * width;
      picked.set(values.subarray(first, first + width), (row * chosen.length + place) * width);
    }
  }
  return picked;
}

/** A copy of the values of all members, with those of chosen ones replaced. @param picked as `pickRows` returns them */
export function putRows<A extends FloatArray>(
  values: A,
  of: Members,
  chosen: readonly number[],
  picked: FloatArray,
): A {
  const width = widthOf(values, of);
  const rows = values.length / (of.members * width);
  const all = values.slice() as A;
  for (let row = 0; row < rows; row++) {
    for (const [place, member] of chosen.entries()) {
      const first = (row * chosen.length + place) * width;
      all.set(picked.subarray(first, first + width), (row * of.members + member) * width);
    }
  }
  return all;
}

/** As `pickRows`, of every array of a record, such as a checkpoint, in which every array is one of members. */
export const pickAll = <R extends object>(record: R, of: Members, chosen: readonly number[]): R =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, isArray(value) ? pickRows(value, of, chosen) : value]),
  ) as R;

/** As `putRows`, of every array of a record; a value that is no array is that of `picked`. */
export const putAll = <R extends object>(record: R, of: Members, chosen: readonly number[], picked: R): R =>
  Object.fromEntries(
    Object.entries(picked).map(([name, value]) => {
      const own = record[name as keyof R];
      return [name, isArray(value) && isArray(own) ? putRows(own, of, chosen, value) : value];
    }),
  ) as R;

/** The settings of a run of chosen members that continues from a checkpoint of all of them. */
export function settingsOf(
  settings: RunSettings,
  of: Members,
  { chosen, resume }: { readonly chosen: readonly number[]; readonly resume: Checkpoint },
): RunSettings {
  const { perMember = {}, heldOut } = settings;
  const lists = Object.entries(perMember).filter(([, list]) => list !== undefined);
  const own = lists.map(([name, list]) => [name, Float64Array.from(chosen, (member) => list[member]!)]);
  return {
    ...settings,
    optimizer: widestOptimizer(settings), // with the moments that all had, though those left may need none
    ...(settings.perMember && { perMember: Object.fromEntries(own) }),
    ...(heldOut && { heldOut: { ...heldOut, from: chosen.map((member) => heldOut.from[member]!) } }),
    resume: pickAll(resume, of, chosen),
  };
}
