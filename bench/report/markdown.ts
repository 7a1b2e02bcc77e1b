import type { LoadRow, Point, Race, RaceRecord, Row, TimedRow } from "../race/record.ts";
import {
  formatBytes,
  formatFlops,
  formatMs,
  formatSpread,
  formatValue,
  roundOf,
  significant,
  units,
  valueIn,
} from "../race/units.ts";
import { countTable, notesAt, timeTable } from "./markdownRows.ts";
import { type Column, escape, table } from "./markdownTable.ts";
import { baseOf, baseRow, type Entrant, entrantsOf, failedRows, isTimed, noiseRow, placeOf } from "./order.ts";

// A record for people: what it was made on, how, and a table or two per race.

export type Fact = readonly [name: string, value: string];

export const pairs = (record: Readonly<Record<string, unknown>>): string =>
  Object.entries(record)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(", ");

export const factTable = (facts: readonly Fact[]): string[] =>
  table<Fact>(
    [
      { title: "machine", isText: true, cell: ([name]) => name },
      { title: "", isText: true, cell: ([, value]) => escape(value) },
    ],
    facts.filter(([, value]) => value !== ""),
  );

function ceilingFacts({ ceilings }: RaceRecord): Fact[] {
  if (!ceilings) return [["ceilings", "not measured"]];
  const { gpu, cpu } = ceilings;
  const bandwidth = (value: number): string => formatBytes(value, "B/s");
  const launch = gpu && `empty dispatch ${formatMs(gpu.emptyNs / 1e6)}, dependent ${formatMs(gpu.dependentNs / 1e6)}`;
  return [
    [
      "GPU ceilings",
      gpu
        ? `${formatFlops(gpu.flopsPerSecond)}, ${bandwidth(gpu.bytesPerSecond)}, ${launch}`
        : "not measured: the adapter has no timestamps",
    ],
    // records of schema version 1 have none of the CPU, and 0 in its place
    [
      "CPU ceilings",
      cpu.flopsPerSecond > 0 ? `${formatFlops(cpu.flopsPerSecond)}, ${bandwidth(cpu.bytesPerSecond)}` : "not measured",
    ],
  ];
}

/** What a record was made on. */
export function machineFacts({ machine }: Pick<RaceRecord, "machine">): Fact[] {
  const { cores, cpu, kind, isFallbackAdapter, loadAverage, timerStepMs } = machine;
  return [
    ["date", machine.date],
    ["host", machine.hostVersion],
    ["adapter", pairs(machine.adapter)],
    ["kind", `${kind === "gpu" ? "hardware" : "software"}${isFallbackAdapter ? ", fallback adapter" : ""}`],
    ["processor", `${cores} × ${cpu ?? "unknown"}`],
    ["load average", (loadAverage ?? []).map((load) => load.toFixed(2)).join(", ")],
    ["versions", pairs(machine.versions)],
    ["revision", machine.gitRevision ?? ""],
    ["switches", (machine.flags ?? []).join(" ")],
    ["cross-origin isolated", machine.host === "node" ? "" : machine.crossOriginIsolated ? "yes" : "no"],
    ["timer step", timerStepMs > 0 ? formatMs(timerStepMs) : "not recorded"],
  ];
}

export const softwareNote =
  "> A software adapter computes on the CPU: ratios between WebGPU contenders may not carry over to hardware.";

function protocolLines({ protocol }: RaceRecord): string[] {
  return [
    "A sample is the time of a block of rounds divided by their number, from the first call until a value that depends on the last " +
      "round was read back. Contenders take turns, block by block; × is a contender's time over the base's of the same turn. " +
      "A contender whose state differs from the float64 reference by more than its bound has no times.",
    "",
    `Settings: ${escape(pairs(protocol))}.`,
  ];
}

/** Name and version of all who raced. */
function contenderLines({ races }: RaceRecord): string[] {
  const versions = new Map<string, string>();
  for (const { points } of races) {
    for (const { label, version } of points.flatMap(({ rows }) => rows)) {
      if (version !== "unknown" || !versions.has(label)) versions.set(label, version);
    }
  }
  const columns: Column<readonly [string, string]>[] = [
    { title: "contender", isText: true, cell: ([label]) => escape(label) },
    { title: "version", isText: true, cell: ([, version]) => escape(version) },
  ];
  return table(columns, [...versions]);
}

/** Lines with an empty one behind them; none where there are none. */
export const block = (lines: readonly string[]): string[] => (lines.length > 0 ? [...lines, ""] : []);

/** Of a thousand, since one dispatch may take as many steps. */
const callsPer = (round: string): string => `Calls of WebGPU per 1,000 ${round === "training" ? "step" : round}s`;

/** Points that are no sweep: tables for each. */
function pointLines(point: Point, race: Race): string[] {
  const calls = countTable(point);
  const round = roundOf(race);
  return [
    `### ${escape(point.description)}`,
    "",
    ...block(timeTable(point, round)),
    ...block(calls.length > 0 ? [`${callsPer(round)}:`, "", ...calls] : []),
    ...block(notesAt(point).map((note) => `- ${note}`)),
  ];
}

type Cell = (row: TimedRow, point: Point) => string;

const headOf = ({ axis, points }: Race, first: string): string[] => [
  first,
  ...points.map(({ x }) => `${axis} ${x.toLocaleString("en-US")}`),
];

