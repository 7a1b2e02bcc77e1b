/** Fewer different text values with a slash are labels, such as the genotypes 0/0, 0/1 and 1/1. */
const fewestFractions = 20;
const slash = "a slash";

/** Ways of writing numbers that are not read, in the order in which they are looked for. */
const oddForms: readonly (readonly [form: RegExp, words: string])[] = [
  [/^[-+\u2212]?[\d.,]+\s?[×x·*]\s?10\s?\^?[-+\u2212⁰¹²³⁴-⁹⁻\d]+$/iu, "powers of ten"],
  [/^[-+\u2212]?[\d.,]+\s?(?:±|\+\/-)\s?[\d.,]+/u, "a tolerance"],
  [
    /^(?:approx\.?|about|around|circa|ca\.?|c\.|est\.?|[~≈<>≤≥])\s?[-+\u2212]?\d[\d.,]*\D{0,8}$/iu,
    "a word or sign in front",
  ],
  [/^#\s?\d[\d.,]*$/u, "# in front"],
  [/^(?:['\u2019][-+]?\d[\d.,]*|="[-+]?\d[\d.,]*"|=[-+]?\d[\d.,]*)$/u, "an apostrophe or = in front"],
  [/^[-+\u2212]?\d[\d.,]*\s?["″'′]$/u, "a sign for inches or feet"],
  [/^[-+\u2212]?\d[\d.,]*\s?\p{Sc}\/[\p{L}²³\d]{1,8}$/u, "a price per unit"],
  [/^[-+\u2212]?\d[\d.,]*\s\(\d+\)$/u, "a second number in parentheses"],
  [/^\d+:[0-5]\d(?::[0-5]\d)?$/u, "hours or minutes before a colon"],
  [/^\p{Sc}?\d[\d.,]*\s?[kKmMbB]$/u, "k or M after them"],
  [/^[-+\u2212]?(?:\d+\.?\d*|\.\d+)d[-+]?\d{1,3}$/iu, "an exponent D instead of E"],
  [/^(?:\d+\s)?\d+\s?\/\s?\d+$/u, slash],
  [/^-?\d[\d.]*\s?°.*[NSEWO'\u2032]$/u, "degrees and minutes"],
  [/^\d+\s?['\u2032]\s?\d+(?:\.\d+)?\s?(?:"|\u2033|'')?$/u, "feet and inches"],
  [/^(?:\d+\s?(?:d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)\.?\s?){2,4}$/iu, "several units of time"],
];

const witnesses = 200;

/** What most of the texts look like, where that are numbers in a form that is not read; undefined for other texts. */
export function lookLikeOddNumbers(texts: Iterable<string>): string | undefined {
  const counts = oddForms.map(() => 0);
  let seen = 0;
  for (const text of texts) {
    if (seen === witnesses) break;
    seen++;
    const form = text.length > 100 ? -1 : oddForms.findIndex(([pattern]) => pattern.test(text.trim()));
    if (form >= 0) counts[form]!++;
  }
  const most = Math.max(...counts);
  if (most === 0 || most <= seen / 2) return undefined;
  const [, words] = oddForms[counts.indexOf(most)]!;
  if (words === slash && seen < fewestFractions) return undefined;
  return `looks like numbers with ${words}; write plain numbers`;
}
