import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { type StrategyName, strategyNames } from "../../src/backend/executor.ts";
import { formatMs, formatSpread, units } from "../race/units.ts";
import { linesChart } from "../report/charts.ts";
import type { ChartOptions } from "../report/frame.ts";
import { type Look, paintOf } from "../report/palette.ts";
import { type Dot, type Line, measured } from "../report/sweepLegend.ts";
import { footOf, type Picture, pictureOf, width } from "../report/writePictures.ts";
import { placesOf, whole } from "../sweeps/report.ts";
import { fastestAt } from "./judge.ts";
import {
  type FailedPath,
  isTimed,
  type StrategiesPoint,
  type StrategiesRecord,
  type StrategiesSweep,
} from "./record.ts";

// Sweeps over strategies as pictures: a line per strategy on log axes, the planner's pick ringed, a dotted line where lines change places.

/** On white: distances between the colours are as large as those of the race's. */
const looks: Readonly<Record<StrategyName, Look>> = {
  layered: { color: "#363433", symbol: "square", dash: "6 3" },
  members: { color: "#0065e5", symbol: "circle", dash: "" },
  subgroups: { color: "#8f5fd0", symbol: "wye", dash: "" },
  groups: { color: "#1ca291", symbol: "triangle", dash: "" },
  samples: { color: "#da6e00", symbol: "diamond", dash: "" },
  tiles: { color: "#8c1d5b", symbol: "star", dash: "" },
};

/** Names of lines, and below them what the strategy does. */
const labels: Readonly<Record<StrategyName, string>> = {
  layered: "layered, layer by layer",
  members: "members, an invocation trains a network",
  subgroups: "subgroups, a subgroup trains a network",
  groups: "groups, a workgroup trains a network",
  samples: "samples, an invocation takes a slice",
  tiles: "tiles, a workgroup takes tiles",
};

const missing = { median: Number.NaN, lowerQuartile: Number.NaN, upperQuartile: Number.NaN, tip: "" };

const failureWords: Readonly<Record<FailedPath["status"], string>> = {
  cannot: "cannot take",
  memory: "too large for the device at",
  wrong: "wrong at",
  failed: "failed at",
};

function failuresOf({ axis, points }: StrategiesSweep, strategy: StrategyName): string[] {
  const places = placesOf(points, ({ rows }) =>
    rows.flatMap((row) =>
      row.strategy !== strategy || isTimed(row) ? [] : [{ text: failureWords[row.status], reason: row.reason }],
    ),
  );
  return places.map(({ text, xs }) => `${text} ${axis} ${xs.map(whole).join(", ")}`);
}

function dotAt(point: StrategiesPoint, strategy: StrategyName): Dot {
  const row = point.rows.find((each) => each.strategy === strategy);
  if (!row || !isTimed(row)) return { x: point.x, ...missing };
  return { x: point.x, ...row.summary, tip: `${strategy}\n${formatSpread(units.time, row.summary)}` };
}

function linesOf(sweep: StrategiesSweep): Line[] {
  const points = sweep.points.toSorted((a, b) => a.x - b.x);
  const lines = strategyNames.map((strategy): Line => {
    const dots = points.map((point) => dotAt(point, strategy));
    return {
      contender: strategy,
      label: labels[strategy],
      look: looks[strategy],
      dots,
      failures: failuresOf(sweep, strategy),
    };
  });
  // a strategy that takes no point at all is no line of this sweep
  return lines.filter((line) => measured(line).length > 0 || line.failures.some((text) => !text.startsWith("cannot")));
}

/** Where the planner's pick has a time. */
const picksOf = ({ points }: StrategiesSweep): Dot[] =>
  points.flatMap((point) => (point.pick ? [dotAt(point, point.pick.strategy)] : [])).filter(({ median }) => median > 0);

function crossoverNote({ axis, crossovers }: StrategiesSweep): string[] {
  if (crossovers.length === 0) return [];
  const places = crossovers.map(({ from, to, at }) => `${from} → ${to} at ${whole(Number(at.toPrecision(2)))}`);
  return [`dotted: where another strategy becomes the fastest, by ${axis}: ${places.join(", ")}`];
}

/** What is to be seen, in words. */
function summaryOf(sweep: StrategiesSweep): string {
  const words = sweep.points.map((point) => {
    const fastest = fastestAt(point);
    const found = fastest ? `${fastest.strategy} the fastest with ${formatMs(fastest.summary.median)}` : "no figure";
    return `${whole(point.x)}: ${found}, the planner picks ${point.pick?.strategy ?? "none"}`;
  });
  return `${sweep.title}, by ${sweep.axis}. ${words.join("; ")}.`;
}

/** Time per step over x, a line per strategy. */
function strategiesChart(sweep: StrategiesSweep, options: ChartOptions): SVGSVGElement {
  const { ink, muted } = paintOf(options.theme);
  const note = `time per step by ${sweep.axis}, less is better; medians, and whiskers over the middle half of the samples`;
  const plan = {
    lines: linesOf(sweep),
    axis: sweep.axis,
    xs: sweep.points.map(({ x }) => x),
    unit: units.time,
    notes: [note, "ring: what the planner picks", ...crossoverNote(sweep)],
    summary: summaryOf(sweep),
    below: [Plot.ruleX(sweep.crossovers, { x: "at", stroke: muted, strokeWidth: 1, strokeDasharray: "2 3" })],
    above: [Plot.dot(picksOf(sweep), { x: "x", y: "median", r: 9, stroke: ink, strokeWidth: 1.5, fill: "none" })],
  };
  return linesChart(plan, options);
}

/** One standalone SVG per sweep. */
export function strategiesPictures(record: StrategiesRecord): Picture[] {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const options: ChartOptions = { document, width, theme: "light" };
  const foot = footOf(record);
  return record.sweeps.map((sweep): Picture => {
    const charts = [strategiesChart(sweep, { ...options, title: sweep.title })];
    return { name: sweep.name, svg: pictureOf({ title: sweep.title, charts, foot }, document) };
  });
}
