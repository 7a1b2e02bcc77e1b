import process from "node:process";
import type { Output } from "./output.ts";
import { oneLine } from "./safeText.ts";

// Work that may take longer than two seconds says that it goes on: in a terminal in a line that is erased when the work is
// done, else in a line after two seconds and one every ten.

const liveMs = 500;
const redrawMs = 250;
const plainMs = 2000;
const repeatMs = 10_000;

/** Cells that take longer than two seconds to prepare or encode. */
const longTableCells = 500_000;
export const isLongTable = (cells: number): boolean => cells > longTableCells;

/** Whether stderr is a terminal in which lines may be drawn over. */
export const isLive = ({ quiet }: Output): boolean => Boolean(process.stderr.isTTY) && !process.env["CI"] && !quiet;

/** Work under way. */
export interface Work {
  /** Tells how much of it is done, from 0 to 1. */
  tell(share: number): void;
  /** Ends the line. May be called more than once. */
  end(): void;
}

interface WorkOptions {
  /** The work will take longer than two seconds and may let no timer run: said at once. */
  readonly isLong?: boolean;
}

/** Draws over one line; only spaces and carriage returns, so that NO_COLOR means no escapes at all. */
function liveLine() {
  const { stderr } = process;
  let drawn = 0;
  return {
    draw(text: string): void {
      const width = (stderr.columns || 80) - 1;
      stderr.write(`\r${text.slice(0, width).padEnd(drawn)}`);
      drawn = Math.min(width, text.length);
    },
    erase(): void {
      if (drawn > 0) stderr.write(`\r${" ".repeat(drawn)}\r`);
      drawn = 0;
    },
  };
}

/** @param what present participle and object: "reading cars.csv" */
export function startWork(output: Output, what: string, { isLong = false }: WorkOptions = {}): Work {
  if (output.quiet) return { tell: () => {}, end: () => {} };
  const startMs = performance.now();
  const text = oneLine(what);
  const line = isLive(output) ? liveLine() : undefined;
  let share = 0;
  let nextMs = isLong ? 0 : plainMs;
  const show = (): void => {
    const elapsedMs = performance.now() - startMs;
    const parts = [
      text,
      ...(share > 0 ? [`${Math.floor(share * 100)} %`] : []),
      ...(elapsedMs >= 1000 ? [`${Math.floor(elapsedMs / 1000)} s`] : []),
    ];
    if (line && (isLong || elapsedMs >= liveMs)) line.draw(parts.join("  "));
    if (line || elapsedMs < nextMs) return;
    output.info("", `${parts.join(", ")} …`);
    nextMs = elapsedMs + repeatMs;
  };
  if (isLong) show();
  const timer = setInterval(show, redrawMs);
  return {
    tell: (done) => {
      share = Math.min(1, Math.max(0, done));
    },
    end: () => {
      clearInterval(timer);
      line?.erase();
    },
  };
}

/** Does work and says that it goes on. */
export async function working<T>(
  output: Output,
  what: string,
  run: (tell: Work["tell"]) => T | Promise<T>,
  options?: WorkOptions,
): Promise<T> {
  const work = startWork(output, what, options);
  try {
    return await run(work.tell);
  } finally {
    work.end();
  }
}
