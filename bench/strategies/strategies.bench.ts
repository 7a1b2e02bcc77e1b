// Every strategy of thalweg over batches, widths, members and steps, and whether the planner picks the right one.
//   npm run bench -- strategies [--quick] [--sweep NAMES] [--device software|gpu|auto] [--output FILE]

import { createCommand, obey, openGpu, runBench, type SweepFlags } from "../sweeps/command.ts";
import type { Forms } from "../cli/keep.ts";
import { strategiesPictures } from "./pictures.ts";
import { type StrategiesRecord, readStrategiesRecord, writeStrategiesRecord } from "./record.ts";
import { strategiesMarkdown } from "./report.ts";
import type { StrategiesEffort } from "./runPoint.ts";
import { runSweeps } from "./runSweeps.ts";
import { type SweepPlan, sweeps } from "./sweeps.ts";

interface StrategiesFlags extends SweepFlags {
  readonly sweep?: readonly string[];
}

const full: StrategiesEffort = {
  blocks: 10,
  blockMs: 100,
  warmUpMs: 200,
  slowestStepMs: 3000,
  strategyMs: 40_000,
  leastBlocks: 3,
  countMs: 500,
};
const quick: StrategiesEffort = {
  blocks: 4,
  blockMs: 30,
  warmUpMs: 30,
  slowestStepMs: 500,
  strategyMs: 2000,
  leastBlocks: 2,
  countMs: 100,
};

const known = sweeps.map(({ name }) => name);

function plansFor({ sweep, quick: isQuick }: StrategiesFlags): SweepPlan[] {
  const chosen = sweeps.filter(({ name }) => !sweep || sweep.includes(name));
  return chosen.map((plan) => ({ ...plan, points: plan.points.filter((point) => !isQuick || point.isQuick) }));
}

/** In every form, as its file will hold it. */
function formsOf(measured: StrategiesRecord): Forms {
  const record = readStrategiesRecord(writeStrategiesRecord(measured), "the record of this run");
  return {
    machine: record.machine,
    problems: record.problems,
    ending: "strategies",
    json: writeStrategiesRecord(record),
    markdown: () => strategiesMarkdown(record),
    pictures: () => strategiesPictures(record),
  };
}

const run = (flags: StrategiesFlags): Promise<void> =>
  runBench({
    output: flags.output,
    isFull: !flags.quick && !flags.sweep,
    measure: (watchers) =>
      runSweeps({
        ...watchers,
        plans: plansFor(flags),
        effort: flags.quick ? quick : full,
        open: () => openGpu(flags.device),
      }),
    formsOf,
  });

const command = createCommand({
  name: "strategies",
  description: "Times every strategy of a training step at every point that it can take, and judges the planner's pick",
  choice: { flags: "--sweep <names>", description: "sweeps to run, by name", known },
});
await obey(command.action(run));
