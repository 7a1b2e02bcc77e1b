import type { Check, FailedRow, Point, RaceRecord, Row, TimedRow } from "../race/record.ts";
import { significant } from "../race/units.ts";

// Rows as readers want them: the fastest first, then those that failed; and who the base is that ratios refer to.

export const isTimed = (row: Row): row is TimedRow => row.status === "timed";

/** Without the second series of the base. */
export const timedRows = ({ rows }: Pick<Point, "rows">): TimedRow[] =>
  rows.filter(isTimed).filter(({ isNoise }) => !isNoise);

export const failedRows = ({ rows }: Pick<Point, "rows">): FailedRow[] =>
  rows.filter((row): row is FailedRow => !isTimed(row));

export const noiseRow = ({ rows }: Pick<Point, "rows">): TimedRow | undefined =>
  rows.filter(isTimed).find(({ isNoise }) => isNoise);

export const fastestFirst = (rows: readonly TimedRow[]): TimedRow[] =>
  [...rows].sort((a, b) => a.summary.median - b.summary.median);

/** The deviation that comes closest to its bound, or goes farthest beyond it; undefined where none was measured. */
export const worstOf = ({ deviations }: Check): Check["deviations"][number] | undefined =>
  deviations.length === 0
    ? undefined
    : deviations.reduce((a, b) => (b.deviation / b.bound >= a.deviation / a.bound ? b : a));

/** Why a row has no times, with what the check found where that is the reason. */
export function reasonOf({ status, reason, check }: FailedRow): string {
  const worst = check && !check.passed ? worstOf(check) : undefined;
  if (!worst) return `${status}: ${reason}`;
  const { deviation, bound, rounds } = worst;
  return `${status}: ${reason} (${significant(deviation)} after ${rounds.toLocaleString("en-US")}, bound ${significant(bound)})`;
}

const isOwnBase = ({ ratios }: TimedRow): boolean => ratios.length > 0 && ratios.every((ratio) => ratio === 1);

/** What the ratios of a point refer to; undefined where that contender has no times after all. */
export const baseRow = (point: Pick<Point, "rows">): TimedRow | undefined => timedRows(point).find(isOwnBase);

/** Who the ratios refer to: the one that runs a second time for the noise floor, or whose ratios are 1. */
export function baseOf(points: readonly Point[]): string {
  const rows = points.map((point) => noiseRow(point) ?? baseRow(point));
  return rows.find((row) => row !== undefined)?.contender ?? "thalweg";
}

/** One contender of a race with its row at every point; undefined where it has none. */
export interface Entrant {
  readonly contender: string;
  readonly label: string;
  readonly rows: readonly (Row | undefined)[];
}

/** All contenders of a race, in the order in which its points name them. */
export function entrantsOf({ points }: { readonly points: readonly Point[] }): Entrant[] {
  const labels = new Map<string, string>();
  for (const { rows } of points) for (const { contender, label } of rows) labels.set(contender, label);
  const rowAt = ({ rows }: Point, contender: string): Row | undefined =>
    rows.find((row) => row.contender === contender && !(isTimed(row) && row.isNoise));
  return [...labels].map(([contender, label]) => ({
    contender,
    label,
    rows: points.map((point) => rowAt(point, contender)),
  }));
}

/** `google swiftshader, Chrome/149.0.7812.0`: what a record was made on. */
export function placeOf({ machine: { adapter, hostVersion } }: Pick<RaceRecord, "machine">): string {
  const { vendor, architecture, device, description } = adapter;
  const name = [vendor, architecture].filter(Boolean).join(" ") || description || device || "unknown adapter";
  return `${name}, ${hostVersion}`;
}

/** Names of two records by what they differ in: machine, version, revision, date. */
export function namesOf(records: readonly [RaceRecord, RaceRecord]): [string, string] {
  const parts = records.map((record) => {
    const { versions, gitRevision, date } = record.machine;
    return [placeOf(record), `thalweg ${versions.thalweg ?? "?"}`, `revision ${gitRevision ?? "unknown"}`, date];
  }) as [string[], string[]];
  const differing = parts[0].map((_, at) => at).filter((at) => parts[0][at] !== parts[1][at]);
  // the date alone tells little, unless nothing else does
  const kept = differing.length > 1 ? differing.slice(0, -1) : differing;
  const nameOf = (own: readonly string[]): string => kept.map((at) => own[at]).join(", ") || own[0]!;
  return [nameOf(parts[0]), nameOf(parts[1])];
}
