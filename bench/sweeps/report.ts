import type { Ceilings } from "../measure/ceilings.ts";
import type { Summary } from "../measure/statistics.ts";
import type { MachineCard } from "../race/record.ts";
import { formatBytes, formatFlops, formatMs, significant } from "../race/units.ts";
import { block, type Fact, factTable, machineFacts, pairs, softwareNote } from "../report/markdown.ts";
import { type Column, escape, table } from "../report/markdownTable.ts";
import { placeOf } from "../report/order.ts";

// What reports of sweeps have in common: their head, tables of contenders over points, and who has no times where.

export const whole = (value: number): string => value.toLocaleString("en-US");

/** A title with its lines below. */
export const titled = (title: string, lines: readonly string[]): string[] => [title, "", ...block(lines)];

/** `1.02 (0.98 … 1.10)`. */
export function spreadText(summary: Summary | undefined): string {
  if (!summary) return "";
  const { median, lowerQuartile, upperQuartile } = summary;
  return `${significant(median)} (${significant(lowerQuartile)} … ${significant(upperQuartile)})`;
}

interface Points<Point> {
  readonly axis: string;
  readonly points: readonly Point[];
}

/** Contenders down, x across. */
export function matrix<Name extends string, Point extends { readonly x: number }>(
  { axis, points }: Points<Point>,
  title: string,
  names: readonly Name[],
  textAt: (name: Name, point: Point) => string,
): string[] {
  const columns: Column<Name>[] = [
    { title, isText: true, cell: (name) => name },
    ...points.map((point) => ({ title: `${axis} ${whole(point.x)}`, cell: (name: Name) => textAt(name, point) })),
  ];
  return table(columns, names);
}

/** Where a text holds; reasons differ by their figures alone, so that the first stands for all. */
interface Place {
  readonly text: string;
  readonly reason: string;
  readonly xs: readonly number[];
}

/** Equal texts together, in the order in which they are met. */
export function placesOf<Point extends { readonly x: number }>(
  points: readonly Point[],
  tell: (point: Point) => readonly Pick<Place, "text" | "reason">[],
): Place[] {
  const places = new Map<string, Place & { readonly xs: number[] }>();
  for (const point of points) {
    for (const { text, reason } of tell(point)) {
      const place = places.get(text) ?? { text, reason, xs: [] };
      place.xs.push(point.x);
      places.set(text, place);
    }
  }
  return [...places.values()];
}

/** Who has no times where, and why. */
export function failureLines<Point extends { readonly x: number }>(
  { axis, points }: Points<Point>,
  tell: (point: Point) => readonly Pick<Place, "text" | "reason">[],
): string[] {
  return placesOf(points, tell).map(({ text, reason, xs }) => {
    const where = xs.length === points.length ? "everywhere" : `at ${axis} ${xs.map(whole).join(", ")}`;
    return `- ${text} ${where}: ${escape(reason)}`;
  });
}

function ceilingFact(ceilings: Omit<Ceilings, "samples"> | undefined): Fact {
  if (!ceilings) return ["ceilings", "not measured: the adapter has no timestamps"];
  const { flopsPerSecond, bytesPerSecond, emptyNs, dependentNs } = ceilings;
  const launch = `empty dispatch ${formatMs(emptyNs / 1e6)}, dependent ${formatMs(dependentNs / 1e6)}`;
  return ["ceilings", `${formatFlops(flopsPerSecond)}, ${formatBytes(bytesPerSecond, "B/s")}, ${launch}`];
}

interface Recorded {
  readonly machine: MachineCard;
  readonly problems: readonly string[];
  readonly protocol: Readonly<Record<string, unknown>>;
  readonly ceilings?: Ceilings | undefined;
}

/** What a record was made on, and how. */
export function headLines(record: Recorded, title: string, samples: string): string[] {
  const { machine, problems, protocol, ceilings } = record;
  return [
    `# ${title} on ${escape(placeOf(record))}, ${machine.date.slice(0, 10)}`,
    "",
    ...block(machine.kind === "software" ? [softwareNote] : []),
    ...block(problems.map((problem) => `- **Problem**: ${escape(problem)}`)),
    ...block(factTable([...machineFacts(record), ceilingFact(ceilings)])),
    samples,
    "",
    `Settings: ${escape(pairs(protocol))}.`,
    "",
  ];
}
