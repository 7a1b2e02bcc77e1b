import process from "node:process";
import type { ReadProgress } from "../data.ts";
import { drawLive, eraseLive, terminalColumns } from "./liveText.ts";
import type { Output } from "./output.ts";
import { oneLine } from "./safeText.ts";

// Shows that work of more than two seconds is still running: in a terminal in a line that is erased when the work is
// done, else in a line after two seconds and one every ten.

const liveMs = 500;
const redrawMs = 250;
const plainMs = 2000;
const repeatMs = 10_000;

/** Whether stderr is a terminal in which lines may be drawn over. */
export const isLive = ({ quiet }: Output): boolean => Boolean(process.stderr.isTTY) && !process.env["CI"] && !quiet;

/** Work under way. */
export interface Work {
  /** Tells how much of it is done. */
  readonly tell: (progress: ReadProgress) => void;
  /** Ends the line. May be called more than once. */
  end(): void;
}

/** @param what present participle and object: "reading cars.csv" */
export function startWork(output: Output, what: string): Work {
  if (output.quiet) return { tell: () => {}, end: () => {} };
  const startMs = performance.now();
  const text = oneLine(what);
  const live = isLive(output);
  let share = 0;
  let nextMs = plainMs;
  const show = (): void => {
    const elapsedMs = performance.now() - startMs;
    const parts = [
      text,
      ...(share > 0 ? [`${Math.floor(share * 100)} %`] : []),
      ...(elapsedMs >= 1000 ? [`${Math.floor(elapsedMs / 1000)} s`] : []),
    ];
    if (live && elapsedMs >= liveMs) drawLive([parts.join("  ").slice(0, terminalColumns() - 1)]);
    if (live || elapsedMs < nextMs) return;
    output.info("", `${parts.join(", ")} …`);
    nextMs = elapsedMs + repeatMs;
  };
  const timer = setInterval(show, redrawMs);
  let isOver = false;
  return {
    tell: ({ done, total }) => {
      share = done / Math.max(1, total);
    },
    end: () => {
      clearInterval(timer);
      if (live && !isOver) eraseLive();
      isOver = true;
    },
  };
}

/** Runs work and shows that it is still running. */
export async function working<T>(
  output: Output,
  what: string,
  run: (tell: Work["tell"]) => T | Promise<T>,
): Promise<T> {
  const work = startWork(output, what);
  try {
    return await run(work.tell);
  } finally {
    work.end();
  }
}
