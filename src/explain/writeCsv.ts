import { doubleDigits } from "./digits.ts";
import { renderCondition, renderExpression } from "./render.ts";
import type { StepLine } from "./stepLine.ts";

/** RFC 4180: quotes around what holds a comma, a quote or a break, quotes in it doubled. */
const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const row = (fields: readonly string[]): string => `${fields.map(field).join(",")}\r\n`;

function formulaOf({ quantity, relation, formula, condition }: StepLine): string {
  if (!formula) return "";
  const written = `${quantity.text} ${relation} ${renderExpression(formula, "text")}`;
  return condition ? written + renderCondition(condition, "text") : written;
}

function fieldsOf(line: StepLine, compared: boolean): string[] {
  const { section, layer, quantity, numbers, note = "", result, deviceResult } = line;
  return [
    section,
    layer === undefined ? "" : String(layer + 1),
    quantity.text,
    note || formulaOf(line),
    numbers ? renderExpression(numbers, "text") : "",
    doubleDigits(result),
    ...(compared ? [deviceResult === undefined ? "" : doubleDigits(deviceResult)] : []),
  ];
}

/** The step as a table for spreadsheets: one row a quantity, all digits, layers counted from 1. */
export function writeCsv(lines: readonly StepLine[]): string {
  const compared = lines.some(({ deviceResult }) => deviceResult !== undefined);
  const heads = ["section", "layer", "quantity", "formula", "numbers", "float64"];
  return [compared ? [...heads, "float32"] : heads, ...lines.map((line) => fieldsOf(line, compared))].map(row).join("");
}
