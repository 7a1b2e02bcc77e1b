import type { Command, Option } from "commander";
import { closestName } from "../data.ts";
import { InvalidInput, type Mixup } from "../node.ts";
import { otherNames } from "./command.ts";
import type { RunCommand } from "./checkpointFolder.ts";
import type { ConfigEntry } from "./configFile.ts";
import { placeOf, readBytes } from "./files.ts";
import { folded } from "./flags.ts";
import { faultInOptions } from "./optionNames.ts";
import { createOutput } from "./output.ts";
import { type ResumableFlags, resume, type ResumeRequest } from "./resume.ts";
import { usualRate } from "./trainFlags.ts";
import { valueText } from "./sweepValues.ts";

// `--config` and `--print-config`: the options of a command as JSON. Keys are the options in camel case, which are the names of the
// library where it has them; a value is what stands behind the option, as a number, text or array.

type Json = string | number | boolean | null | readonly (string | number)[];

export const addConfigOptions = (command: Command): Command =>
  command
    .optionsGroup("Configuration:")
    .option(
      "--config <file>",
      'options as JSON: { "target": "Species", "learningRate": 0.01 }; options on the command line take precedence',
    )
    .option("--print-config", "print all options as JSON for --config, and do nothing else");

/** Rows of the largest batch. */
const mostRows = 2 ** 31;

/** Options that a file does not hold. */
const typedOnly: ReadonlySet<string> = new Set(["config", "printConfig", "resume", "help"]);

/** Lists of names that may have commas. */
const nameLists: ReadonlySet<string> = new Set(["target", "columns", "ignore"]);

/** What an empty list is called where it is typed. */
const emptyLists: Readonly<Record<string, string>> = { layers: "none" };

const intervalText = (interval: { readonly steps: number } | { readonly ms: number }): Json => {
  if ("steps" in interval) return interval.steps;
  return interval.ms % 1000 === 0 ? `${interval.ms / 1000}s` : `${interval.ms}ms`;
};

/** Values that are kept in another form than they are typed in. */
const written: Readonly<Record<string, (value: never) => Json>> = {
  every: intervalText,
  mixup: ({ alpha, copies }: Mixup) => (copies === undefined ? alpha : [alpha, copies]),
  thousands: (mark: string) => (mark === "" ? "none" : mark),
};

/** A value of an option as it stands in JSON. */
function jsonOf(key: string, value: unknown): Json {
  const write = written[key] as ((value: unknown) => Json) | undefined;
  if (write) return write(value);
  if (typeof value === "object" && value !== null && "text" in value) return String(value.text); // as it was typed
  if (typeof value === "object" && value !== null && "kind" in value) return valueText(value as never);
  return value as Json;
}

const optionsOf = (command: Command, key: string): Option[] =>
  command.options.filter((option) => option.attributeName() === key);

const isGiven = (command: Command, key: string): boolean =>
  ["cli", "config"].includes(command.getOptionValueSource(key) ?? "");

/** Key of the option that was probably meant. */
function closestKey(key: string, command: Command): string | undefined {
  const keys = [...new Set(command.options.map((option) => option.attributeName()))].filter(
    (own) => !typedOnly.has(own),
  );
  const other = otherNames.get(`--${key}`);
  const meant = other && command.options.find(({ long }) => long === other)?.attributeName();
  return meant ?? keys.find((own) => folded(own) === folded(key)) ?? closestName(key, keys);
}

function unknownKey({ key, place }: ConfigEntry, command: Command): InvalidInput {
  const got = JSON.stringify(key);
  const typed = optionsOf(command, key)[0];
  if (typed) {
    const expected = "an option that a file may hold";
    return new InvalidInput({ place, expected, got, fix: `type ${typed.long} instead` });
  }
  const meant = closestKey(key, command);
  const sibling = command.parent?.commands.find((other) => other !== command && optionsOf(other, key).length > 0);
  const remedy = sibling
    ? `it is one of thalweg ${sibling.name()}; remove it`
    : `thalweg ${command.name()} FILE --print-config lists them`;
  const fix = meant === undefined ? remedy : `did you mean ${JSON.stringify(meant)}?`;
  return new InvalidInput({ place, expected: `an option of thalweg ${command.name()}`, got, fix });
}

function wrongType({ place, value }: ConfigEntry, expected: string, fix: string): InvalidInput {
  return new InvalidInput({ place, expected, got: JSON.stringify(value).slice(0, 60), fix });
}

