import { printable } from "../node.ts";

// Names of columns, classes and files come from strangers; a terminal obeys control characters wherever they stand.

const maxLineLength = 4000;

/** One line of text: line breaks are escaped too, and a name of a megabyte is cut. */
export function oneLine(text: string): string {
  const line = printable(text)
    .replaceAll("\n", String.raw`\n`)
    .replaceAll("\t", String.raw`\t`);
  return line.length <= maxLineLength ? line : `${line.slice(0, maxLineLength)}…`;
}

/**
 * A document for a file or a pipe: it keeps line breaks and marks of direction, which are data there; characters that a
 * terminal obeys it loses also there, because `| head` leads to a terminal.
 */
export const documentText = (text: string): string => text.replaceAll(/[^\P{Cc}\t\r\n]/gu, (found) => printable(found));

/** JSON whose strings stay what they are: JSON.stringify leaves DEL, C1 and marks of direction as they are. */
export const jsonText = (value: object): string =>
  printable(JSON.stringify(value, (_, own: unknown) => (own instanceof Float64Array || own instanceof Float32Array ? [...own] : own))); // prettier-ignore

/** A word as it is typed into a shell. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./\\-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