/** Contenders down, x across. */
function matrix(race: Race, entrants: readonly Entrant[], first: string, cell: Cell): string[] {
  const textOf = (row: Row | undefined, point: Point): string => {
    if (!row) return "";
    return isTimed(row) ? cell(row, point) : row.status;
  };
  const columns = headOf(race, first).map((title, at): Column<Entrant> => {
    if (at === 0) return { title, isText: true, cell: ({ label }) => escape(label) };
    return { title, cell: ({ rows }) => textOf(rows[at - 1], race.points[at - 1]!) };
  });
  return table(columns, entrants);
}

/** Marks the fastest of every point. */
function medianCell({ points }: Race): Cell {
  const least = new Map(
    points.map((point) => [point, Math.min(...point.rows.filter(isTimed).map(({ summary }) => summary.median))]),
  );
  return (row, point) => {
    const text = formatValue(units.time, valueIn(units.time, row, point).median);
    return row.summary.median === least.get(point) ? `**${text}**` : text;
  };
}

/** The second series of the base, as if it were a contender. */
function noiseEntrant({ points }: Race): Entrant[] {
  const rows = points.map(noiseRow);
  const [known] = rows.filter((row) => row !== undefined);
  return known ? [{ contender: known.contender, label: `${known.label}, again: noise floor`, rows }] : [];
}

/** Every text once, with the places that it was told of. */
function gathered(race: Race, textsAt: (point: Point) => readonly string[]): string[] {
  const places = new Map<string, string[]>();
  for (const point of race.points) {
    for (const text of textsAt(point)) places.set(text, [...(places.get(text) ?? []), point.x.toLocaleString("en-US")]);
  }
  return [...places].map(([text, xs]) => {
    const where = xs.length === race.points.length ? "" : ` (${race.axis} ${xs.join(", ")})`;
    return `- ${text}${where}`;
  });
}

/** Who failed, and why: the reason alone, so that those of many points are one. */
const failuresAt = (point: Point): string[] =>
  failedRows(point).map(({ label, status, reason }) => `${escape(label)}: **${status}**: ${escape(reason)}`);

function sweepLines(race: Race): string[] {
  const entrants = entrantsOf(race);
  const [round, base] = [roundOf(race), baseOf(race.points)];
  // where the base has failed, ratios refer to somebody else
  const ratioCell: Cell = ({ ratio }, point) => (baseRow(point)?.contender === base ? significant(ratio.median) : "");
  const middle = race.points[Math.floor(race.points.length / 2)]!;
  const calls = countTable(middle);
  const hasBase = race.points.some((point) => baseRow(point)?.contender === base);
  return [
    `Time per ${round}, medians; the fastest in bold:`,
    "",
    ...block(matrix(race, entrants, "contender", medianCell(race))),
    ...(hasBase ? [`Time ÷ ${base}'s, medians; below 1 is faster:`, ""] : []),
    ...(hasBase ? block(matrix(race, [...entrants, ...noiseEntrant(race)], "contender", ratioCell)) : []),
    ...block(gathered(race, failuresAt)),
    ...(calls.length > 0 ? [`${callsPer(round)} at ${race.axis} ${middle.x.toLocaleString("en-US")}:`, ""] : []),
    ...block(calls),
    ...block(gathered(race, notesAt)),
  ];
}

function raceLines(race: Race): string[] {
  const isSweep = race.axis !== "" && race.points.length > 1;
  const body = isSweep ? sweepLines(race) : race.points.flatMap((point) => pointLines(point, race));
  return [`## ${escape(race.title)}`, "", ...body];
}

function loadLines(load: NonNullable<RaceRecord["load"]>): string[] {
  const loaded = load.filter((row): row is LoadRow => "samples" in row);
  const failed = load.flatMap((row) => ("samples" in row ? [] : [{ ...row, summary: undefined }]));
  const sorted = [...loaded.sort((a, b) => a.summary.median - b.summary.median), ...failed];
  type Any = (typeof sorted)[number];
  const bytes = (row: Any, kind: "script" | "wasm"): string =>
    row.summary && row[`${kind}Bytes`] > 0
      ? `${formatBytes(row[`${kind}Bytes`])} (${formatBytes(row[`${kind}GzipBytes`])})`
      : "";
  const columns: Column<Any>[] = [
    { title: "contender", isText: true, cell: ({ label }) => escape(label) },
    {
      title: "first step, median (quartiles)",
      cell: (row) => (row.summary ? formatSpread(units.time, row.summary) : `**failed**: ${escape(row.reason)}`),
    },
    { title: "scripts (gzip)", cell: (row) => bytes(row, "script") },
    { title: "WebAssembly (gzip)", cell: (row) => bytes(row, "wasm") },
  ];
  return ["## From opening a page to the first finished step", "", ...block(table(columns, sorted))];
}

export function toMarkdown(record: RaceRecord): string {
  const { machine, problems, races, load } = record;
  const lines = [
    `# Race on ${escape(placeOf(record))}, ${machine.date.slice(0, 10)}`,
    "",
    ...block(machine.kind === "software" ? [softwareNote] : []),
    ...block(problems.map((problem) => `- **Problem**: ${escape(problem)}`)),
    ...block(factTable([...machineFacts(record), ...ceilingFacts(record)])),
    ...block(protocolLines(record)),
    ...block(contenderLines(record)),
    ...races.flatMap(raceLines),
    ...(load && load.length > 0 ? loadLines(load) : []),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}
