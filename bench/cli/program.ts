import { Command, InvalidArgumentError, Option } from "commander";
import { exitCodes } from "../../src/cli/exitCodes.ts";

/** The options of a race as they were written; `choices.ts` looks the names up. */
export interface RaceFlags {
  readonly race?: readonly string[];
  readonly contender?: readonly string[];
  readonly quick?: true;
  readonly host: "chrome" | "node";
  readonly isolation: boolean;
  readonly against?: string;
  readonly chromeFlag?: readonly string[];
  readonly output?: string;
  readonly list?: true;
}

const examples = `Examples:
  npm run bench -- --race tiny,products --contender thalweg,jax-js --quick
  npm run bench -- --against HEAD~1 --race tiny

Races thalweg against other libraries, every one checked against float64. The whole race takes about an hour and is kept
in bench/results/; parts of it are kept only with --output.
`;

/** `tiny,products`, or the option twice. */
function readNames(text: string, before: readonly string[] = []): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.includes("")) throw new InvalidArgumentError("It has an empty name.");
  return [...before, ...names];
}

function notes(otherBenches: readonly string[]): string {
  const codes = [exitCodes.ok, exitCodes.failed, exitCodes.wrongUse, exitCodes.interrupted];
  const others = otherBenches.map((name) => `  npm run bench -- ${name} [options]`).join("\n");
  return `
Other benches:
${others}

Exit codes:
${codes.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning.replace(/;.*$/, "")}`).join("\n")}

The report goes to stdout, all else to stderr.
`;
}

/** @param otherBenches names that `npm run bench` takes beside `race` */
export function createProgram(otherBenches: readonly string[], run: (flags: RaceFlags) => Promise<void>): Command {
  const append = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  return new Command("npm run bench --")
    .usage("[race] [options]")
    .addHelpText("before", examples)
    .addHelpText("after", notes(otherBenches))
    .exitOverride()
    .configureOutput({ outputError: () => {} }) // told in one line by main.ts
    .addOption(new Option("--race <names>", "races to run, by name").argParser(readNames))
    .addOption(new Option("--contender <names>", "contenders, by name or by its start").argParser(readNames))
    .option("--quick", "few blocks, and few points of a sweep")
    .addOption(new Option("--host <host>", "where to race").choices(["chrome", "node"]).default("chrome"))
    .option("--no-isolation", "a page that is not cross-origin isolated: wasm without threads, coarser clocks")
    .option("--against <revision>", "thalweg as it is against itself at a revision of git")
    .addOption(new Option("--chrome-flag <flag>", "a further switch for Chrome; may be repeated").argParser(append))
    .option("--output <file>", "keep the record in this file, Markdown and pictures beside it")
    .option("--list", "list races and contenders")
    .action(run);
}
