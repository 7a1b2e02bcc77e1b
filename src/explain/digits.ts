/** Shortest decimal that reads back as the same float64, 17 significant digits at most. */
export function doubleDigits(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || !Number.isFinite(value)) return String(value);
  return size < 1e-6 || size >= 1e9 ? value.toExponential() : String(value);
}

/** Nine significant digits, which tell any two float32 values apart; zeros at the end left out. */
const singleDigits = (value: number): string => doubleDigits(Number(value.toPrecision(9)));

/** Six significant digits, for numbers inside formulas. */
export const shortDigits = (value: number): string => doubleDigits(Number(value.toPrecision(6)));

/** A float32 number cut where its digits leave those of the float64 number: `same` `differing` `exponent`. */
export interface ComparedDigits {
  readonly same: string;
  /** Empty where all nine digits agree. */
  readonly differing: string;
  /** `e-8`, or nothing. */
  readonly exponent: string;
}

function cutExponent(digits: string): [mantissa: string, exponent: string] {
  const cut = digits.search(/e|$/);
  return [digits.slice(0, cut), digits.slice(cut)];
}

/** Compares nine significant digits of both values; a different exponent makes every digit differ. */
export function compareDigits(reference: number, device: number): ComparedDigits {
  if (singleDigits(reference) === singleDigits(device)) {
    const [same, exponent] = cutExponent(singleDigits(device));
    return { same, differing: "", exponent };
  }
  const [expected, expectedExponent] = cutExponent(reference.toPrecision(9));
  const [got, exponent] = cutExponent(device.toPrecision(9));
  let cut = 0;
  if (expectedExponent === exponent) while (cut < got.length && expected[cut] === got[cut]) cut += 1;
  if (got[cut] === ".") cut += 1;
  return { same: got.slice(0, cut), differing: got.slice(cut), exponent };
}
