import type { ClassScore, MetricName, NumberScore, PredictionScore } from "../data.ts";
import { counted, grouped, percent, short } from "./numbers.ts";

/** Classes of which the whole confusion matrix is printed. */
const mostInMatrix = 8;
const mostConfusions = 8;
const mostParts = 8;
const longestName = 16;

const cut = (name: string): string => (name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name);

const corner = "true \\ predicted";

/** A row for each true class, a column for each predicted one. */
function matrixLines({ classes, confusion }: ClassScore): string[] {
  const names = classes.map(cut);
  const rows = [names, ...confusion.map((counts) => counts.map(grouped))];
  const widths = names.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const first = Math.max(...names.map(({ length }) => length), corner.length);
  return rows.map((row, index) => {
    const head = index === 0 ? corner : names[index - 1]!;
    return [head.padEnd(first), ...row.map((cell, column) => cell.padStart(widths[column]!))].join("  ");
  });
}

/** The most frequent mistakes. */
function confusionLines({ classes, confusion }: ClassScore): string[] {
  const mistakes = confusion.flatMap((counts, truth) =>
    counts.flatMap((rows, predicted) => (rows > 0 && truth !== predicted ? [{ truth, predicted, rows }] : [])),
  );
  mistakes.sort((a, b) => b.rows - a.rows || a.truth - b.truth || a.predicted - b.predicted);
  const shown = mistakes.slice(0, mostConfusions).map(({ truth, predicted, rows }) => {
    return `${cut(classes[truth]!)} predicted as ${cut(classes[predicted]!)}: ${counted(rows, "row")}`;
  });
  const more =
    mistakes.length > mostConfusions ? [`… ${mistakes.length - mostConfusions} more pairs of confused classes`] : [];
  return [...shown, ...more];
}

function classLines(score: ClassScore): string[] {
  const { correct, rows, accuracy, baseline, balancedAccuracy, macroF1, classes } = score;
  const always = `most frequent class: ${percent(baseline)}`;
  const chance = percent(1 / classes.length);
  const first = `accuracy ${percent(accuracy)} (${grouped(correct)} of ${counted(rows, "row")}; ${always})`;
  const balanced = `balanced accuracy ${percent(balancedAccuracy)} (by chance ${chance}), macro F1 ${macroF1.toFixed(3)}`;
  return [first, balanced, ...(classes.length <= mostInMatrix ? matrixLines(score) : confusionLines(score))];
}

/** The metrics that were requested, and what each is of the classes or targets. */
function metricLines(score: PredictionScore): string[] {
  const [names, parts] =
    score.kind === "class" ? [score.classes, score.perClass] : [score.columns.map(({ name }) => name), score.perOutput];
  return Object.entries(score.metrics ?? {}).map(([name, value]) => {
    const own = names.length > 1 ? (parts?.[name as MetricName] ?? []) : [];
    const each = own.slice(0, mostParts).map((part, k) => `${cut(names[k]!)} ${short(part)}`);
    const more = own.length > mostParts ? [`… ${own.length - mostParts} more`] : [];
    const told = Number.isNaN(value) ? "not defined" : short(value!);
    return `${name} ${told}${own.length > 0 ? ` (${[...each, ...more].join(", ")})` : ""}`;
  });
}

/** The lines of a score: accuracy and what is confused with what, or RMSE and R² per target; then the metrics that were requested. */
export const scoreLines = (score: PredictionScore): string[] => [
  ...(score.kind === "class" ? classLines(score) : numberLines(score)),
  ...metricLines(score),
];

function numberLines(score: NumberScore): string[] {
  return score.columns.map(({ name, rmse, r2 }) => {
    const fit = Number.isNaN(r2) ? "R² not defined for one row" : `R² ${r2.toFixed(4)}`;
    return `${name}: RMSE ${short(rmse)}, ${fit} (${counted(score.rows, "row")})`;
  });
}
