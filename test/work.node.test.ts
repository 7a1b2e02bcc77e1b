// Work that takes longer than two seconds says that it goes on.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createOutput } from "../src/cli/output.ts";
import { startWork, working } from "../src/cli/work.ts";

let written = "";
const isTty = Object.getOwnPropertyDescriptor(process.stderr, "isTTY");

function beTerminal(value: boolean): void {
  Object.defineProperty(process.stderr, "isTTY", { value, configurable: true });
}

beforeEach(() => {
  written = "";
  vi.useFakeTimers();
  vi.stubEnv("CI", "");
  vi.stubEnv("NO_COLOR", "1");
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  if (isTty) Object.defineProperty(process.stderr, "isTTY", isTty);
  else Reflect.deleteProperty(process.stderr, "isTTY");
});

/** What a terminal of one line shows after some text. */
function screenOf(text: string): string {
  let [line, column] = ["", 0];
  for (const character of text) {
    if (character === "\r") column = 0;
    else {
      line = line.slice(0, column).padEnd(column) + character + line.slice(column + 1);
      column++;
    }
  }
  return line.trimEnd();
}

describe("in a file or CI", () => {
  beforeEach(() => beTerminal(false));

  test("nothing within two seconds", () => {
    const work = startWork(createOutput({}), "reading a.csv");
    vi.advanceTimersByTime(1900);
    work.end();
    vi.advanceTimersByTime(60_000);
    expect(written).toBe("");
  });

  test("a line after two seconds, and one every ten", () => {
    const work = startWork(createOutput({}), "reading a.csv");
    vi.advanceTimersByTime(2000);
    expect(written.trim()).toBe("reading a.csv, 2 s …");
    work.tell({ done: 429, total: 1000 });
    vi.advanceTimersByTime(20_000);
    work.end();
    expect(
      written
        .trimEnd()
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual(["reading a.csv, 2 s …", "reading a.csv, 42 %, 12 s …", "reading a.csv, 42 %, 22 s …"]);
  });

  test("a line with --json, whose object is on stdout; none with --quiet", () => {
    const told = startWork(createOutput({ json: true }), "testing");
    vi.advanceTimersByTime(2000);
    told.end();
    expect(written).toContain("testing, 2 s …");
    written = "";
    const work = startWork(createOutput({ quiet: true }), "testing");
    vi.advanceTimersByTime(60_000);
    work.end();
    expect(written).toBe("");
  });

  test("names of files cannot move the cursor", () => {
    const work = startWork(createOutput({}), "reading a\u001b[2J\n.csv");
    vi.advanceTimersByTime(2000);
    work.end();
    expect(written.trim()).toBe("reading a\\u001b[2J\\n.csv, 2 s …");
  });
});

describe("in a terminal", () => {
  beforeEach(() => beTerminal(true));

  test("a line that is drawn over after half a second, and erased at the end", () => {
    const work = startWork(createOutput({}), "reading a.csv");
    vi.advanceTimersByTime(250);
    expect(written).toBe("");
    vi.advanceTimersByTime(2750);
    expect(screenOf(written)).toBe("reading a.csv  3 s");
    work.tell({ done: 1, total: 2 });
    vi.advanceTimersByTime(1000);
    expect(screenOf(written)).toBe("reading a.csv  50 %  4 s");
    work.end();
    expect(screenOf(written)).toBe("");
    expect(written).not.toMatch(/[^\P{Cc}\r]/u);
    const length = written.length;
    work.end();
    vi.advanceTimersByTime(60_000);
    expect(written.length).toBe(length);
  });

  test("no longer than the terminal is wide", () => {
    const work = startWork(createOutput({}), "x".repeat(500));
    vi.advanceTimersByTime(3000);
    expect(screenOf(written).length).toBeLessThan(process.stderr.columns || 80);
    work.end();
  });

  test("erased also where the work fails, which is thrown on", async () => {
    const failing = working(createOutput({}), "reading a.csv", async (tell) => {
      tell({ done: 1, total: 10 });
      vi.advanceTimersByTime(3000);
      throw new Error("broken");
    });
    await expect(failing).rejects.toThrow("broken");
    expect(written).toContain("10 %");
    expect(screenOf(written)).toBe("");
    expect(vi.getTimerCount()).toBe(0);
  });
});
