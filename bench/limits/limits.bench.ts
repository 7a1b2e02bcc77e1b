// What a kernel's time is spent on, by leaving a part of it out.
//   npm run bench -- limits [--quick] [--case NAMES] [--list] [--device software|gpu|auto] [--output FILE]

import process from "node:process";
import type { Forms } from "../cli/keep.ts";
import { createCommand, obey, openGpu, runBench, type SweepFlags } from "../sweeps/command.ts";
import { limitsPictures } from "./pictures.ts";
import { cases, type CasePlan } from "./plans.ts";
import { type LimitsRecord, readLimitsRecord, writeLimitsRecord } from "./record.ts";
import { limitsMarkdown } from "./report.ts";
import { runLimits } from "./runLimits.ts";
import type { LimitsEffort } from "./runPoint.ts";

interface LimitsFlags extends SweepFlags {
  readonly case?: readonly string[];
  readonly list?: true;
}

const full: LimitsEffort = { blocks: 10, blockMs: 100, warmUpMs: 100, contenderMs: 8000, leastBlocks: 4 };
const quick: LimitsEffort = { blocks: 3, blockMs: 10, warmUpMs: 10, contenderMs: 400, leastBlocks: 2 };

const known = cases.map(({ name }) => name);

function plansFor({ case: chosen, quick: isQuick }: LimitsFlags): CasePlan[] {
  const plans = cases.filter(({ name }) => !chosen || chosen.includes(name));
  return plans.map((plan) => ({ ...plan, points: plan.points.filter((point) => !isQuick || point.isQuick) }));
}

/** Cases, and what is left out of each. */
function listOf(): string {
  const lines = cases.flatMap(({ name, title, points }) => [
    `${name.padEnd(12)}${title} (${points.length === 1 ? "1 point" : `${points.length} points`})`,
    ...points[0]!.ablations.map((ablation) => `  ${ablation.name.padEnd(18)}${ablation.sentence}`),
  ]);
  return `${lines.join("\n")}\n`;
}

/** In every form, as its file will hold it. */
function formsOf(measured: LimitsRecord): Forms {
  const record = readLimitsRecord(writeLimitsRecord(measured), "the record of this run");
  return {
    machine: record.machine,
    problems: record.problems,
    ending: "limits",
    json: writeLimitsRecord(record),
    markdown: () => limitsMarkdown(record),
    pictures: () => limitsPictures(record),
  };
}

async function run(flags: LimitsFlags): Promise<void> {
  if (flags.list) {
    process.stdout.write(listOf());
    return;
  }
  await runBench({
    output: flags.output,
    isFull: !flags.quick && !flags.case,
    measure: (watchers) =>
      runLimits({
        ...watchers,
        plans: plansFor(flags),
        effort: flags.quick ? quick : full,
        open: () => openGpu(flags.device),
      }),
    formsOf,
  });
}

const command = createCommand({
  name: "limits",
  description: "Times kernels whole and without parts of them: what their time is spent on",
  choice: { flags: "--case <names>", description: "kernels to run, by the name of the case", known },
});
await obey(command.option("--list", "list cases, and what is left out of each").action(run));
