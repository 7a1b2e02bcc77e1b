import * as v from "valibot";
import { InvalidInput } from "../../src/errors.ts";
import { type RaceRecord, recordSchema, schemaVersion } from "./record.ts";
import { fromStepRecord, stepRecordSchema } from "./stepRecord.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Something short enough for a message. */
const show = (value: unknown): string => {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const start = text.trimStart();
    const got = start === "" ? "an empty file" : `text that begins with ${show(start.slice(0, 30))}`;
    throw new InvalidInput({ place, expected: "JSON", got, fix: "pass a file that the race has written", cause });
  }
}

function requireFields(value: unknown, place: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  const fix = "pass a whole file that the race has written";
  throw new InvalidInput({ place, expected: "a JSON object", got: show(value), fix });
}

/** @throws InvalidInput naming the first field that the schema refuses */
function parseWith<T>(schema: v.GenericSchema<unknown, T>, fields: Fields, place: string): T {
  const parsed = v.safeParse(schema, fields);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? "the record";
  const isMissing = issue.received === "undefined";
  throw new InvalidInput({
    place: `${place}: ${path}`,
    expected: isMissing || issue.expected === null ? "a value" : issue.expected,
    got: isMissing ? "nothing" : issue.received,
    fix: "repair that field, or record the race again",
  });
}

function requireVersion(found: unknown, place: string): asserts found is 1 | 2 {
  if (found === 1 || found === schemaVersion) return;
  const isNewer = typeof found === "number" && found > schemaVersion;
  throw new InvalidInput({
    place: `${place}: schemaVersion`,
    expected: `1 or ${schemaVersion}`,
    got: show(found),
    fix: isNewer ? "read it with the newer thalweg that wrote it" : "pass a file that the race has written",
  });
}

/** Version 1 knew the bench of single steps, later ones the race. */
function requireBench(found: unknown, known: string, place: string): void {
  if (found === known) return;
  const fix = "pass a file that the race, or the step bench of thalweg 0.1, has written";
  throw new InvalidInput({ place: `${place}: bench`, expected: show(known), got: show(found), fix });
}

/**
 * Reads a record; older ones come out as the newest, with notes on what they did not hold.
 * @param name of the file, for messages
 * @throws InvalidInput where it is no record, or a field of it is wrong
 */
export function readRecord(text: string, name: string): RaceRecord {
  const fields = requireFields(parseJson(text, name), name);
  const { schemaVersion: found, bench } = fields;
  requireVersion(found, name);
  requireBench(bench, found === 1 ? "step" : "race", name);
  return found === 1
    ? fromStepRecord(parseWith(stepRecordSchema, fields, name))
    : parseWith(recordSchema, fields, name);
}

/**
 * Reads the record of a bench of sweeps.
 * @param expected what the record says that it is
 * @param name of the file, for messages
 * @throws InvalidInput where it is no record of that bench, or a field of it is wrong
 */
export function readSweepsRecord<T>(
  schema: v.GenericSchema<unknown, T>,
  expected: { readonly bench: string; readonly schemaVersion: number },
  text: string,
  name: string,
): T {
  const fields = requireFields(parseJson(text, name), name);
  const { bench, schemaVersion: found } = fields;
  if (bench === expected.bench && found === expected.schemaVersion) return parseWith(schema, fields, name);
  throw new InvalidInput({
    place: name,
    expected: `a record of the bench of ${expected.bench}, schema version ${expected.schemaVersion}`,
    got: `bench ${show(bench)}, schema version ${show(found)}`,
    fix: `pass a file that \`npm run bench -- ${expected.bench}\` has written`,
  });
}

/** JSON with lists of numbers on one line, and six digits where more would be noise. */
export function toJson(value: unknown): string {
  const rounded = (_: string, entry: unknown): unknown =>
    typeof entry === "number" && !Number.isInteger(entry) ? Number(entry.toPrecision(6)) : entry;
  const text = JSON.stringify(value, rounded, 2);
  // no string holds a line break as such
  return `${text.replaceAll(/\[\n[\s\d.,eE+-]+\]/g, (list) => list.replaceAll(/\s+/g, " "))}\n`;
}

/**
 * What `readRecord` reads, with fields in the order of the schema.
 * @throws InvalidInput where it could not be read, such as with a NaN in it
 */
export const writeRecord = (record: RaceRecord): string => toJson(readRecord(toJson(record), "writeRecord"));
