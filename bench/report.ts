import type { Ceilings } from "./ceilings.ts";
import type { Check } from "./contender.ts";
import type { KernelRates, KernelTimes } from "./measureKernels.ts";
import type { StepReport, StepTimes } from "./measureStep.ts";

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

export function checkLine({ deviations, tolerance, passed }: Check): string {
  const found = deviations.map(({ steps, deviation }) => `${deviation.toExponential(1)} after ${steps}`).join(", ");
  const bound = `bound ${tolerance.toExponential(0)}`;
  return passed ? `  correct: off by ${found} (${bound})` : `  WRONG, not timed: off by ${found} (${bound})`;
}

function stepLines({ wall, a, noise, reference, encode }: StepTimes): string[] {
  const spread = `quartiles ${digits(wall.lowerQuartile)} … ${digits(wall.upperQuartile)}`;
  const blocks = `2 × ${a.samples.length} blocks of ${a.stepsPerBlock} steps`;
  const { least, most, median } = noise.summary;
  const cpu = reference.summary.median;
  return [
    `  wall ${digits(wall.median)} ms a step, ${spread}, ${blocks}; A ÷ A ${median.toFixed(3)} (${least.toFixed(2)} … ${most.toFixed(2)})`,
    `  CPU float64 reference ${digits(cpu)} ms a step, ${digits(cpu / wall.median)} × the wall time; host encodes a step in ${digits(1000 * encode.medianMs)} µs`,
  ];
}

function countsLine({ counts, prepareMs }: StepReport): string {
  const per = (count: number): string => digits(count / counts.steps);
  const { dispatches, submits, passes, createBuffer, createBindGroup, createPipeline, mapAsync } = counts;
  const created = `created: ${createBuffer} buffers, ${createBindGroup} bind groups, ${createPipeline} pipelines`;
  const writes = `writeBuffer ${per(counts.writeBuffer)} (${per(counts.writeBufferBytes)} B)`;
  const calls = `${per(dispatches)} dispatches, ${per(submits)} submits, ${per(passes)} passes, ${writes}, mapAsync ${mapAsync}`;
  return `  a step of ${counts.steps} at once: ${calls}; ${created}; prepared in ${digits(prepareMs)} ms`;
}

export type TimedKernel = KernelTimes & KernelRates;

function kernelLines(kernels: readonly TimedKernel[], wallMs: number): string[] {
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
  const share = `${percent(totalNs / 1e6 / wallMs)} of the wall time`;
  return [`  kernels ${digits(totalNs / 1e6)} ms on the GPU's clock, ${share}`, align([head, ...rows])];
}

export function caseLines(report: StepReport, kernels: readonly TimedKernel[] | undefined): string {
  const { check, times } = report;
  const tables = kernels ? kernelLines(kernels, times.wall.median) : ["  kernels: the adapter has no timestamp-query"];
  return [checkLine(check), ...stepLines(times), countsLine(report), ...tables].join("\n");
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

/** JSON with arrays of numbers on one line, and four to five digits where more would be noise. */
export function toJson(value: unknown): string {
  const rounded = (_: string, entry: unknown): unknown =>
    typeof entry === "number" && !Number.isInteger(entry) ? Number(entry.toPrecision(6)) : entry;
  const text = JSON.stringify(value, rounded, 2);
  return `${text.replaceAll(/\[[\s\d.,eE+-]+\]/g, (list) => list.replaceAll(/\s+/g, " "))}\n`;
}
