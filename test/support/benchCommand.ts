import { spawn } from "node:child_process";
import { join } from "node:path";

// `npm run bench` in a process of its own, as people call it.

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of the project. */
export const root = join(import.meta.dirname, "..", "..");

/** @param interruptAfter text on stderr that is answered by Ctrl-C */
export function bench(words: string, interruptAfter?: string): Promise<Outcome> {
  const env = { ...process.env, NO_COLOR: "1" };
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["bench/run.mjs", ...words.split(" ").filter(Boolean)], { cwd: root, env });
    let [stdout, stderr, isInterrupted] = ["", "", interruptAfter === undefined];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (isInterrupted || !stderr.includes(interruptAfter!)) return;
      isInterrupted = true;
      child.kill("SIGINT");
    });
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
