// A terminal as people see it: what is on its screen after some output.

import xterm from "@xterm/headless";

export class Screen {
  readonly #terminal: xterm.Terminal;

  constructor(size: { readonly cols: number; readonly rows: number }) {
    this.#terminal = new xterm.Terminal({ ...size, allowProposedApi: true, convertEol: true, scrollback: 1000 });
  }

  write(text: string): Promise<void> {
    return new Promise((done) => this.#terminal.write(text, done));
  }

  /** Wraps lines anew, as most terminals do. */
  resize(cols: number, rows: number): void {
    this.#terminal.resize(cols, rows);
  }

  /** All lines, also those that have left the screen, without empty ones at the end. */
  get lines(): string[] {
    const buffer = this.#terminal.buffer.active;
    const all = Array.from({ length: buffer.length }, (_, at) => buffer.getLine(at)!.translateToString().trimEnd());
    return all.slice(0, all.findLastIndex((line) => line !== "") + 1);
  }

  /** Where the cursor is: column, and the line from the first one. */
  get cursor(): readonly [number, number] {
    const { cursorX, cursorY, baseY } = this.#terminal.buffer.active;
    return [cursorX, baseY + cursorY];
  }

  get isWrapping(): boolean {
    return this.#terminal.modes.wraparoundMode;
  }
}

/** The escape sequences of an output without the escape character: `[34m`. */
export const escapesIn = (text: string): string[] =>
  [...text.matchAll(/\p{Cc}(\[[?\d;]*[A-Za-z])/gu)].map(([, sequence]) => sequence!);