const isList = (value: unknown): value is (string | number)[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string" || typeof item === "number");

/** What would be typed behind the option. */
function textOf(entry: ConfigEntry): string {
  const { key, value } = entry;
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (isList(value)) return value.length === 0 ? (emptyLists[key] ?? "") : value.join(",");
  throw wrongType(
    entry,
    "a string, a number or a list",
    `write the value of the option as --print-config prints ${key}`,
  );
}

/** Whether a value has the form in which `--print-config` writes it. */
function hasForm(value: unknown, own: Json): boolean {
  if (!isList(own)) return typeof value === typeof own;
  return isList(value) && value.length === own.length && value.every((item, at) => typeof item === typeof own[at]);
}

function formOf(own: Json): string {
  if (isList(own)) return typeof own[0] === "number" ? "a list of numbers" : "a list of texts";
  return typeof own === "number" ? "a number" : "text";
}

/** The value of an option that takes one, read as if it had been typed. */
function parsedValue(entry: ConfigEntry, { parseArg }: Option): unknown {
  const { key, value, place } = entry;
  if (nameLists.has(key) && isList(value)) return value.map(String);
  let parsed: unknown;
  try {
    const text = textOf(entry);
    parsed = parseArg ? parseArg(text, undefined as never) : text;
  } catch (error) {
    if (!(error instanceof InvalidInput) || error.fault.place === place) throw error;
    throw new InvalidInput({ ...error.fault, place });
  }
  const own = jsonOf(key, parsed);
  if (hasForm(value, own)) return parsed;
  throw wrongType(entry, formOf(own), `write ${JSON.stringify(own)}`);
}

function valueOf(entry: ConfigEntry, options: readonly Option[]): unknown {
  const { value } = entry;
  const positive = options.find(({ negate }) => !negate);
  const isSwitch = positive === undefined || positive.isBoolean();
  if (positive?.optional && typeof value === "boolean") return value || undefined;
  const hasNegation = options.some(({ negate }) => negate);
  if (value === false && (isSwitch || hasNegation)) return hasNegation ? false : undefined;
  if (isSwitch && value !== true) throw wrongType(entry, "true or false", "write it without quotes");
  return isSwitch ? true : parsedValue(entry, positive);
}

/** Gives the options that were not typed the values of the file. @returns where each is */
async function applyConfig(command: Command): Promise<ReadonlyMap<string, string>> {
  const places = new Map<string, string>();
  const file: string | undefined = command.getOptionValue("config");
  if (file === undefined) return places;
  if (file === "-" && command.args[0] === "-") {
    const expected = "a different source than the table";
    throw new InvalidInput({
      place: "--config -",
      expected,
      got: "stdin for both",
      fix: "name a file for one of them",
    });
  }
  const bytes = await readBytes(file, "a configuration: options as JSON");
  const { parseConfig } = await import("./configFile.ts");
  for (const entry of parseConfig(new TextDecoder().decode(bytes), placeOf(file))) {
    const { key, value, place } = entry;
    const options = optionsOf(command, key);
    if (options.length === 0 || typedOnly.has(key)) throw unknownKey(entry, command);
    if (value === null) continue; // as if it were not there
    const parsed = valueOf(entry, options);
    if (command.getOptionValueSource(key) === "cli") continue;
    command.setOptionValueWithSource(key, parsed, "config");
    places.set(key, place);
  }
  return places;
}

/** An error about an option that came from the file, at its place there. */
function atPlace(error: unknown, command: Command, places: ReadonlyMap<string, string>): unknown {
  if (!(error instanceof InvalidInput)) return error;
  const { place, ...others } = faultInOptions(error);
  const flag = /^--[a-z\d-]+/.exec(place)?.[0];
  const key = command.options.find(({ long }) => long === flag)?.attributeName();
  const own = key === undefined ? undefined : places.get(key);
  return own === undefined ? error : new InvalidInput({ ...others, place: place.replace(flag!, own) });
}

/** L-BFGS needs batches of all rows: they are the largest there may be, unless a size is given. */
function takeAllRows(command: Command): void {
  if (command.getOptionValue("optimizer") !== "lbfgs" || isGiven(command, "batchSize")) return;
  command.setOptionValueWithSource("batchSize", mostRows, "default");
}

/**
 * Runs a command with the options of its `--config`.
 * @param use gets the options, and whether one was typed or is in the file
 */
export async function withConfig<Flags>(
  command: Command,
  use: (flags: Flags, isGiven: (key: string) => boolean) => Promise<void>,
): Promise<void> {
  const places = await applyConfig(command);
  takeAllRows(command);
  try {
    await use(command.opts() as Flags, (key) => isGiven(command, key));
  } catch (error) {
    throw atPlace(error, command, places);
  }
}

/**
 * All options as JSON that `--config` reads back, null where the table or the optimizer decides.
 * @param flags values of the command's options
 */
function configText(command: Command, flags: object): string {
  const values = flags as Readonly<Record<string, unknown>>;
  const keys = [...new Set(command.options.map((option) => option.attributeName()))].filter(
    (key) => !typedOnly.has(key),
  );
  const config = keys.map((key): readonly [string, Json] => {
    const value = values[key];
    if (value !== undefined) return [key, jsonOf(key, value)];
    if (key === "learningRate") return [key, usualRate(values["optimizer"] as never)];
    const isSwitch = optionsOf(command, key).every((option) => option.isBoolean());
    return [key, isSwitch ? false : null];
  });
  return `${JSON.stringify(Object.fromEntries(config), null, 2)}\n`;
}

/** Prints the options that the command would take, those of the run where it resumes one. */
export async function printConfig<Flags extends ResumableFlags>(
  command: Command,
  file: string,
  { flags, isTyped }: Omit<ResumeRequest<Flags>, "command">,
): Promise<void> {
  const request = { flags, command: command.name() as RunCommand, isTyped };
  const resumed = flags.resume === undefined ? undefined : await resume(createOutput({ quiet: true }), file, request);
  createOutput({}).write(configText(command, resumed?.flags ?? flags));
}
