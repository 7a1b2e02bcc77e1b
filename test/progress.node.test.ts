// The plain lines of a training, in files and CI: few, and never silence for long.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Output } from "../src/cli/output.ts";
import { createProgressView } from "../src/cli/progress.ts";
import type { Progress } from "../src/node.ts";

beforeEach(() => void vi.stubEnv("CI", "1"));
afterEach(() => void vi.unstubAllEnvs());

/** The lines of a run of `epochs` epochs that takes `seconds`, at one event every `eventMs`. */
function linesOf(epochs: number, seconds: number, eventMs?: number): string[] {
  const lines: string[] = [];
  const ignore = (): void => {};
  const info = (_: string, text: string): void => void lines.push(text);
  const output: Output = { json: false, quiet: false, info, result: ignore, write: ignore, record: ignore };
  const view = createProgressView(output, { epochs });
  const logInterval = "ms" in view.logInterval ? view.logInterval.ms : Number.NaN;
  const events = Math.ceil((seconds * 1000) / (eventMs ?? logInterval));
  for (let event = 1; event <= events; event++) {
    const epoch = (epochs * event) / events;
    const elapsedMs = (seconds * 1000 * event) / events;
    const progress: Progress = {
      step: event,
      steps: events,
      epoch,
      learningRate: 0.01,
      loss: 1,
      losses: new Float32Array(),
      validation: undefined,
      diverged: 0,
      recovered: undefined,
      stopped: 0,
      stepsPerSecond: 1,
      elapsedMs,
      etaMs: seconds * 1000 - elapsedMs,
    };
    view.show(progress);
  }
  view.end();
  return lines;
}

test("a short run has twenty lines at most, the last epoch among them", () => {
  for (const epochs of [1, 7, 20, 21, 60, 999]) {
    const lines = linesOf(epochs, 10, 3);
    expect(lines.length).toBeLessThanOrEqual(20);
    expect(lines.length).toBeGreaterThanOrEqual(Math.min(epochs, 10));
    expect(lines.at(-1)).toContain(`epoch ${epochs}/${epochs} `);
  }
});

test("a run shorter than one event has one line", () => {
  expect(linesOf(60, 0.04)).toEqual([expect.stringContaining("epoch 60/60 ")]);
});

test("a long run has a line every ten seconds", () => {
  const hour = linesOf(1_000_000, 3600);
  expect(hour.length).toBeGreaterThanOrEqual(355);
  expect(hour.length).toBeLessThanOrEqual(380);
  const slow = linesOf(3, 3600, 5000);
  expect(slow.length).toBeGreaterThanOrEqual(355);
  expect(slow.length).toBeLessThanOrEqual(380);
});
