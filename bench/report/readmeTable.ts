import type { Point, RaceRecord, TimedRow } from "../race/record.ts";
import { formatMs, significant } from "../race/units.ts";
import { fastestFirst, timedRows } from "./order.ts";
import { escape, table } from "./markdownTable.ts";

/** Who stands for a column; of an older record, whose `thalweg` was WebGPU, the second. */
const columns = {
  noGpu: (names: ReadonlySet<string>): string => (names.has("thalweg-webgpu") ? "thalweg" : "thalweg-wasm"),
  webgpu: (names: ReadonlySet<string>): string => (names.has("thalweg-webgpu") ? "thalweg-webgpu" : "thalweg"),
};

/**
 * The table of README's "How fast": a line per point of a record that was made on a machine without a GPU, in the order of the record. The
 * fastest other contender is that of the point, on whatever it computes.
 */
export function readmeTable({ races }: Pick<RaceRecord, "races">): string[] {
  const points = races.flatMap((race) => race.points);
  const names = new Set(points.flatMap(({ rows }) => rows.map(({ contender }) => contender)));
  const rowOf = (point: Point, name: string): TimedRow | undefined =>
    timedRows(point).find(({ contender }) => contender === name);
  const noGpu = (point: Point): TimedRow | undefined => rowOf(point, columns.noGpu(names));
  const otherOf = (point: Point): TimedRow | undefined =>
    fastestFirst(timedRows(point)).find(({ contender }) => !contender.startsWith("thalweg"));
  const time = (row: TimedRow | undefined): string => (row ? formatMs(row.summary.median) : "–");
  const timesFaster = (point: Point): string => {
    const [own, other] = [noGpu(point), otherOf(point)];
    return own && other ? significant(other.summary.median / own.summary.median) : "–";
  };
  return table<Point>(
    [
      { title: "one round", isText: true, cell: ({ description }) => escape(description) },
      { title: "no GPU", cell: (point) => time(noGpu(point)) },
      { title: "software WebGPU adapter", cell: (point) => time(rowOf(point, columns.webgpu(names))) },
      {
        title: "fastest other",
        cell: (point) => {
          const other = otherOf(point);
          return other ? `${time(other)}, ${other.contender}` : "–";
        },
      },
      { title: "other ÷ no GPU", cell: timesFaster },
    ],
    points,
  );
}
