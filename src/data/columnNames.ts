import { BadFile } from "../errors.ts";
import { type ExpectedColumns, generatedNumber, hasOwnNames } from "./header.ts";
import type { Steps } from "./slices.ts";
import { columnName, listNames, quote } from "./table.ts";

/**
 * Returns the names of a table without a header by the places of its columns: those of the model where it has names.
 * @throws BadFile where the table has neither as many columns as the model has inputs nor its targets in addition
 */
export function namesByPlace(
  width: number,
  expected: ExpectedColumns | undefined,
  place: string,
): { names: readonly string[]; note?: string } {
  if (!expected || !hasOwnNames(expected)) return { names: generatedNames(width, expected) };
  const { inputs, targets } = expected;
  const all = [inputs, [...inputs, ...targets]].find((names) => names.length === width);
  if (!all) {
    throw new BadFile({
      place,
      expected: `a header line with the columns that the model was trained on, ${listNames(inputs)}`,
      got: `no header line, and ${width} columns instead of ${inputs.length}`,
      fix: `add a header line such as ${inputs.slice(0, 12).join(",")}${inputs.length > 12 ? ",…" : ""}; if the first line has names, pass --header yes`,
    });
  }
  const note = `no header line: columns are read in the order of the model, ${listNames(all)}; --header yes reads the first line as names`;
  return { names: all, note };
}

/**
 * Returns names for the columns of a table without a header: column1, column2, …
 * A table for a model may lack the columns that the model predicts or does not use: then the columns that it uses get their names in order.
 */
function generatedNames(width: number, expected: ExpectedColumns | undefined): string[] {
  const counted = Array.from({ length: width }, (_, column) => `column${column + 1}`);
  if (!expected) return counted;
  const inputs = expected.inputs.map(generatedNumber);
  const targets = new Set(expected.targets.map(generatedNumber));
  if (inputs.includes(undefined) || inputs.length === 0) return counted;
  const largest = Math.max(...(inputs as number[]), ...[...targets].filter((number) => number !== undefined));
  if (width >= largest) return counted;
  const all = Array.from({ length: largest }, (_, column) => column + 1);
  const withoutTargets = all.filter((number) => !targets.has(number));
  if (width === withoutTargets.length) return withoutTargets.map((number) => `column${number}`);
  if (width === inputs.length) return [...expected.inputs].sort((a, b) => generatedNumber(a)! - generatedNumber(b)!);
  return counted;
}

/**
 * Returns the names in a header; a blank one becomes column1, column2, … by its place.
 * @throws BadFile where two columns have the same name
 */
export function* namesInHeader(cells: readonly string[], width: number, place: string): Steps<string[]> {
  const names: string[] = [];
  const seen = new Map<string, { readonly written: string; readonly place: number }>();
  for (let column = 0; column < width; column++) {
    const written = cells[column]?.trim() ?? "";
    const name = columnName(written) || `column${column + 1}`;
    const before = seen.get(name);
    if (before !== undefined) {
      const forms = before.written === written ? "" : ", in two forms that look the same";
      const got = `${quote(name)} in columns ${before.place} and ${column + 1}${forms}`;
      const expected = "different column names";
      const fix = "rename one of the two columns; if the first line is a row, pass --header no";
      throw new BadFile({ place, expected, got, fix });
    }
    seen.set(name, { written, place: column + 1 });
    names.push(name);
    if (column % 5000 === 4999) yield 0;
  }
  return names;
}
