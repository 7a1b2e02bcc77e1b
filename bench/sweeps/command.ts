import process from "node:process";
import { Command, InvalidArgumentError, Option } from "commander";
import { exitCodes, Stop } from "../../src/cli/exitCodes.ts";
import { didYouMean } from "../../src/closest.ts";
import type { DeviceChoice } from "../../src/backend/device.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { acquire } from "../../src/node.ts";
import { acquireWebGpu } from "../hosts/acquireWebGpu.ts";
import { createInterrupts } from "../cli/interrupts.ts";
import { type Forms, keepForms } from "../cli/keep.ts";
import { createProgressView } from "../cli/progressView.ts";
import type { RaceProgress } from "../race/host.ts";
import { namesOf } from "../race/names.ts";

// The command line of a bench that measures sweeps in Node.

export interface SweepFlags {
  readonly quick?: true;
  readonly device: DeviceChoice;
  readonly output?: string;
}

interface CommandOptions {
  readonly name: string;
  readonly description: string;
  /** The option that chooses sweeps, `--sweep <names>`, with its description and the names that there are. */
  readonly choice: { readonly flags: string; readonly description: string; readonly known: readonly string[] };
}

/** `batch,width`, or the option twice. */
const readNames =
  (known: readonly string[]) =>
  (text: string, before: readonly string[] = []): readonly string[] => {
    const names = text.split(",").map((name) => name.trim());
    const unknown = names.find((name) => namesOf(name, known).length === 0);
    if (unknown === undefined) return [...before, ...names.flatMap((name) => namesOf(name, known))];
    throw new InvalidArgumentError(`There is none; ${didYouMean(unknown, known)}there are: ${known.join(", ")}.`);
  };

/** With the options that all of these benches have. */
export function createCommand({ name, description, choice }: CommandOptions): Command {
  return new Command(`npm run bench -- ${name}`)
    .description(description)
    .exitOverride()
    .configureOutput({ outputError: () => {} }) // told in one line by main.ts
    .option("--quick", "few short blocks, and few points of a sweep")
    .addOption(new Option(choice.flags, choice.description).argParser(readNames(choice.known)))
    .addOption(new Option("--device <kind>", "what to run on").choices(["auto", "gpu", "software"]).default("auto"))
    .option("--output <file>", "keep the record in this file, Markdown and pictures beside it");
}

/** Reads what stands behind the name of the bench. */
export const obey = (command: Command): Promise<Command> => command.parseAsync(process.argv.slice(3), { from: "user" });

/** @throws NoDevice where there is no WebGPU adapter of the kind */
export const openGpu = (choice: DeviceChoice): Promise<GpuDevice> => acquireWebGpu(acquire, choice);

export interface Watchers {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RaceProgress) => void;
}

/** A bench whose record has been measured, or is to be. */
export interface SweepBench<Measured> {
  readonly output: string | undefined;
  /** All of it, as it should be: kept even where no file is named. */
  readonly isFull: boolean;
  readonly measure: (watchers: Watchers) => Promise<Measured>;
  /** As its file will hold it. */
  readonly formsOf: (measured: Measured) => Forms;
}

function report(forms: Forms, options: Pick<SweepBench<never>, "output" | "isFull">): number {
  process.stdout.write(forms.markdown());
  for (const file of keepForms(forms, options)) process.stderr.write(`kept ${file}\n`);
  for (const problem of forms.problems) process.stderr.write(`bench: ${problem}\n`);
  return forms.problems.length > 0 ? exitCodes.failed[0] : exitCodes.ok[0];
}

/** Measures, shows the report and keeps the record; sets the exit code. */
export async function runBench<Measured extends { readonly sweeps: readonly unknown[] }>(
  bench: SweepBench<Measured>,
): Promise<void> {
  const view = createProgressView();
  const interrupts = createInterrupts((text) => view.tell(text));
  const measured = await bench.measure({
    signal: interrupts.signal,
    onProgress: (progress) => view.show(progress),
  });
  view.end();
  if (interrupts.exitCode !== 0 && measured.sweeps.length === 0) {
    throw new Stop("interrupted; nothing was kept", interrupts.exitCode);
  }
  const code = report(bench.formsOf(measured), bench);
  process.exitCode = interrupts.exitCode || code;
}
