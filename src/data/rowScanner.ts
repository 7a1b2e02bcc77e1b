import { BadFile } from "../errors.ts";

/** One row of a text file. */
export interface TextRow {
  /** Line of the file on which the row starts, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** The line starts with #, so it may be a comment. */
  readonly hash: boolean;
}

/** Separators that are guessed. A blank stands for any number of spaces and tabs. */
export const separators = ["\t", ";", "|", ",", " "] as const;

export interface ScanOptions {
  readonly separator: string;
  /** What messages call the file. */
  readonly place: string;
  /** Where the first row starts; default 0. */
  readonly position?: number;
  /** Number of the line at `position`; default 1. */
  readonly line?: number;
}

/** Finds the next place of a text from ascending positions; all calls together read the text once. */
class Finder {
  private readonly text: string;
  private readonly needle: string;
  private at = -1;

  constructor(text: string, needle: string) {
    this.text = text;
    this.needle = needle;
  }

  /** Infinity where there is none. */
  from(position: number): number {
    if (this.at < position) {
      const found = this.text.indexOf(this.needle, position);
      this.at = found < 0 ? Infinity : found;
    }
    return this.at;
  }
}

const longRow = 10_000;
const lineEnds = /\r\n|\n|\r/g;
const blankCells = /"[^"]*(?:""[^"]*)*"|\S+/g;

const unquote = (cell: string): string =>
  cell.length > 1 && cell.startsWith('"') && cell.endsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;

/**
 * Reads delimited text row by row, as RFC 4180 has it: cells in double quotes may hold separators, line breaks and doubled quotes. Blanks
 * around the quotes are allowed, empty lines are left out. All rows together take time linear in the length of the text.
 */
export class RowScanner {
  /** Characters read so far. */
  position: number;
  private readonly text: string;
  private readonly separator: string;
  private readonly place: string;
  private line: number;
  /** Of the row that is being read. */
  private cells: string[] = [];
  private rowLine = 0;
  private rowHash = false;
  private readonly cellEnd: Finder;
  private readonly lineFeed: Finder;
  private readonly carriageReturn: Finder;
  private readonly quote: Finder;

  constructor(text: string, { separator, place, position = 0, line = 1 }: ScanOptions) {
    this.text = text;
    this.separator = separator;
    this.place = place;
    this.position = position;
    this.line = line;
    this.cellEnd = new Finder(text, separator);
    this.lineFeed = new Finder(text, "\n");
    this.carriageReturn = new Finder(text, "\r");
    this.quote = new Finder(text, '"');
  }

  /**
   * Returns the next row; undefined at the end, "unfinished" after every 10,000 cells of a long row, which the next call continues.
   * @throws BadFile where a quoted cell does not end
   */
  next(): TextRow | "unfinished" | undefined {
    if (this.cells.length > 0) return this.nextOfCells();
    while (this.position < this.text.length) {
      const { line } = this;
      const start = this.position;
      const end = this.lineEnd(start);
      const hash = this.text[start] === "#";
      if (this.isEmpty(start, end)) this.endLine(end);
      else if (this.separator === " ") {
        const cells = this.text.slice(start, end).match(blankCells)!;
        this.endLine(end);
        return { line, cells: cells.map(unquote), hash };
      } else if (hash && this.quote.from(start) < end) {
        const cells = this.text.slice(start, end).split(this.separator);
        this.endLine(end);
        return { line, cells: cells.map((cell) => unquote(cell.trim())), hash };
      } else {
        this.rowLine = line;
        this.rowHash = hash;
        return this.nextOfCells();
      }
    }
    return undefined;
  }

  private lineEnd(from: number): number {
    return Math.min(this.lineFeed.from(from), this.carriageReturn.from(from), this.text.length);
  }

  private isEmpty(start: number, end: number): boolean {
    if (start === end) return true;
    if (this.text[start]!.trim() !== "" || (this.separator !== " " && this.cellEnd.from(start) < end)) return false;
    return this.text.slice(start, end).trim() === "";
  }

  private endLine(end: number): void {
    const pair = this.text[end] === "\r" && this.text[end + 1] === "\n";
    this.position = end + (pair ? 2 : 1);
    this.line++;
  }

  private skipBlanks(from: number): number {
    let at = from;
    while (this.text[at] === " " || (this.text[at] === "\t" && this.separator !== "\t")) at++;
    return at;
  }

  private nextOfCells(): TextRow | "unfinished" {
    for (let count = 0; count < longRow; count++) {
      const at = this.position;
      const start = this.skipBlanks(at);
      const quoted = this.text[start] === '"';
      const after = quoted ? this.quotedEnd(start) : at;
      const lineEnd = this.lineEnd(after);
      const end = Math.min(this.cellEnd.from(after), lineEnd);
      if (quoted) {
        if (this.skipBlanks(after) < end) throw this.fault("text after the closing quote");
        this.cells.push(unquote(this.text.slice(start, after)));
        this.line += this.text.slice(start, after).match(lineEnds)?.length ?? 0;
      } else this.cells.push(this.text.slice(at, end));
      if (end === lineEnd) {
        this.endLine(end);
        const { cells, rowLine: line, rowHash: hash } = this;
        this.cells = [];
        return { line, cells, hash };
      }
      this.position = end + 1;
    }
    return "unfinished";
  }

  /** Place behind the closing quote of the cell that opens at `start`. */
  private quotedEnd(start: number): number {
    let from = start + 1;
    for (;;) {
      const at = this.quote.from(from);
      if (at === Infinity) throw this.fault("a quote that is not closed");
      if (this.text[at + 1] !== '"') return at + 1;
      from = at + 2;
    }
  }

  private fault(got: string): BadFile {
    const fix = 'close the quote, and write a quote inside a cell as ""';
    return new BadFile({ place: `${this.place}: line ${this.line}`, expected: "closed quotes", got, fix });
  }
}
