// Every path of thalweg over batches, widths, replicas and steps, and whether the planner picks the right one.
//   npm run bench -- paths [--quick] [--sweep NAMES] [--device software|gpu|auto] [--output FILE]

import process from "node:process";
import { Command, InvalidArgumentError, Option } from "commander";
import { exitCodes, Stop } from "../../src/cli/exitCodes.ts";
import { didYouMean } from "../../src/data/closest.ts";
import { NoDevice } from "../../src/errors.ts";
import { type DeviceChoice, GpuDevice } from "../../src/gpu/device.ts";
import { acquire } from "../../src/node.ts";
import { createInterrupts } from "../cli/interrupts.ts";
import { keepForms } from "../cli/keep.ts";
import { createProgressView } from "../cli/progressView.ts";
import { namesOf } from "../race/names.ts";
import { pathsPictures } from "./pictures.ts";
import { type PathsRecord, readPathsRecord, writePathsRecord } from "./record.ts";
import { pathsMarkdown } from "./report.ts";
import type { PathsEffort } from "./runPoint.ts";
import { runSweeps } from "./runSweeps.ts";
import { type SweepPlan, sweeps } from "./sweeps.ts";

interface PathsFlags {
  readonly quick?: true;
  readonly sweep?: readonly string[];
  readonly device: DeviceChoice;
  readonly output?: string;
}

const full: PathsEffort = {
  blocks: 10,
  blockMs: 100,
  warmUpMs: 200,
  slowestStepMs: 3000,
  pathMs: 40_000,
  leastBlocks: 3,
  countMs: 500,
};
const quick: PathsEffort = {
  blocks: 4,
  blockMs: 30,
  warmUpMs: 30,
  slowestStepMs: 500,
  pathMs: 2000,
  leastBlocks: 2,
  countMs: 100,
};

const known = sweeps.map(({ name }) => name);

/** `batch,width`, or the option twice. */
function readSweeps(text: string, before: readonly string[] = []): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => namesOf(name, known).length === 0);
  if (unknown === undefined) return [...before, ...names.flatMap((name) => namesOf(name, known))];
  throw new InvalidArgumentError(`There is none; ${didYouMean(unknown, known)}there are: ${known.join(", ")}.`);
}

function plansFor({ sweep, quick: isQuick }: PathsFlags): SweepPlan[] {
  const chosen = sweeps.filter(({ name }) => !sweep || sweep.includes(name));
  return chosen.map((plan) => ({ ...plan, points: plan.points.filter((point) => !isQuick || point.isQuick) }));
}

async function openGpu(choice: DeviceChoice): Promise<GpuDevice> {
  const device = await acquire({ device: choice });
  if (device instanceof GpuDevice) return device;
  throw new NoDevice({
    place: "bench paths",
    expected: "a WebGPU adapter",
    got: device.why ?? device.name,
    fix: "run `npx thalweg doctor` for the remedy",
  });
}

function keep(record: PathsRecord, { output, quick: isQuick, sweep }: PathsFlags): readonly string[] {
  const { machine, problems } = record;
  const forms = {
    machine,
    problems,
    ending: "paths",
    json: writePathsRecord(record),
    markdown: () => pathsMarkdown(record),
    pictures: () => pathsPictures(record),
  };
  return keepForms(forms, { output, isFull: !isQuick && !sweep });
}

function report(measured: PathsRecord, flags: PathsFlags): number {
  const record = readPathsRecord(writePathsRecord(measured), "the record of this run"); // as its file will hold it
  process.stdout.write(pathsMarkdown(record));
  const files = keep(record, flags);
  for (const file of files) process.stderr.write(`kept ${file}\n`);
  for (const problem of record.problems) process.stderr.write(`bench: ${problem}\n`);
  return record.problems.length > 0 ? exitCodes.failed[0] : exitCodes.ok[0];
}

async function run(flags: PathsFlags): Promise<void> {
  const view = createProgressView();
  const interrupts = createInterrupts((text) => view.tell(text));
  const record = await runSweeps({
    plans: plansFor(flags),
    effort: flags.quick ? quick : full,
    open: () => openGpu(flags.device),
    signal: interrupts.signal,
    onProgress: (progress) => view.show(progress),
  });
  view.end();
  if (interrupts.exitCode !== 0 && record.sweeps.length === 0) {
    throw new Stop("interrupted; nothing was kept", interrupts.exitCode);
  }
  const code = report(record, flags);
  process.exitCode = interrupts.exitCode || code;
}

const program = new Command("npm run bench -- paths")
  .description("Times every path of a training step at every point that it can take, and judges the planner's pick")
  .exitOverride()
  .configureOutput({ outputError: () => {} }) // told in one line by main.ts
  .option("--quick", "few short blocks, and few points of a sweep")
  .addOption(new Option("--sweep <names>", "sweeps to run, by name").argParser(readSweeps))
  .addOption(new Option("--device <kind>", "what to run on").choices(["auto", "gpu", "software"]).default("auto"))
  .option("--output <file>", "keep the record in this file, Markdown and pictures beside it")
  .action(run);

await program.parseAsync(process.argv.slice(3), { from: "user" });
