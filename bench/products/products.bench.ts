// Every variant of the tensors' product over shapes, and whether the library takes the right one.
//   npm run bench -- products [--quick] [--class NAMES] [--list] [--device software|gpu|auto] [--output FILE]

import process from "node:process";
import type { Forms } from "../cli/keep.ts";
import { createCommand, obey, openGpu, runBench, type SweepFlags } from "../sweeps/command.ts";
import { productsPictures } from "./pictures.ts";
import { type ProductsRecord, readProductsRecord, writeProductsRecord } from "./record.ts";
import { productsMarkdown } from "./report.ts";
import { runClasses } from "./runClasses.ts";
import type { ProductsEffort } from "./runPoint.ts";
import { classes, type ClassPlan } from "./shapes.ts";
import { variantCards, variantNames } from "./variants.ts";

interface ProductsFlags extends SweepFlags {
  readonly class?: readonly string[];
  readonly list?: true;
}

const full: ProductsEffort = {
  blocks: 10,
  blockMs: 100,
  warmUpMs: 200,
  contenderMs: 20_000,
  leastBlocks: 3,
  slowestMs: 5000,
  slowestPointMs: 3000,
};
const quick: ProductsEffort = {
  blocks: 4,
  blockMs: 10,
  warmUpMs: 10,
  contenderMs: 1000,
  leastBlocks: 2,
  slowestMs: 500,
  slowestPointMs: 500,
};

const known = classes.map(({ name }) => name);

function plansFor({ class: chosen, quick: isQuick }: ProductsFlags): ClassPlan[] {
  const plans = classes.filter(({ name }) => !chosen || chosen.includes(name));
  return plans.map((plan) => ({ ...plan, points: plan.points.filter((point) => !isQuick || point.isQuick) }));
}

/** Everything that can be named, and what is set against each other. */
function listOf(): string {
  const line = (name: string, text: string): string => `  ${name.padEnd(15)}${text}`;
  return [
    "Classes:",
    ...classes.map(({ name, title, points }) => line(name, `${title} (${points.length} points)`)),
    "",
    "Variants:",
    ...variantNames.map((name) => line(name, variantCards[name].label.replace(/^\w+, /, ""))),
    "",
  ].join("\n");
}

/** In every form, as its file will hold it. */
function formsOf(measured: ProductsRecord): Forms {
  const record = readProductsRecord(writeProductsRecord(measured), "the record of this run");
  return {
    machine: record.machine,
    problems: record.problems,
    ending: "products",
    json: writeProductsRecord(record),
    markdown: () => productsMarkdown(record),
    pictures: () => productsPictures(record),
  };
}

async function run(flags: ProductsFlags): Promise<void> {
  if (flags.list) {
    process.stdout.write(listOf());
    return;
  }
  await runBench({
    output: flags.output,
    isFull: !flags.quick && !flags.class,
    measure: (watchers) =>
      runClasses({
        ...watchers,
        plans: plansFor(flags),
        effort: flags.quick ? quick : full,
        open: () => openGpu(flags.device),
      }),
    formsOf,
  });
}

const command = createCommand({
  name: "products",
  description: "Times every variant of the tensors' product over shapes, and judges which one the library takes",
  choice: { flags: "--class <names>", description: "classes of shapes to run, by name", known },
});
await obey(command.option("--list", "list classes and variants").action(run));
