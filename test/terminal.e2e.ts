// Training in a terminal: script(1) gives the command line one of its own, and an emulated one shows what people would see.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { escapesIn, Screen } from "./support/screen.ts";
import { cli, cpu, folder, trainPenguins, useFolder } from "./support/thalweg.ts";
import { shellWord } from "../src/cli/safeText.ts";

useFolder();

interface Run {
  readonly more?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What is typed, or the signal that is sent, once the screen shows a text: in order. */
  readonly events?: readonly { readonly after: RegExp; readonly type?: string; readonly signal?: NodeJS.Signals }[];
}

interface Shown {
  readonly code: number | null;
  readonly text: string;
  readonly screen: Screen;
}

const size = { cols: 100, rows: 40 };

/** Trains in a terminal, until the command ends. */
function inTerminal({ more = [], env = {}, events = [] }: Run): Promise<Shown> {
  const words = [process.execPath, cli, ...trainPenguins, ...cpu, "--no-checkpoint", ...more].map(shellWord);
  // Nothing that is typed is echoed: a second Ctrl-C may come before or behind the last line.
  const command = `stty -echo cols ${size.cols} rows ${size.rows}; echo pid=$$; exec ${words.join(" ")}`;
  const own: NodeJS.ProcessEnv = {
    ...process.env,
    TERM: "xterm-256color",
    XDG_STATE_HOME: join(folder, "state"),
    ...env,
  };
  for (const name of ["CI", "FORCE_COLOR", "NO_COLOR"]) if (env[name] === undefined) delete own[name];
  return new Promise((resolve, reject) => {
    const child = spawn("script", ["-qec", command, "/dev/null"], { cwd: folder, env: own });
    const screen = new Screen(size);
    let text = "";
    const waiting = [...events];
    child.on("error", reject);
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      const next = waiting[0];
      if (!next?.after.test(text)) return;
      waiting.shift();
      if (next.type !== undefined) child.stdin.write(next.type);
      if (next.signal) process.kill(Number(/pid=(\d+)/.exec(text)![1]), next.signal);
    });
    child.on("close", (code) => void screen.write(text).then(() => resolve({ code, text, screen })));
  });
}

const long = ["--epochs", "1000000"];
const chart = /loss \(log\) by epoch[^]*\/1000000/;
const isChart = (line: string): boolean => line.includes("by epoch");

describe.runIf(process.platform === "linux")("in a terminal", { timeout: 120_000 }, () => {
  test("Ctrl-C leaves the curves and the figures, and below them what was saved", async () => {
    const { code, text, screen } = await inTerminal({ more: long, events: [{ after: chart, type: "\u0003" }] });
    expect(code).toBe(130);
    const { lines } = screen;
    const at = lines.findIndex(isChart);
    expect(lines.filter(isChart)).toHaveLength(1);
    expect(lines[at - 1]).toBe("thalweg: finishing this step and saving; Ctrl-C again to exit now");
    const [figures, saved] = lines.slice(at).filter((line) => /\/1000000 |^saved /.test(line));
    expect(figures).toMatch(/^ *\d+\/1000000 +loss .* ETA /);
    expect(saved).toMatch(/^saved +penguins\.safetensors/);
    expect(lines.at(-1)).toMatch(/^thalweg: interrupted after [\d,]+ of 9,000,000 steps; /);
    expect(screen.cursor).toEqual([0, lines.length]);
    expect(escapesIn(text)).toContain("[34m"); // in colour
    expect(escapesIn(text).filter((sequence) => /[?hl]/.test(sequence))).toEqual([]); // no mode of the terminal is changed
  });

  test("Ctrl-C twice, and SIGTERM", async () => {
    const again = { after: /finishing this step/, type: "\u0003" };
    const twice = await inTerminal({ more: long, events: [{ after: chart, type: "\u0003" }, again] });
    expect(twice.code).toBe(130);
    const terminated = await inTerminal({ more: long, events: [{ after: chart, signal: "SIGTERM" }] });
    expect(terminated.code).toBe(143);
    for (const { screen } of [twice, terminated]) {
      expect(screen.lines.filter(isChart)).toHaveLength(1);
      expect(screen.lines.findIndex((line) => line.startsWith("thalweg: interrupted"))).toBeGreaterThan(
        screen.lines.findIndex((line) => line.includes("/1000000 ")),
      );
      expect(screen.cursor).toEqual([0, screen.lines.length]);
    }
  });

  test("NO_COLOR leaves the curves, --no-chart and --quiet do not", async () => {
    const plain = await inTerminal({ more: long, env: { NO_COLOR: "1" }, events: [{ after: chart, type: "\u0003" }] });
    expect(plain.screen.lines.filter(isChart)).toHaveLength(1);
    expect(escapesIn(plain.text).filter((sequence) => sequence.endsWith("m"))).toEqual([]);
    const twentyEvents = /(?:ETA[^]*){20}/;
    const line = await inTerminal({ more: [...long, "--no-chart"], events: [{ after: twentyEvents, type: "\u0003" }] });
    const quiet = await inTerminal({ more: ["--epochs", "300", "--quiet"] });
    expect([line.code, quiet.code]).toEqual([130, 0]);
    for (const { text } of [line, quiet]) {
      expect(text).not.toContain("by epoch");
      expect(escapesIn(text).filter((sequence) => !sequence.endsWith("m"))).toEqual([]);
    }
  });
});
