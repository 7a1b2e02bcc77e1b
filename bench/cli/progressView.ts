import process from "node:process";
import { duration } from "../../src/cli/numbers.ts";
import type { RaceProgress } from "../race/host.ts";

/** Shows a race while it runs, on stderr. */
export interface ProgressView {
  show(progress: RaceProgress): void;
  /** A line that stays. */
  tell(text: string): void;
  /** Wipes the line that is drawn over. */
  end(): void;
}

const mostSilentMs = 20_000;

const wordsOf = ({ race, point, phase, contender }: RaceProgress): string =>
  [race, point, phase, contender].filter(Boolean).join("  ");

/** Points still to come are taken to last as long as those that are done. */
function remaining({ done, total }: RaceProgress, elapsedMs: number): string {
  return done === 0 ? "" : `  ${duration((elapsedMs / done) * (total - done))} left`;
}

/** One line that is drawn over, with spaces and carriage returns alone: no escapes, whatever NO_COLOR says. */
function terminalView(startMs: number): ProgressView {
  const { stderr } = process;
  const width = (): number => (stderr.columns || 80) - 1;
  const wipe = (): void => void stderr.write(`\r${" ".repeat(width())}\r`);
  return {
    show(progress) {
      const elapsedMs = performance.now() - startMs;
      const count = `${progress.done}/${progress.total}`;
      const line = `${duration(elapsedMs)}  ${count}${remaining(progress, elapsedMs)}  ${wordsOf(progress)}`;
      stderr.write(`\r${line.slice(0, width()).padEnd(width())}`);
    },
    tell(text) {
      wipe();
      stderr.write(`${text}\n`);
    },
    end: wipe,
  };
}

/** Plain lines for files and CI: one per point, and one after twenty seconds without any. */
function plainView(startMs: number): ProgressView {
  let point = "";
  let toldMs = 0;
  const write = (text: string): void => void process.stderr.write(`${text}\n`);
  return {
    show(progress) {
      const elapsedMs = performance.now() - startMs;
      const place = `${progress.race} ${progress.point}`;
      if (place === point && elapsedMs - toldMs < mostSilentMs) return;
      const words = place === point ? wordsOf(progress) : `${progress.race}  ${progress.point}`;
      [point, toldMs] = [place, elapsedMs];
      write(`${duration(elapsedMs).padStart(7)}  ${progress.done}/${progress.total}  ${words}`);
    },
    tell: write,
    end() {},
  };
}

export function createProgressView(): ProgressView {
  const isLive = process.stderr.isTTY && !process.env["CI"];
  return isLive ? terminalView(performance.now()) : plainView(performance.now());
}
