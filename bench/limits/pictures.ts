import { parseHTML } from "linkedom";
import { formatSpread, formatTick, formatMs, units } from "../race/units.ts";
import { inWords } from "../report/chartRows.ts";
import type { ChartOptions } from "../report/frame.ts";
import { rowsChart } from "../report/rowsChart.ts";
import type { ChartRow } from "../report/rowsLayout.ts";
import { footOf, type Picture, pictureOf, width } from "../report/writePictures.ts";
import { type AblationRow, everything, isTimed, type LimitsPoint, type LimitsRecord } from "./record.ts";
import { savedText, titleOf } from "./report.ts";

// A case as bars: the whole kernel, and below it what is left of its time without a part.

function chartRowOf(row: AblationRow): ChartRow {
  const head = { contender: "thalweg", label: `${row.ablation}, ${row.sentence}`, isBase: row.ablation === everything };
  if (!isTimed(row)) return { ...head, values: [], failure: `${row.status}: ${row.reason}` };
  const saved = row.ablation === everything ? "" : ` · saves ${savedText(row)}`;
  const text = `${formatMs(row.summary.median)}${saved}`;
  const tip = `${row.ablation}\n${formatSpread(units.time, row.summary)}${saved}`;
  return { ...head, values: [{ ...row.summary, text, tip }] };
}

function pointChart(point: LimitsPoint, options: ChartOptions): SVGSVGElement {
  const charted = point.rows.map(chartRowOf);
  const title = titleOf(point);
  const note = `time per ${point.run}`;
  const plan = {
    rows: charted,
    notes: [note, "saves: 1 − time ÷ that of everything, with quartiles, paired by round"],
    formatTick: (value: number) => formatTick(units.time, value),
    summary: `${title}; ${note}. ${inWords(charted)}.`,
  };
  return rowsChart(plan, { ...options, title });
}

/** One standalone SVG per case. */
export function limitsPictures(record: LimitsRecord): Picture[] {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const options: ChartOptions = { document, width, theme: "light" };
  const foot = footOf(record);
  return record.sweeps.map(({ name, title, points }): Picture => {
    const charts = points.map((point) => pointChart(point, options));
    return { name, svg: pictureOf({ title, charts, foot }, document) };
  });
}
