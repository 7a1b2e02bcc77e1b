import { BadFile } from "../errors.ts";
import { type ExpectedColumns, generatedNumber } from "./header.ts";
import type { Steps } from "./slices.ts";
import { quote } from "./table.ts";

/**
 * Returns names for the columns of a table without a header: column1, column2, …
 * A table for a model may lack the columns that the model predicts or does not use: then the columns that it uses get their names in order.
 */
export function generatedNames(width: number, expected: ExpectedColumns | undefined): string[] {
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
  const seen = new Set<string>();
  for (let column = 0; column < width; column++) {
    const name = cells[column]?.trim() || `column${column + 1}`;
    if (seen.has(name)) {
      const expected = "column names that differ";
      const fix = "rename one of the two columns; if the first line is a row, pass --header no";
      throw new BadFile({ place, expected, got: `${quote(name)} twice`, fix });
    }
    seen.add(name);
    names.push(name);
    if (column % 5000 === 4999) yield 0;
  }
  return names;
}
