import type { MatmulVariant } from "../../src/backend/webgpu/matmulVariants.ts";
import { formatFlops, formatMs, formatShare, significant } from "../race/units.ts";
import { block } from "../report/markdown.ts";
import { type Column, escape, table } from "../report/markdownTable.ts";
import { shareOf } from "../sweeps/ceilingWatch.ts";
import { failureLines, headLines, matrix, spreadText, titled, whole } from "../sweeps/report.ts";
import {
  type FailedVariant,
  fastestAt,
  isTimed,
  libraryRow,
  type ProductsPoint,
  type ProductsRecord,
  type ShapeClass,
  type TimedVariant,
  type VariantRow,
} from "./record.ts";
import { variantNames } from "./variants.ts";

// A record of products for people: which variant is the fastest where, and whether the library takes it.

/** What a variant reached, per second. */
const rateText = ({ summary }: TimedVariant, { work }: ProductsPoint): string =>
  formatFlops((1000 * work.flops) / summary.median);

const forcedRow = ({ rows }: ProductsPoint, variant: MatmulVariant): VariantRow | undefined =>
  rows.find((row) => !row.isLibrary && row.variant === variant);

const splitsText = ({ splits }: TimedVariant): string => (splits === 1 ? "" : ` in ${whole(splits)}`);

function variantCell(variant: MatmulVariant, point: ProductsPoint): string {
  const row = forcedRow(point, variant);
  const mark = variant === point.choice.variant ? " ◂" : "";
  if (!row) return `–${mark}`;
  if (!isTimed(row)) return `${row.status === "cannot" ? "–" : row.status}${mark}`;
  const text = `${rateText(row, point)}${splitsText(row)}`;
  return `${row === fastestAt(point) ? `**${text}**` : text}${mark}`;
}

function deviationCell(variant: MatmulVariant, point: ProductsPoint): string {
  const row = forcedRow(point, variant);
  return row && isTimed(row) ? significant(row.check.deviation / row.check.bound) : "–";
}

const timeText = (row: TimedVariant | undefined): string => (row ? formatMs(row.summary.median) : "");

function takenCell(point: ProductsPoint): string {
  const row = libraryRow(point);
  return `${point.choice.variant}${row ? splitsText(row) : ""}`;
}

const choiceColumns = (axis: string, { ceilings }: ProductsRecord): Column<ProductsPoint>[] => [
  { title: axis, cell: ({ x }) => whole(x) },
  { title: "product", isText: true, cell: ({ description }) => description },
  { title: "the library takes", isText: true, cell: takenCell },
  { title: "time", cell: (point) => timeText(libraryRow(point)) },
  {
    title: "rate",
    cell: (point) => {
      const row = libraryRow(point);
      return row ? rateText(row, point) : "";
    },
  },
  {
    title: "of the ceiling",
    cell: (point) => {
      const row = libraryRow(point);
      const share = row && shareOf(row, point, ceilings);
      return share === undefined ? "" : formatShare(share);
    },
  },
  { title: "fastest", isText: true, cell: ({ choice }) => choice.fastest ?? "none" },
  { title: "time of the fastest", cell: (point) => timeText(fastestAt(point)) },
  { title: "library ÷ fastest (quartiles)", cell: ({ choice }) => spreadText(choice.ratio) },
  { title: "the same again ÷ library: noise", cell: ({ choice }) => spreadText(choice.noise) },
  {
    title: "verdict",
    isText: true,
    cell: ({ choice: { verdict } }) => (verdict === "slower" ? "**slower**" : verdict),
  },
];

const failureWords: Readonly<Record<FailedVariant["status"], string>> = {
  cannot: "cannot run",
  slow: "too slow to be timed",
  wrong: "**wrong**",
  failed: "**failed**",
};

