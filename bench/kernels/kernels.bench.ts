// Every dispatch of one training step on the layered strategy, by the GPU's clock, against the adapter's own ceilings.
//   npm run bench -- kernels [--quick] [--case NAME] [--device software|gpu|auto] [--output FILE]

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { InvalidInput, NoDevice, ThalwegError } from "../../src/errors.ts";
import type { DeviceChoice } from "../../src/backend/device.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { Profiler } from "../../src/backend/webgpu/profile.ts";
import { acquire } from "../../src/node.ts";
import { acquireWebGpu } from "../hosts/acquireWebGpu.ts";
import { onStrategy } from "../contenders/thalweg/thalweg.ts";
import { adapterSlug, type NodeMachine, nodeMachine } from "../measure/machine.ts";
import { toJson } from "../race/readRecord.ts";
import { benchKernels, type CaseReport, type KernelEffort, type KernelReport } from "./benchKernels.ts";
import { cases, type KernelCase } from "./cases.ts";
import { formulas } from "./kernelWork.ts";
import { ceilingLine, checkLine, kernelTable } from "./report.ts";

const schemaVersion = 2;
const efforts = {
  full: { kernelMs: 10, kernelRounds: 7 },
  quick: { kernelMs: 5, kernelRounds: 3 },
} as const satisfies Record<string, KernelEffort>;

const { values: flags } = parseArgs({
  args: process.argv.slice(2).filter((word, index) => index > 0 || word.startsWith("-")),
  options: {
    quick: { type: "boolean", default: false },
    case: { type: "string", default: "" },
    device: { type: "string", default: "auto" },
    output: { type: "string", default: "" },
  },
});

function requireProfiler(device: GpuDevice): GpuDevice {
  if (Profiler.canProfile(device)) return device;
  const place = "bench kernels";
  throw new NoDevice({ place, expected: "an adapter with timestamp-query", got: device.name, fix: "race instead" });
}

/** Cases whose names start with --case; those that need hardware only there. */
function chooseCases(device: GpuDevice): KernelCase[] {
  const chosen = cases.filter(({ name }) => name.startsWith(flags.case));
  if (chosen.length === 0) {
    const expected = `the start of ${cases.map(({ name }) => name).join(", ")}`;
    throw new InvalidInput({ place: "bench: --case", expected, got: flags.case, fix: "leave it out to run all" });
  }
  return chosen.filter(({ needsHardware }) => device.kind === "gpu" || !needsHardware);
}

function printCase({ description, check, kernels }: CaseReport): void {
  const { name, activations, loss, optimizer, rows, batchSize, members } = description;
  const drawn = rows > batchSize ? ` of ${rows} rows` : "";
  const many = members > 1 ? `, ${members} members` : "";
  console.log(`\n${name}: ${activations.join(" ")}, ${loss}, ${optimizer}, batch ${batchSize}${drawn}${many}`);
  console.log(checkLine(check));
  if (kernels.length > 0) console.log(kernelTable(kernels));
}

function printReport(device: GpuDevice, card: NodeMachine, report: KernelReport): void {
  const { versions, cpu, loadAverage, gitRevision } = card;
  const load = loadAverage.map((value) => value.toFixed(1)).join(" ");
  console.log(`thalweg ${versions.thalweg} (${gitRevision ?? "no git"}) on ${device.name}`);
  console.log(`Node ${versions.node}, webgpu ${versions.webgpu}, ${cpu.cores} × ${cpu.model}, load ${load}`);
  if (card.kind === "software") console.log("A software adapter: its times and shares do not carry over to hardware.");
  console.log(ceilingLine(report.ceilings));
  console.log(`timestamps move in steps of ${report.timestampResolutionNs} ns`);
  for (const each of report.cases) printCase(each);
  for (const problem of report.problems) console.error(`\nbench: ${problem}`);
}

/** A full run is kept under its date and adapter; a part of one only where --output says. */
function outputPath(card: NodeMachine): string | undefined {
  if (flags.output) return flags.output;
  if (flags.quick || flags.case) return undefined;
  return join("bench", "results", `${card.date.slice(0, 10)}-${adapterSlug(card)}-kernels.json`);
}

function save(path: string, card: NodeMachine, report: KernelReport): void {
  const effort = flags.quick ? efforts.quick : efforts.full;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, toJson({ schemaVersion, bench: "kernels", machine: card, effort, formulas, ...report }));
  console.log(`\nkept in ${relative(process.cwd(), path)}`);
}

async function main(): Promise<void> {
  const device = requireProfiler(await acquireWebGpu(acquire, flags.device as DeviceChoice));
  const card = nodeMachine(device);
  const effort = flags.quick ? efforts.quick : efforts.full;
  const startMs = performance.now();
  const onCase = (name: string): void => {
    console.error(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(4)} s  ${name}`);
  };
  const report = await benchKernels({ device, contender: onStrategy("layered"), effort, onCase }, chooseCases(device));
  onCase("done");
  printReport(device, card, report);
  const path = outputPath(card);
  if (path && report.problems.length === 0) save(path, card, report);
  if (report.problems.length > 0) process.exitCode = 1;
  device.dispose();
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ThalwegError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
