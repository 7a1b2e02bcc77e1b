// Curves as files: CSV and JSON.

import type { Run } from "./curveLines.ts";

const columns = [
  ["step", "step"],
  ["epoch", "epoch"],
  ["seconds", "seconds"],
  ["training loss", "trainingLoss"],
  ["test loss", "testLoss"],
  ["training accuracy", "trainingAccuracy"],
  ["test accuracy", "testAccuracy"],
] as const;

/** One line for each entry of each run, with the name of its run in the last column. */
export function curvesCsv(runs: readonly Run[]): string {
  const head = [...columns.map(([label]) => label), "run"].join(",");
  const lines = runs.flatMap(({ name, entries }) =>
    entries.map((entry) => [...columns.map(([, key]) => entry[key] ?? ""), name].join(",")),
  );
  return [head, ...lines, ""].join("\n");
}

/** Numbers that are not finite become null, as JSON has none of them. */
export function curvesJson(runs: readonly Run[]): string {
  return `${JSON.stringify({ format: "thalweg playground curves", version: 1, runs }, null, 1)}\n`;
}