function failuresOf({ rows, leftOut }: ProductsPoint): { text: string; reason: string }[] {
  const failed = rows.flatMap((row) => {
    if (isTimed(row)) return [];
    const name = `${row.variant}${row.isLibrary ? " of the library" : ""}`;
    return [{ text: `${name}: ${failureWords[row.status]}`, reason: row.reason }];
  });
  return leftOut === undefined ? failed : [...failed, { text: "left out", reason: leftOut }];
}

const checksOf = ({ points }: ShapeClass) =>
  points.flatMap(({ rows }) => rows.filter(isTimed).map(({ check }) => check));

/** How much was held against float64. */
function checkLine(shapeClass: ShapeClass): string {
  const sampled = checksOf(shapeClass).filter(({ isSample }) => isSample).length;
  if (sampled === 0) return "Largest error ÷ its bound, of all entries:";
  return "Largest error ÷ its bound, of all entries, or of a sample of 200 where float64 would take too long:";
}

function classLines(shapeClass: ShapeClass, record: ProductsRecord): string[] {
  const { title, axis, points } = shapeClass;
  const rates =
    "Rates, medians; the fastest in bold, ◂ the variant that the library takes, “in 4” with its sums in 4 slices:";
  return [
    `## ${escape(title)}`,
    "",
    ...titled(rates, matrix(shapeClass, "variant", variantNames, variantCell)),
    ...titled("What the library takes, as it takes it:", table(choiceColumns(axis, record), points)),
    ...titled(checkLine(shapeClass), matrix(shapeClass, "variant", variantNames, deviationCell)),
    ...block(failureLines(shapeClass, failuresOf)),
  ];
}

const verdicts = ["fast enough", "within noise", "slower", "no times"] as const;

/** How often the library was right, class by class. */
function overview({ sweeps }: ProductsRecord): string[] {
  const columns: Column<ShapeClass>[] = [
    { title: "class", isText: true, cell: ({ name }) => name },
    { title: "points", cell: ({ points }) => String(points.length) },
    ...verdicts.map((verdict) => ({
      title: verdict,
      cell: ({ points }: ShapeClass) => String(points.filter(({ choice }) => choice.verdict === verdict).length),
    })),
    {
      title: "worst library ÷ fastest",
      cell: ({ points }) => {
        const ratios = points.flatMap(({ choice: { ratio } }) => (ratio ? [ratio.median] : []));
        return ratios.length > 0 ? significant(Math.max(...ratios)) : "";
      },
    },
  ];
  return table(columns, sweeps);
}

/** `wideQuads in 4`, or how else the same variant is faster. */
const fasterText = ({ choice }: ProductsPoint, fastest: TimedVariant): string =>
  `${fastest.variant === choice.variant ? "itself" : fastest.variant}${splitsText(fastest) || " in one slice"}`;

/** A sentence for each point where another variant, or other slices, are faster than what the library takes. */
function slowerLines({ sweeps }: ProductsRecord): string[] {
  const lines = sweeps.flatMap(({ name, axis, points }) =>
    points.flatMap((point) => {
      const { choice, x } = point;
      if (choice.verdict !== "slower") return [];
      const faster = fasterText(point, fastestAt(point)!);
      const taken = `${choice.variant}${splitsText(libraryRow(point)!)}`;
      const times = `${spreadText(choice.ratio)} times as long as ${faster}`;
      return [`- ${name} at ${axis} ${whole(x)}: the library takes ${taken}, which takes ${times}.`];
    }),
  );
  return lines.length > 0 ? ["Where the library does not take the fastest:", "", ...lines] : [];
}

export function productsMarkdown(record: ProductsRecord): string {
  const samples =
    "A sample is the time of a block of products divided by their number, from the first that is recorded until the device has " +
    "done the last. Variants take turns, block by block. A variant that differs from float64 by more than its bound has no times.";
  const lines = [
    ...headLines(record, "Products", samples),
    ...block(overview(record)),
    ...block(slowerLines(record)),
    ...record.sweeps.flatMap((shapeClass) => classLines(shapeClass, record)),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}
