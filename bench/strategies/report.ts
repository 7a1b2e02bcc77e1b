import { type StrategyName, strategyNames } from "../../src/backend/executor.ts";
import { formatBytes, formatMs, formatShare, significant } from "../race/units.ts";
import { block } from "../report/markdown.ts";
import { type Column, escape, table } from "../report/markdownTable.ts";
import { shareOf } from "../sweeps/ceilingWatch.ts";
import { failureLines, headLines, matrix, spreadText, titled, whole } from "../sweeps/report.ts";
import { fastestAt } from "./judge.ts";
import {
  type Crossover,
  type FailedPath,
  isTimed,
  type StrategyRow,
  type StrategiesPoint,
  type StrategiesRecord,
  type StrategiesSweep,
  type TimedPath,
} from "./record.ts";

// A record of strategies for people: who is the fastest where, whether the planner knew, what a step costs the host.

const grouped = (value: number): string => Number(value.toPrecision(3)).toLocaleString("en-US");

type Cell = (row: TimedPath, point: StrategiesPoint) => string;

/** Strategies that a sweep knows anything of but that they cannot take it, in the order of the library. */
const strategiesOf = ({ points }: StrategiesSweep): readonly StrategyName[] =>
  strategyNames.filter((strategy) =>
    points.some(({ rows }) => rows.some((row) => row.strategy === strategy && row.status !== "cannot")),
  );

const rowOf = ({ rows }: StrategiesPoint, strategy: StrategyName): StrategyRow | undefined =>
  rows.find((row) => row.strategy === strategy);

/** Strategies down, x across; a row that has no figure says why in a word. */
function strategiesMatrix(sweep: StrategiesSweep, cell: Cell): string[] {
  return matrix(sweep, "strategy", strategiesOf(sweep), (strategy, point) => {
    const row = rowOf(point, strategy);
    if (!row || row.status === "cannot") return "–";
    return isTimed(row) ? cell(row, point) : row.status;
  });
}

function timeCell(row: TimedPath, point: StrategiesPoint): string {
  const time = `${formatMs(row.summary.median)}${row.isOnce ? " once" : ""}`;
  const marked = row === fastestAt(point) ? `**${time}**` : time;
  return row.strategy === point.pick?.strategy ? `${marked} ◂` : marked;
}

const timedRowOf = (point: StrategiesPoint, strategy: StrategyName | undefined): TimedPath | undefined => {
  const row = strategy === undefined ? undefined : rowOf(point, strategy);
  return row && isTimed(row) ? row : undefined;
};

const msText = (ms: number | undefined): string => (ms === undefined ? "" : formatMs(ms));

const plannerColumns = (axis: string): Column<StrategiesPoint>[] => [
  { title: axis, cell: ({ x }) => whole(x) },
  { title: "planner's pick", isText: true, cell: ({ pick }) => pick?.strategy ?? "none" },
  { title: "by its cost model", cell: (point) => msText(timedRowOf(point, point.pick?.strategy)?.plan.stepMs) },
  { title: "measured", cell: (point) => msText(timedRowOf(point, point.pick?.strategy)?.summary.median) },
  { title: "fastest", isText: true, cell: ({ pick }) => pick?.fastest ?? "none" },
  { title: "pick ÷ fastest (quartiles)", cell: ({ pick }) => spreadText(pick?.ratio) },
  { title: "pick ÷ itself: noise", cell: ({ pick }) => spreadText(pick?.noise) },
  {
    title: "verdict",
    isText: true,
    cell: ({ pick }) => (pick?.verdict === "slower" ? "**slower**" : (pick?.verdict ?? "")),
  },
];

const perThousand = (name: "dispatches" | "submits"): Cell => {
  return ({ counts }) => grouped((1000 * counts[name]) / Math.max(1, counts.rounds));
};
const bytesCell: Cell = ({ counts }) => formatBytes(counts.writeBufferBytes / Math.max(1, counts.rounds));
const estimateCell: Cell = ({ plan, summary }) =>
  plan.stepMs === undefined ? "" : significant(plan.stepMs / summary.median);
const compileCell: Cell = ({ compile }) => `${formatMs(compile.firstMs)} / ${formatMs(compile.againMs)}`;

const crossoverText = (axis: string, { from, to, below, above, at }: Crossover): string =>
  `${from} is the fastest at ${axis} ${whole(below)}, ${to} at ${whole(above)}; the lines cross at about ${grouped(at)}`;

/** One sentence per change of the fastest strategy. */
function crossoverLines({ axis, points, crossovers }: StrategiesSweep): string[] {
  if (crossovers.length > 0) return crossovers.map((each) => `- ${crossoverText(axis, each)}.`);
  const fastest = points.map(fastestAt).find((row) => row !== undefined);
  return fastest ? [`- ${fastest.strategy} is the fastest everywhere.`] : [];
}

