// The command line of `npm run bench`: everything ends here, in one line about what went wrong and an exit code.

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import { exitCodeOf, exitCodes, Stop } from "../../src/cli/exitCodes.ts";
import { flush, watchStreams } from "../../src/cli/output.ts";
import { didYouMean } from "../../src/closest.ts";
import { chooseFrom, listOf } from "./choices.ts";
import { createProgram, type RaceFlags } from "./program.ts";

type Sources = import("./sources.mjs").Sources;

const bench = join(import.meta.dirname, "..");
const ending = ".bench.ts";

/** Benches beside the race, by their files' names: `kernels` → `bench/kernels/kernels.bench.ts`. */
function otherBenches(): ReadonlyMap<string, string> {
  const folders = readdirSync(bench, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith("."),
  );
  const files = folders.flatMap(({ name }) => readdirSync(join(bench, name)).map((file) => `bench/${name}/${file}`));
  const benches = files.filter((file) => file.endsWith(ending)).toSorted();
  return new Map(benches.map((file) => [basename(file, ending), file]));
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isCommander = "code" in error && String(error.code).startsWith("commander.");
  if (!isCommander) return stripVTControlCharacters(error.message); // builds colour theirs
  if ("exitCode" in error && error.exitCode === 0) return ""; // --help
  const text = error.message.replace(/^error: /, "").replaceAll(/\s+/g, " ");
  return `${text.replace(/\.$/, "")}; --help lists the options`;
}

function tell(error: unknown): void {
  const message = messageOf(error);
  if (message !== "") process.stderr.write(`bench: ${message}\n`);
  if (message !== "" && process.env["THALWEG_DEBUG"]) process.stderr.write(`${(error as Error).stack}\n`);
}

/** @returns the exit code */
async function obey(flags: RaceFlags): Promise<number> {
  if (flags.list) {
    process.stdout.write(listOf());
    return exitCodes.ok[0];
  }
  chooseFrom(flags, undefined); // a wrong name is told before anything is loaded and built
  const { race } = await import("./race.ts");
  return race(flags);
}

async function runRace(words: readonly string[], others: ReadonlyMap<string, string>): Promise<number> {
  let code: number = exitCodes.ok[0];
  const run = async (flags: RaceFlags): Promise<void> => {
    code = await obey(flags);
  };
  await createProgram([...others.keys()], run).parseAsync([...words], { from: "user" });
  return code;
}

function requireRace(first: string, others: ReadonlyMap<string, string>): void {
  if (first === "" || first === "race" || first.startsWith("-")) return;
  const names = ["race", ...others.keys()];
  throw new Stop(
    `there is no bench ${first}; ${didYouMean(first, names)}there are: ${names.join(", ")}`,
    exitCodes.wrongUse[0],
  );
}

/** @param words of the command line, behind the name of the script */
export async function main(words: readonly string[], sources: Sources): Promise<void> {
  watchStreams(tell);
  const others = otherBenches();
  const [first = ""] = words;
  const other = others.get(first);
  try {
    if (other === undefined) {
      requireRace(first, others);
      process.exitCode = await runRace(first === "race" ? words.slice(1) : words, others);
    } else {
      await sources.load(other); // reads its own options, and sets the exit code
    }
  } catch (error) {
    tell(error);
    process.exitCode = exitCodeOf(error);
  }
  await flush();
  process.exit();
}
