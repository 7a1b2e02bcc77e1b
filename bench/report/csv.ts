import Papa from "papaparse";
import type { RaceRecord, Row } from "../race/record.ts";
import { isTimed } from "./order.ts";

/** A line of the table: one sample, or a contender that has none. */
interface Line {
  readonly race: string;
  readonly point: string;
  readonly x: number | "";
  readonly contender: string;
  readonly label: string;
  readonly status: string;
  /** True for the second series of the base contender. */
  readonly isNoise: boolean;
  /** `round`: time per round; `gpu`: GPU time per round, in blocks of its own; `load`: a page's first step. */
  readonly series: "round" | "gpu" | "load" | "";
  /** Blocks of one number took turns; counted from 0. */
  readonly block: number | "";
  readonly ms: number | "";
  /** ms ÷ the base contender's in the same block. */
  readonly ratio: number | "";
  readonly rounds: number | "";
  readonly reason: string;
}

type Place = Pick<Line, "race" | "point" | "x">;

const empty = { series: "", block: "", ms: "", ratio: "", rounds: "", reason: "" } as const;
const columns: readonly (keyof Line)[] = [
  "race",
  "point",
  "x",
  "contender",
  "label",
  "status",
  "isNoise",
  "series",
  "block",
  "ms",
  "ratio",
  "rounds",
  "reason",
];

function rowLines(row: Row, place: Place): Line[] {
  const { contender, label, status } = row;
  const own = { ...place, contender, label, status, isNoise: isTimed(row) && row.isNoise, ...empty };
  if (!isTimed(row)) return [{ ...own, reason: row.reason }];
  const { samples, ratios, roundsPerBlock, gpu } = row;
  const ofRounds = samples.map((ms, block): Line => {
    return { ...own, series: "round", block, ms, ratio: ratios[block] ?? "", rounds: roundsPerBlock };
  });
  const ofGpu = (gpu?.samples ?? []).map((ms, block): Line => ({ ...own, series: "gpu", block, ms }));
  return [...ofRounds, ...ofGpu];
}

function loadLines(row: NonNullable<RaceRecord["load"]>[number]): Line[] {
  const { contender, label } = row;
  const own = { race: "load", point: "", x: "", contender, label, isNoise: false, ...empty } as const;
  if (!("samples" in row)) return [{ ...own, status: "failed", reason: row.reason }];
  return row.samples.map((ms, block): Line => ({ ...own, status: "timed", series: "load", block, ms }));
}

/** Every sample of a record on a line of its own, in full precision, for programs that make tables and plots. */
export function toCsv({ races, load = [] }: RaceRecord): string {
  const ofRaces = races.flatMap(({ name, points }) =>
    points.flatMap(({ name: point, x, rows }) => rows.flatMap((row) => rowLines(row, { race: name, point, x }))),
  );
  const lines = [...ofRaces, ...load.flatMap(loadLines)];
  // reasons come from libraries: a spreadsheet must not take one for a formula
  return `${Papa.unparse(lines, { columns: [...columns], newline: "\n", escapeFormulae: true })}\n`;
}
