import type { Point, RaceRecord, Row, TimedRow } from "../race/record.ts";
import { formatMs, significant } from "../race/units.ts";
import { fastestFirst, timedRows } from "./order.ts";
import { escape, table } from "./markdownTable.ts";

/** Who stands for which column; in records before 2026-12 `thalweg` was WebGPU. */
function columnsOf(rows: readonly Row[]): { noGpu: string; webgpu: string } {
  const isTaken = rows.some(({ contender, label }) => contender === "thalweg" && label.includes("acquire()"));
  return isTaken ? { noGpu: "thalweg", webgpu: "thalweg-webgpu" } : { noGpu: "thalweg-wasm", webgpu: "thalweg" };
}

/**
 * The table of README's "How fast": a line per point of a record that was made on a machine without a GPU, in the order of the record. The
 * fastest other contender is that of the point, on whatever it computes.
 */
export function readmeTable({ races }: Pick<RaceRecord, "races">): string[] {
  const points = races.flatMap((race) => race.points);
  const columns = columnsOf(points.flatMap(({ rows }) => rows));
  const rowOf = (point: Point, name: string): TimedRow | undefined =>
    timedRows(point).find(({ contender }) => contender === name);
  const noGpu = (point: Point): TimedRow | undefined => rowOf(point, columns.noGpu);
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
      { title: "software WebGPU adapter", cell: (point) => time(rowOf(point, columns.webgpu)) },
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
