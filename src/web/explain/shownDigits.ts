// How many digits the reader wants to see.

export const digitChoices = ["4", "8", "full"] as const;
/** Significant digits of numbers in the drawing and of the factors in formulas; results are always written in full. */
export type Digits = (typeof digitChoices)[number];

/** A number as the page writes it, with a minus sign. */
export function writeNumber(value: number, digits: Digits): string {
  const short = digits === "full" ? value : Number(value.toPrecision(Number(digits)));
  const text = Math.abs(short) < 1e7 ? String(short) : short.toExponential().replace("e+", "e");
  return text.replace("-", "−");
}

/** Where 4 digits leave too little room, 3 do. */
export const writeShorter = (value: number, digits: Digits): string =>
  writeNumber(digits === "4" ? Number(value.toPrecision(3)) : value, digits);
