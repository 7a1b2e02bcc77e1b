import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { MatmulVariant } from "../../src/backend/webgpu/matmulVariants.ts";
import { formatFlops, formatSpread, rateOf, units } from "../race/units.ts";
import { linesChart } from "../report/charts.ts";
import type { ChartOptions } from "../report/frame.ts";
import { paintOf } from "../report/palette.ts";
import { type Dot, type Line, measured } from "../report/sweepLegend.ts";
import { footOf, type Picture, pictureOf, width } from "../report/writePictures.ts";
import { placesOf, whole } from "../sweeps/report.ts";
import {
  type FailedVariant,
  fastestAt,
  isTimed,
  libraryRow,
  type ProductsPoint,
  type ProductsRecord,
  type ShapeClass,
  type TimedVariant,
} from "./record.ts";
import { variantCards, variantNames } from "./variants.ts";

// Classes of shapes as pictures: a line per variant on log axes, what the library takes ringed.

const missing = { median: Number.NaN, lowerQuartile: Number.NaN, upperQuartile: Number.NaN, tip: "" };

const failureWords: Readonly<Record<FailedVariant["status"], string>> = {
  cannot: "cannot run at",
  slow: "too slow at",
  wrong: "wrong at",
  failed: "failed at",
};

function dotOf({ variant, summary }: TimedVariant, { x, work }: ProductsPoint): Dot {
  const rate = rateOf(work.flops, summary);
  return { x, ...rate, tip: `${variant}\n${formatSpread(units.flops, rate)}` };
}

function dotAt(point: ProductsPoint, variant: MatmulVariant): Dot {
  const row = point.rows.find((each) => !each.isLibrary && each.variant === variant);
  return row && isTimed(row) ? dotOf(row, point) : { x: point.x, ...missing };
}

function failuresOf({ axis, points }: ShapeClass, variant: MatmulVariant): string[] {
  const places = placesOf(points, ({ rows }) =>
    rows.flatMap((row) =>
      row.variant !== variant || row.isLibrary || isTimed(row)
        ? []
        : [{ text: failureWords[row.status], reason: row.reason }],
    ),
  );
  return places.map(({ text, xs }) => `${text} ${axis} ${xs.map(whole).join(", ")}`);
}

function linesOf(shapeClass: ShapeClass): Line[] {
  const points = shapeClass.points.toSorted((a, b) => a.x - b.x);
  const lines = variantNames.map((variant): Line => {
    const dots = points.map((point) => dotAt(point, variant));
    const { label, look } = variantCards[variant];
    return { contender: variant, label, look, dots, failures: failuresOf(shapeClass, variant) };
  });
  return lines.filter((line) => measured(line).length > 0 || line.failures.length > 0);
}

/** At the rate that the library's own choice reaches. */
const ringsOf = ({ points }: ShapeClass): Dot[] =>
  points.flatMap((point) => {
    const row = libraryRow(point);
    return row ? [dotOf(row, point)] : [];
  });

/** What is to be seen, in words. */
function summaryOf({ title, axis, points }: ShapeClass): string {
  const words = points.map((point) => {
    const fastest = fastestAt(point);
    const rate = fastest && formatFlops(rateOf(point.work.flops, fastest.summary).median);
    const found = fastest ? `${fastest.variant} the fastest with ${rate}` : "no figure";
    return `${whole(point.x)}: ${found}, the library takes ${point.choice.variant}`;
  });
  return `${title}, by ${axis}. ${words.join("; ")}.`;
}

function classChart(shapeClass: ShapeClass, options: ChartOptions): SVGSVGElement {
  const { ink } = paintOf(options.theme);
  const { axis, points } = shapeClass;
  const note = `FLOP/s by ${axis}, more is better; medians, and whiskers over the middle half of the samples`;
  const ring = { x: "x", y: "median", r: 9, stroke: ink, strokeWidth: 1.5, fill: "none" };
  const plan = {
    lines: linesOf(shapeClass),
    axis,
    xs: points.map(({ x }) => x),
    unit: units.flops,
    notes: [note, "ring: what the library takes, as it takes it"],
    summary: summaryOf(shapeClass),
    above: [Plot.dot(ringsOf(shapeClass), ring)],
  };
  return linesChart(plan, options);
}

/** One standalone SVG per class of shapes. */
export function productsPictures(record: ProductsRecord): Picture[] {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const options: ChartOptions = { document, width, theme: "light" };
  const foot = footOf(record);
  return record.sweeps.map((shapeClass): Picture => {
    const { name, title } = shapeClass;
    const charts = [classChart(shapeClass, { ...options, title })];
    return { name, svg: pictureOf({ title, charts, foot }, document) };
  });
}
