// Cuts JSON text into batches of whole elements, so that each is parsed in a short time.

/** Characters of a batch; one element may be longer. */
const batchChars = 2 ** 15;

/** Opening and closing characters and quotes: everything between is skipped in one go. */
const structure = /["[\]{},]/g;
const stringEnd = /["\\]/g;

/** Place behind the string that opens at `start`; the length of the text where it does not end. */
function endOfString(text: string, start: number): number {
  stringEnd.lastIndex = start + 1;
  for (let found = stringEnd.exec(text); found; found = stringEnd.exec(text)) {
    if (found[0] === '"') return stringEnd.lastIndex;
    stringEnd.lastIndex++; // the character that is escaped
  }
  return text.length;
}

/** A run of elements of an array. */
export interface ElementBatch {
  readonly from: number;
  readonly to: number;
}

/**
 * Returns the batches of the array that opens at `start`, and undefined as last where the array does not end.
 * `end` is the place behind its closing bracket.
 */
export function* elementBatches(text: string, start: number): Generator<ElementBatch, number | undefined, void> {
  let depth = 0;
  let from = start + 1;
  structure.lastIndex = from;
  for (let found = structure.exec(text); found; found = structure.exec(text)) {
    const at = found.index;
    const char = found[0];
    let next = at + 1;
    if (char === '"') next = endOfString(text, at);
    else if (char === "{" || char === "[") depth++;
    else if (char === "," && depth === 0 && at - from >= batchChars) {
      yield { from, to: at };
      from = at + 1;
    } else if (char === "}" || char === "]") {
      if (depth === 0) {
        yield { from, to: at };
        return at + 1;
      }
      depth--;
    }
    structure.lastIndex = next;
  }
  return undefined;
}

const manyDigits = /\d{16}/;
const stringOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/** Whole numbers that float64 would change become texts: 9007199254740993 stays what it is. */
export function keepLongIntegers(json: string): string {
  if (!manyDigits.test(json)) return json;
  return json.replaceAll(stringOrNumber, (token) => {
    const exact = token.startsWith('"') || !/^-?\d+$/.test(token) || Number.isSafeInteger(Number(token));
    return exact ? token : `"${token}"`;
  });
}
