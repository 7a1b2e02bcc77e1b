import { formatFlops, formatMs, formatShare, formatSpread, units } from "../race/units.ts";
import { block } from "../report/markdown.ts";
import { type Column, escape, table } from "../report/markdownTable.ts";
import { shareOf } from "../sweeps/ceilingWatch.ts";
import { headLines } from "../sweeps/report.ts";
import {
  type AblationRow,
  everything,
  isTimed,
  type LimitsCase,
  type LimitsPoint,
  type LimitsRecord,
  type TimedAblation,
} from "./record.ts";
import { sampleCostOf } from "./sampleCost.ts";

// A record of limits for people: what each part of a kernel takes.

/** `17 %`, `−3 %`, to whole percents: quartiles are rarely closer. */
const percent = (share: number): string =>
  `${Math.round(100 * share)
    .toString()
    .replace("-", "−")} %`;

/** What leaving a part out saves of the whole: `17 % (15 … 19)`. */
export function savedText({ ratio }: Pick<TimedAblation, "ratio">): string {
  const [least, most] = [1 - ratio.upperQuartile, 1 - ratio.lowerQuartile];
  return `${percent(1 - ratio.median)} (${percent(least).replace(" %", "")} … ${percent(most).replace(" %", "")})`;
}

const columnsOf = ({ run }: LimitsPoint): Column<AblationRow>[] => [
  { title: "kernel", isText: true, cell: ({ ablation }) => escape(ablation) },
  { title: "what is done to it", isText: true, cell: ({ sentence }) => escape(sentence) },
  {
    title: `time per ${run} (quartiles)`,
    cell: (row) => (isTimed(row) ? formatSpread(units.time, row.summary) : `**${row.status}**: ${escape(row.reason)}`),
  },
  {
    title: "saved of the whole (quartiles)",
    cell: (row) => (isTimed(row) && row.ablation !== everything ? savedText(row) : ""),
  },
];

/** How fast the whole is, and how right. */
function wholeLines(point: LimitsPoint, { ceilings }: LimitsRecord): string[] {
  const [base] = point.rows;
  if (!base || !isTimed(base)) return [];
  const { check } = base;
  const rate = formatFlops((1000 * point.work.flops) / base.summary.median);
  const share = shareOf(base, point, ceilings);
  const part = share === undefined ? "" : `, ${formatShare(share)} of the ceiling measured in this run`;
  const found = check && `; off from float64 by ${formatShare(check.deviation / check.bound)} of what it may be`;
  return [`The whole: ${rate} of arithmetic by formula${part}${found ?? ""}. Kernels: ${point.kernels.join(", ")}.`];
}

function costLines(point: LimitsPoint): string[] {
  const cost = sampleCostOf(point);
  if (!cost) return [];
  const { stepMs, sampleMs, batchSizes } = cost;
  const line = `least squares over the medians with ${batchSizes.join(", ")} samples`;
  return [`Of one network a step takes ${formatMs(stepMs)}, and each sample ${formatMs(sampleMs)} more (${line}).`];
}

/** What is timed, as a heading. */
export const titleOf = ({ description }: LimitsPoint): string =>
  `${description.slice(0, 1).toUpperCase()}${description.slice(1)}`;

function pointLines(point: LimitsPoint, record: LimitsRecord): string[] {
  return [
    `### ${escape(titleOf(point))}`,
    "",
    ...block(table(columnsOf(point), point.rows)),
    ...block(wholeLines(point, record)),
    ...block(costLines(point)),
  ];
}

const caseLines = ({ title, points }: LimitsCase, record: LimitsRecord): string[] => [
  `## ${escape(title)}`,
  "",
  ...points.flatMap((point) => pointLines(point, record)),
];

export function limitsMarkdown(record: LimitsRecord): string {
  const samples =
    "A sample is the time of a block of runs divided by their number. A kernel is timed whole and with a part of its text exchanged, " +
    "in turn, block by block; what is saved is 1 − its time ÷ that of the whole, paired by round. Parts overlap where a processor " +
    "works on several at once, so that shares need not add up to the whole. Results without a part are wrong, and only the whole " +
    "is held against float64.";
  const lines = [
    ...headLines(record, "Limits of the kernels", samples),
    ...record.sweeps.flatMap((each) => caseLines(each, record)),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}
