// Every path of thalweg over batches, widths, members and steps, and whether the planner picks the right one.
//   npm run bench -- paths [--quick] [--sweep NAMES] [--device software|gpu|auto] [--output FILE]

import { createCommand, obey, openGpu, runBench, type SweepFlags } from "../sweeps/command.ts";
import type { Forms } from "../cli/keep.ts";
import { pathsPictures } from "./pictures.ts";
import { type PathsRecord, readPathsRecord, writePathsRecord } from "./record.ts";
import { pathsMarkdown } from "./report.ts";
import type { PathsEffort } from "./runPoint.ts";
import { runSweeps } from "./runSweeps.ts";
import { type SweepPlan, sweeps } from "./sweeps.ts";

interface PathsFlags extends SweepFlags {
  readonly sweep?: readonly string[];
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

function plansFor({ sweep, quick: isQuick }: PathsFlags): SweepPlan[] {
  const chosen = sweeps.filter(({ name }) => !sweep || sweep.includes(name));
  return chosen.map((plan) => ({ ...plan, points: plan.points.filter((point) => !isQuick || point.isQuick) }));
}

/** In every form, as its file will hold it. */
function formsOf(measured: PathsRecord): Forms {
  const record = readPathsRecord(writePathsRecord(measured), "the record of this run");
  return {
    machine: record.machine,
    problems: record.problems,
    ending: "paths",
    json: writePathsRecord(record),
    markdown: () => pathsMarkdown(record),
    pictures: () => pathsPictures(record),
  };
}

const run = (flags: PathsFlags): Promise<void> =>
  runBench({
    output: flags.output,
    isFull: !flags.quick && !flags.sweep,
    measure: (watchers) =>
      runSweeps({
        ...watchers,
        plans: plansFor(flags),
        effort: flags.quick ? quick : full,
        open: () => openGpu("paths", flags.device),
      }),
    formsOf,
  });

const command = createCommand({
  name: "paths",
  description: "Times every path of a training step at every point that it can take, and judges the planner's pick",
  choice: { flags: "--sweep <names>", description: "sweeps to run, by name", known },
});
await obey(command.action(run));
