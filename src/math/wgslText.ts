/** The same WGSL without parentheses around all of it. */
export function bare(text: string): string {
  if (!text.startsWith("(")) return text;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "(") depth++;
    else if (text[at] === ")" && --depth === 0 && at < text.length - 1) return text;
  }
  return text.slice(1, -1);
}

/** The negative of an operand; two minus signs in a row would be a decrement. */
export const negative = (text: string): string => (text.startsWith("-") ? `-(${text})` : `-${text}`);

/** A call of a function. */
export const call =
  (name: string) =>
  (...operands: string[]): string =>
    `${name}(${operands.map(bare).join(", ")})`;

/** An operator between two operands. */
export const infix =
  (operator: string) =>
  (a: string, b: string): string =>
    `(${a} ${operator} ${b})`;
