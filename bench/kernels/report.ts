import type { Ceilings } from "../measure/ceilings.ts";
import type { Check } from "../race/record.ts";
import type { KernelRates, KernelTimes } from "./measureKernels.ts";

const digits = (value: number, count = 3): string => {
  if (value === 0) return "0";
  return value >= 10 ** count ? value.toFixed(0) : value.toPrecision(count);
};
const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;

/** Columns padded to their widest cell; the first is flush left, the others flush right. */
function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!);
  return rows.map((row) => `    ${row.map(pad).join("  ")}`).join("\n");
}

export function checkLine({ deviations, passed }: Check): string {
  const found = deviations
    .map(({ rounds, deviation, bound }) => `${deviation.toExponential(1)} of ${bound.toExponential(1)} after ${rounds}`)
    .join(", ");
  return passed ? `  correct: off by ${found}` : `  WRONG, not timed: off by ${found}`;
}

export type TimedKernel = KernelTimes & KernelRates;

/** A line for every dispatch of a step: how long, how much of the step, and how near to the ceilings. */
export function kernelTable(kernels: readonly TimedKernel[]): string {
  const totalNs = kernels.reduce((total, { medianNs, runs }) => total + medianNs * runs, 0);
  const rows = kernels.map(({ kernel, layer, medianNs, runs, flopsPerSecond, bytesPerSecond, shares }) => [
    layer < 0 ? kernel : `${kernel} ${layer}`,
    digits(medianNs / 1000),
    percent((medianNs * runs) / totalNs),
    digits(flopsPerSecond / 1e9),
    percent(shares.flops),
    digits(bytesPerSecond / 1e9),
    percent(shares.bytes),
    percent(shares.launch),
  ]);
  const head = ["kernel, layer", "µs", "of step", "GFLOP/s", "of fma", "GB/s", "of triad", "launch"];
  return [`  kernels ${digits(totalNs / 1e6)} ms a step on the GPU's clock`, align([head, ...rows])].join("\n");
}

export function ceilingLine({ flopsPerSecond, bytesPerSecond, emptyNs, dependentNs }: Ceilings): string {
  const launch = `empty dispatch ${digits(emptyNs / 1000)} µs, dependent ${digits(dependentNs / 1000)} µs`;
  return `ceilings: fma ${digits(flopsPerSecond / 1e9)} GFLOP/s, triad ${digits(bytesPerSecond / 1e9)} GB/s, ${launch}`;
}

/** Shares above 1: a rate that the adapter cannot reach was not measured but imagined. */
export function implausible(name: string, kernels: readonly TimedKernel[]): string[] {
  return kernels.flatMap(({ kernel, layer, shares }) =>
    Object.entries(shares)
      .filter(([, share]) => share > 1)
      .map(([ceiling, share]) => `${name}: ${kernel} ${layer} at ${percent(share)} of the ${ceiling} ceiling`),
  );
}
