// GitHub's Markdown tables, with columns as wide as their cells: they are read in terminals, too.

/** Text as one line that Markdown leaves as it is, also in a table. */
export const escape = (text: string): string =>
  text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll(/[\\`*|<]/g, (sign) => (sign === "<" ? "&lt;" : `\\${sign}`));

/** How a column is set: words from the left, figures from the right. */
export interface Column<T> {
  readonly title: string;
  readonly isText?: boolean;
  /** Empty where the row has no such figure. Escaped already, where that is needed. */
  readonly cell: (row: T) => string;
}

const lengthOf = (text: string): number => [...text].length;

function line(cells: readonly string[], widths: readonly number[], isText: readonly boolean[]): string {
  const padded = cells.map((cell, at) => {
    const padding = " ".repeat(Math.max(0, widths[at]! - lengthOf(cell)));
    return isText[at] ? cell + padding : padding + cell;
  });
  return `| ${padded.join(" | ")} |`;
}

/** A reason among figures may stick out: the column is not made as wide for it. */
const widestFigure = 40;

/** Lines of a table. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[]): string[] {
  const isText = columns.map((column) => column.isText ?? false);
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, at) => {
    const lengths = cells.map((row) => lengthOf(row[at]!));
    return Math.max(3, ...lengths.filter((length) => isText[at] || length <= widestFigure));
  });
  const rule = widths.map((width, at) => (isText[at] ? `:${"-".repeat(width - 1)}` : `${"-".repeat(width - 1)}:`));
  const [head, ...body] = cells.map((row) => line(row, widths, isText));
  return [head!, `| ${rule.join(" | ")} |`, ...body];
}
