import type { Command } from "commander";
import type { Preprocessing, ReadOptions } from "../data.ts";
import { targetNames } from "../data.ts";
import { InvalidInput } from "../node.ts";
import { list, name } from "./flags.ts";

/** How a table is read: options of every command that reads one, left out where the content decides. */
export interface ReadFlags {
  readonly decimal?: "." | ",";
  readonly thousands?: "" | "," | "." | " " | "'" | "_";
  readonly separator?: string;
  readonly header?: "yes" | "no" | "auto";
  readonly missing?: readonly string[];
}

function fault(place: string, expected: string, text: string, fix: string): InvalidInput {
  return new InvalidInput({ place, expected, got: JSON.stringify(text.slice(0, 60)), fix });
}

const decimalNames = new Map([
  [".", "."],
  ["point", "."],
  [",", ","],
  ["comma", ","],
] as const);

const thousandsNames = new Map([
  ...([",", ".", " ", "'", "_"] as const).map((mark) => [mark, mark] as const),
  ["comma", ","],
  ["point", "."],
  ["space", " "],
  ["apostrophe", "'"],
  ["none", ""],
] as const);

const separatorNames = new Map([
  ["tab", "\t"],
  ["\\t", "\t"],
  ["blank", " "],
  ["space", " "],
  ["comma", ","],
  ["semicolon", ";"],
]);

function decimal(text: string): NonNullable<ReadFlags["decimal"]> {
  const found = decimalNames.get(text as ".");
  if (found) return found;
  throw fault("--decimal", '"." or ","', text, "pass the decimal mark");
}

function thousands(text: string): NonNullable<ReadFlags["thousands"]> {
  const found = thousandsNames.get(text as ".");
  if (found !== undefined) return found;
  throw fault("--thousands", `",", ".", space, "'", "_" or none`, text, "pass the thousands separator");
}

function separator(text: string): string {
  const found = separatorNames.get(text) ?? text;
  if (found.length === 1 && !/["\r\n]/.test(found)) return found;
  throw fault("--separator", "one character, tab or blank", text, 'pass the separator, such as ";"');
}

/** An empty list means that only empty cells are missing. */
const missing = (text: string): string[] => (text.trim() === "" ? [] : list("--missing")(text));

export function addReadOptions(command: Command): Command {
  return command
    .option(
      "--separator <character>",
      "cell separator; tab, or blank for any number of spaces (default: detected)",
      separator,
    )
    .option(
      "--header <yes|no>",
      "whether the first line holds column names (default: detected)",
      name("--header", ["yes", "no", "auto"]),
    )
    .option("--decimal <character>", "decimal mark of numbers: . or , (default: detected per column)", decimal)
    .option(
      "--thousands <character>",
      "thousands separator: , . space ' _ or none (default: detected per column)",
      thousands,
    )
    .option(
      "--missing <words>",
      'words that mean a missing value, like "?,NA"; "default,-999" adds to the built-in list',
      missing,
    );
}

/** Options of `readTable` for the flags. */
function readOptionsOf({ decimal, thousands, separator, header, missing }: ReadFlags): ReadOptions {
  return {
    ...(decimal && { decimal }),
    ...(thousands !== undefined && { thousands }),
    ...(separator !== undefined && { separator }),
    ...(header && { header }),
    ...(missing && { missing }),
  };
}

/** For training: a first line that holds the target's name holds names. */
export function readOptionsForTraining(
  flags: ReadFlags & { readonly target?: string | readonly string[] },
): ReadOptions {
  const { target = [] } = flags;
  const names = typeof target === "string" ? [target, ...target.split(",")].map((text) => text.trim()) : target;
  return { ...readOptionsOf(flags), target: names };
}

/** For a model: its columns are expected, so that a file of one row is told from a header. */
export function readOptionsForModel(flags: ReadFlags, preprocessing: Preprocessing): ReadOptions {
  const expected = {
    inputs: [...new Set(preprocessing.inputs.map((column) => column.name))],
    targets: targetNames(preprocessing),
  };
  return { ...readOptionsOf(flags), expected };
}
