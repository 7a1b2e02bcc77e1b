// Time of one training step on the layered path, against the adapter's own ceilings and the float64 reference.
//   npm run bench -- [--quick] [--case NAME] [--device software|gpu|auto] [--output FILE]

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { InvalidInput, NoDevice, ThalwegError } from "../src/errors.ts";
import { type Device, type DeviceChoice, GpuDevice } from "../src/gpu/device.ts";
import { acquire } from "../src/node.ts";
import { type BenchEffort, type BenchReport, benchSteps, type CaseReport, isTimed } from "./benchSteps.ts";
import { type BenchCase, cases } from "./cases.ts";
import { formulas } from "./kernelWork.ts";
import { adapterSlug, type MachineCard, machineCard } from "./machine.ts";
import { caseLines, ceilingLine, checkLine, toJson } from "./report.ts";

const schemaVersion = 1;
const efforts = {
  full: { rounds: 12, blockMs: 100, referenceMs: 3000, kernelMs: 10, kernelRounds: 7 },
  quick: { rounds: 4, blockMs: 100, referenceMs: 300, kernelMs: 5, kernelRounds: 3 },
} as const satisfies Record<string, BenchEffort>;

const { values: flags } = parseArgs({
  args: process.argv.slice(2).filter((word, index) => index > 0 || word.startsWith("-")),
  options: {
    quick: { type: "boolean", default: false },
    case: { type: "string", default: "" },
    device: { type: "string", default: "auto" },
    output: { type: "string", default: "" },
  },
});

function requireGpu(device: Device): GpuDevice {
  if (device instanceof GpuDevice) return device;
  const got = device.why ?? device.name;
  throw new NoDevice({
    place: "bench",
    expected: "a WebGPU adapter",
    got,
    fix: "run `npx thalweg doctor` for the remedy",
  });
}

/** Cases whose names start with --case; those that need hardware only there. */
function chooseCases(device: GpuDevice): BenchCase[] {
  const chosen = cases.filter(({ name }) => name.startsWith(flags.case));
  if (chosen.length === 0) {
    const expected = `the start of ${cases.map(({ name }) => name).join(", ")}`;
    throw new InvalidInput({ place: "bench: --case", expected, got: flags.case, fix: "leave it out to run all" });
  }
  return chosen.filter(({ needsHardware }) => device.kind === "gpu" || !needsHardware);
}

function printCase({ description, step, kernels }: CaseReport): void {
  const { name, activations, loss, optimizer, rows, batchSize, replicas } = description;
  const drawn = rows > batchSize ? ` of ${rows} rows` : "";
  const many = replicas > 1 ? `, ${replicas} replicas` : "";
  console.log(`\n${name}: ${activations.join(" ")}, ${loss}, ${optimizer}, batch ${batchSize}${drawn}${many}`);
  console.log(isTimed(step) ? caseLines(step, kernels) : checkLine(step.check));
}

function printReport(device: GpuDevice, card: MachineCard, report: BenchReport): void {
  const { versions, cpu, loadAverage, gitRevision } = card;
  const load = loadAverage.map((value) => value.toFixed(1)).join(" ");
  console.log(`thalweg ${versions.thalweg} (${gitRevision ?? "no git"}) on ${device.name}`);
  console.log(`Node ${versions.node}, webgpu ${versions.webgpu}, ${cpu.cores} × ${cpu.model}, load ${load}`);
  if (card.kind === "software") console.log("A software adapter: its times and shares do not carry over to hardware.");
  if (report.ceilings) console.log(ceilingLine(report.ceilings));
  if (report.timestampResolutionNs) console.log(`timestamps move in steps of ${report.timestampResolutionNs} ns`);
  for (const each of report.cases) printCase(each);
  for (const problem of report.problems) console.error(`\nbench: ${problem}`);
}

/** A full run is kept under its date and adapter; a part of one only where --output says. */
function outputPath(card: MachineCard): string | undefined {
  if (flags.output) return flags.output;
  if (flags.quick || flags.case) return undefined;
  return join(import.meta.dirname, "results", `${card.date.slice(0, 10)}-${adapterSlug(card)}-step.json`);
}

function save(path: string, card: MachineCard, report: BenchReport): void {
  const effort = flags.quick ? efforts.quick : efforts.full;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, toJson({ schemaVersion, bench: "step", machine: card, effort, formulas, ...report }));
  console.log(`\nkept in ${relative(process.cwd(), path)}`);
}

async function main(): Promise<void> {
  const device = requireGpu(await acquire({ device: flags.device as DeviceChoice }));
  const card = machineCard(device);
  const effort = flags.quick ? efforts.quick : efforts.full;
  const startMs = performance.now();
  const progress = (name: string): void => {
    console.error(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(4)} s  ${name}`);
  };
  const report = await benchSteps(device, chooseCases(device), effort, progress);
  progress("done");
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
