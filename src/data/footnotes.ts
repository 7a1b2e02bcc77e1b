import { type NumberParts, splitNumber } from "./numberParts.ts";

/** A footnote that is a letter, as in "12 a". */
export const singleLetter = /^\p{Ll}$/u;

/** Of a column's different text values, at most this share may have a mark: more marks are part of the values. */
const mostMarked = 0.1;
/** With more different text values, `12*` is taken for 12 even where 12 occurs as well. */
const fewTexts = 20;

/** The mark behind the digits that may be a footnote. */
const markOf = ({ footnote, suffix }: NumberParts): string =>
  footnote !== "" ? footnote : singleLetter.test(suffix) ? suffix : "";

/** Decides whether marks behind numbers are footnotes, which are ignored, or part of labels such as 1a, 1b, 2a. */
export class FootnoteEvidence {
  #marked = 0;
  /** Texts without their marks. */
  readonly #bare = new Set<string>();
  #equalLetters = false;
  #equalMarks = false;

  /** @param has whether a text is one of the column */
  add(text: string, parts: NumberParts | undefined, has: (text: string) => boolean): void {
    const mark = parts ? markOf(parts) : "";
    if (mark === "") return;
    const cell = text.trim();
    this.#marked++;
    const bare = cell.endsWith(mark) ? cell.slice(0, -mark.length).trimEnd() : cell;
    if (this.#bare.has(bare) || has(bare)) {
      if (singleLetter.test(mark)) this.#equalLetters = true;
      else this.#equalMarks = true;
    }
    this.#bare.add(bare);
  }

  /** @param total different text values */
  areFootnotes(total: number): boolean {
    if (this.#marked === 0 || this.#marked > mostMarked * total || this.#equalLetters) return false;
    return total > fewTexts || !this.#equalMarks;
  }
}

/** Whether a text is a number with a mark that may be a footnote. */
export function isMarked(text: string): boolean {
  const parts = splitNumber(text);
  return parts !== undefined && markOf(parts) !== "";
}

/** Whether the marks in these different text values are footnotes. */
export function haveFootnotes(texts: readonly string[]): boolean {
  const all = new Set(texts);
  const evidence = new FootnoteEvidence();
  for (const text of all) evidence.add(text, splitNumber(text), (bare) => all.has(bare));
  return evidence.areFootnotes(all.size);
}
