/** `-1.5`, `+3`, `-1,5`, `-2e3`, `-20 %` */
const isNumber = (text: string): boolean => /^[+-]?[\d.,][\d., ]*(e[+-]?\d+)?\s?%?$/i.test(text);

/** A spreadsheet would run these as formulas; a lone sign and a number are harmless. */
const isFormula = (text: string): boolean => /^[=+\-@\t\r\n＝＋－＠]./su.test(text) && !isNumber(text);

/** Text gets the apostrophe before it that spreadsheets read as "this is text" (OWASP, CSV injection). */
function cellOf(value: string | number): string {
  if (typeof value === "number") return String(value);
  const text = isFormula(value) ? `'${value}` : value;
  return /[",\r\n\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A line of CSV (RFC 4180) that a spreadsheet can open without running what a cell says. */
export const csvLine = (cells: readonly (string | number)[]): string => `${cells.map(cellOf).join(",")}\n`;
