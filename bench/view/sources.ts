import type { Point, Race, RaceRecord } from "../race/record.ts";
import { isTimed, placeOf } from "../report/order.ts";

/** One set of results on the page: a run of this page, under way or done, or an opened file. */
export interface Source {
  readonly id: number;
  readonly name: string;
  readonly races: readonly Race[];
  /** Undefined until its run has ended. */
  readonly record: RaceRecord | undefined;
  /** The page was out of sight while it ran. */
  readonly wasHidden: boolean;
}

/** @param race of the point: its name, title and axis */
export function withPoint(races: readonly Race[], race: Omit<Race, "points">, point: Point): readonly Race[] {
  if (!races.some(({ name }) => name === race.name)) return [...races, { ...race, points: [point] }];
  return races.map((known) => (known.name === race.name ? { ...known, points: [...known.points, point] } : known));
}

export const raceOf = (source: Source | undefined, name: string): Race | undefined =>
  source?.races.find((race) => race.name === name);

export const pointOf = (race: Race | undefined, name: string): Point | undefined =>
  race?.points.find((point) => point.name === name);

export const pointCount = ({ races }: Source): number => races.reduce((sum, { points }) => sum + points.length, 0);

/** Blocks that were repeated because nobody could see the page. */
export const hiddenBlocks = ({ races }: Source): number =>
  races
    .flatMap(({ points }) => points.flatMap(({ rows }) => rows.filter(isTimed)))
    .reduce((sum, row) => sum + row.hiddenBlocks, 0);

/** `1 point`, `2 points`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** In the reader's own time and habit. */
export const formatDate = (date: string): string =>
  new Date(date).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Fit for the name of a file: `2-2-2-1-b1024`. */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");

/** A name to save a record by: `race-2026-11-22-google-swiftshader-chrome-149-0`. */
export const fileName = (record: RaceRecord): string =>
  slug(`race ${record.machine.date.slice(0, 10)} ${placeOf(record)}`);
