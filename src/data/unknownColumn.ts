import { InvalidInput } from "../errors.ts";
import { didYouMean } from "../closest.ts";
import { type Table, listNames, quote } from "./table.ts";

/** Most columns that a message lists. */
const mostListed = 40;

const marks = [",", ";", "\t", "|", ":", "~", "^", "/"] as const;

const optionOf = (mark: string): string => `--separator ${mark === "\t" ? "tab" : quote(mark)}`;

/** What the only column's name says about the layout: separators that it holds, the one that leaves the wanted name first. */
function layoutRemedy({ columns, format }: Table, wanted: string): string | undefined {
  const [only] = columns;
  if (columns.length !== 1 || only === undefined) return undefined;
  const inside = marks.filter((mark) => only.name.includes(mark));
  const parts = (mark: string): string[] => only.name.split(mark).map((part) => part.trim().replace(/^"(.*)"$/, "$1"));
  const mark = inside.find((text) => parts(text).includes(wanted)) ?? inside[0];
  if (mark === undefined) return undefined;
  if (/^CSV(?: without|$)/.test(format) && mark === ",") {
    return `every line is one cell in quotes that holds ${quote(mark)}: remove the quotes around the lines`;
  }
  const found = `the lines are one cell each, and hold ${quote(mark)}`;
  return `${found}: pass ${mark === "," || mark === ";" ? `${optionOf(mark)}, or remove quotes around the lines` : optionOf(mark)}`;
}

/** A column that an option names and the table has not. */
export function unknownColumn(table: Table, option: string, name: string): InvalidInput {
  const names = table.columns.map((column) => column.name);
  const fix = layoutRemedy(table, name) ?? `${didYouMean(name, names)}choose one of these columns`;
  const expected = `a column of the table: ${listNames(names, mostListed)}`;
  return new InvalidInput({ place: `${table.place}: ${option}`, expected, got: quote(name), fix });
}