/** Objects that were made in a step, which none should be. */
function creationLine({ axis, points }: StrategiesSweep): string {
  const makers = points.flatMap(({ x, rows }) =>
    rows.filter(isTimed).flatMap(({ strategy, counts }) => {
      const made = counts.createBuffer + counts.createBindGroup + counts.createPipeline;
      return made > 0 ? [`${strategy} ${whole(made)} in ${whole(counts.rounds)} steps at ${axis} ${whole(x)}`] : [];
    }),
  );
  if (makers.length === 0) return "No buffer, bind group or pipeline was made in a step.";
  return `Buffers, bind groups or pipelines made in steps: ${makers.join("; ")}.`;
}

const failureWords: Readonly<Record<FailedPath["status"], string>> = {
  cannot: "cannot take it",
  memory: "too large for the device",
  wrong: "**wrong**",
  failed: "**failed**",
};

const failuresOf = ({ rows }: StrategiesPoint): { text: string; reason: string }[] =>
  rows.flatMap((row) =>
    isTimed(row) ? [] : [{ text: `${row.strategy}: ${failureWords[row.status]}`, reason: row.reason }],
  );

/** Whose steps were handed over in smaller portions than the point says. */
function portionLines({ axis, points }: StrategiesSweep): string[] {
  return points.flatMap(({ x, handOver, rows }) =>
    rows.filter(isTimed).flatMap(({ strategy, atOnce }) => {
      if (atOnce === undefined || atOnce === handOver) return [];
      return [`- ${strategy} at ${axis} ${whole(x)}: ${whole(atOnce)} at once, since more would take too long.`];
    }),
  );
}

function sweepLines(sweep: StrategiesSweep, { ceilings }: StrategiesRecord): string[] {
  const { title, axis, points } = sweep;
  const shareCell: Cell = (row, point) => {
    const share = shareOf(row, point, ceilings);
    return share === undefined ? "" : formatShare(share);
  };
  return [
    `## ${escape(title)}`,
    "",
    ...titled(
      "Time per step, medians; the fastest in bold, ◂ what the planner picks:",
      strategiesMatrix(sweep, timeCell),
    ),
    ...block([...crossoverLines(sweep), ...portionLines(sweep)]),
    ...titled("The planner:", table(plannerColumns(axis), points)),
    ...titled("Estimate of the cost model ÷ measured:", strategiesMatrix(sweep, estimateCell)),
    ...(ceilings ? titled("Share of the arithmetic ceiling:", strategiesMatrix(sweep, shareCell)) : []),
    ...titled("Dispatches per 1,000 steps:", strategiesMatrix(sweep, perThousand("dispatches"))),
    ...titled("Submits per 1,000 steps:", strategiesMatrix(sweep, perThousand("submits"))),
    ...titled("Bytes written by the host per step:", strategiesMatrix(sweep, bytesCell)),
    creationLine(sweep),
    "",
    ...titled(
      "Creating a run on a fresh device, and again with its pipelines compiled:",
      strategiesMatrix(sweep, compileCell),
    ),
    ...block(failureLines(sweep, failuresOf)),
  ];
}

const verdicts = ["fastest", "within noise", "slower", "no times"] as const;

/** How often the planner was right, sweep by sweep. */
function overview({ sweeps }: StrategiesRecord): string[] {
  const picksOf = ({ points }: StrategiesSweep) => points.flatMap(({ pick }) => (pick ? [pick] : []));
  const columns: Column<StrategiesSweep>[] = [
    { title: "sweep", isText: true, cell: ({ name }) => name },
    { title: "points", cell: ({ points }) => String(points.length) },
    ...verdicts.map((verdict) => ({
      title: `pick ${verdict}`,
      cell: (sweep: StrategiesSweep) => String(picksOf(sweep).filter((pick) => pick.verdict === verdict).length),
    })),
    {
      title: "worst pick ÷ fastest",
      cell: (sweep) => {
        const ratios = picksOf(sweep).flatMap(({ ratio }) => (ratio ? [ratio.median] : []));
        return ratios.length > 0 ? significant(Math.max(...ratios)) : "";
      },
    },
  ];
  return table(columns, sweeps);
}

export function strategiesMarkdown(record: StrategiesRecord): string {
  const samples =
    "A sample is the time of a block of steps divided by their number, from the first call until all work is done and a " +
    "parameter was read back. Strategies take turns, block by block. A strategy that differs from the float64 reference has no times.";
  const lines = [
    ...headLines(record, "Strategies", samples),
    ...block(overview(record)),
    ...record.sweeps.flatMap((sweep) => sweepLines(sweep, record)),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}
