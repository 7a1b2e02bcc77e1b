// The command line as people call it: dist/cli.js in a folder of its own. Most runs are on the CPU, the quickest to start.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";

const root = join(import.meta.dirname, "../..");
export const cli = join(root, "dist/cli.js");
export const penguins = join(root, "node_modules/vega-datasets/data/penguins.json");
export const cars = join(root, "node_modules/vega-datasets/data/cars.json");

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly input?: string;
  readonly env?: Record<string, string>;
  /** Sends signals once stderr contains this text. */
  readonly interrupt?: {
    readonly after: string;
    readonly signals: readonly NodeJS.Signals[];
    /** Between two signals; default none. */
    readonly gapMs?: number;
  };
  /** Closes our end of stdout at once. */
  readonly closeStdout?: boolean;
}

/** The folder of this test file, in which thalweg runs. */
export let folder = "";

/** Runs thalweg in the folder; never throws. */
export function thalweg(parameters: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { input = "", interrupt, closeStdout } = options;
  const env: NodeJS.ProcessEnv = { ...process.env, XDG_STATE_HOME: join(folder, "state"), ...options.env };
  for (const name of ["FORCE_COLOR", "NO_COLOR", "THALWEG_DEBUG"]) if (!options.env?.[name]) delete env[name];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...parameters], { cwd: folder, env });
    let [stdout, stderr] = ["", ""];
    let waiting = interrupt?.after;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (!interrupt || waiting === undefined || !stderr.includes(waiting)) return;
      waiting = undefined;
      interrupt.signals.forEach((signal, index) => {
        if (interrupt.gapMs === undefined) child.kill(signal);
        else setTimeout(() => child.kill(signal), index * interrupt.gapMs);
      });
    });
    if (closeStdout) child.stdout.destroy();
    child.stdin.on("error", () => {}); // a child that ends without reading
    child.stdin.end(input);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
export const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
export const cpu = ["--device", "reference"];
export const trainPenguins = ["train", penguins, "--target", "Species"];

/** Gives the test file a folder with penguins.safetensors, as the command line trained it. */
export function useFolder(): void {
  beforeAll(async () => {
    if (!existsSync(cli)) throw new Error("dist/cli.js is missing: npm run build");
    folder = mkdtempSync(join(tmpdir(), "thalweg-cli-"));
    const trained = await thalweg([...trainPenguins, ...cpu, "--output", "penguins.safetensors"]);
    expect(trained).toMatchObject({ code: 0 });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
}
