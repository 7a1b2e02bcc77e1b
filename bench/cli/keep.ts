import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, extname, join, relative } from "node:path";
import process from "node:process";
import { adapterSlug } from "../measure/machine.ts";
import { readRecord, writeRecord } from "../race/readRecord.ts";
import type { RaceRecord } from "../race/record.ts";
import { toMarkdown } from "../report/markdown.ts";
import { type Picture, picturesOf } from "../report/writePictures.ts";

const results = join(import.meta.dirname, "..", "results");

/** What is kept, and where. */
export interface KeepOptions {
  /** The file that --output names. */
  readonly output: string | undefined;
  /** All of the race, as it should be: kept under its date and adapter even where nobody has named a file. */
  readonly isFull: boolean;
}

/**
 * @returns the record as its file will hold it: rounded, and known to be readable
 * @throws Error where it cannot be read; what was measured is then in a file as it is
 */
export function settle(record: RaceRecord, output: string | undefined): RaceRecord {
  try {
    return readRecord(writeRecord(record), "the record of this race");
  } catch (cause) {
    const path = write(output ?? join(tmpdir(), `thalweg-race-${process.pid}.json`), JSON.stringify(record));
    throw new Error(`${(cause as Error).message}; the record, which no reader takes, is in ${path}`, { cause });
  }
}

/** A record in every form that is kept of it. */
export interface Forms {
  readonly machine: RaceRecord["machine"];
  readonly problems: readonly string[];
  /** How the names of its files end: `race`. */
  readonly ending: string;
  readonly json: string;
  readonly markdown: () => string;
  readonly pictures: () => readonly Picture[];
}

function pathFor({ machine, problems, ending }: Forms, { output, isFull }: KeepOptions): string | undefined {
  if (output !== undefined) return output;
  if (!isFull) return undefined;
  const name = `${machine.date.slice(0, 10)}-${adapterSlug(machine)}-${ending}`;
  // an hour's figures are kept even where the run has failed, but not among the results
  return problems.length > 0 ? join(tmpdir(), `thalweg-${name}-failed.json`) : join(results, `${name}.json`);
}

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return relative(process.cwd(), path);
}

/** The record alone where it has problems; else Markdown and pictures beside it. @returns paths of what was written */
export function keepForms(forms: Forms, options: KeepOptions): readonly string[] {
  const path = pathFor(forms, options);
  if (path === undefined) return [];
  const json = write(path, forms.json);
  if (forms.problems.length > 0) return [json];
  const stem = path.slice(0, path.length - extname(path).length);
  const pictures = forms.pictures().map(({ name, svg }) => write(`${stem}-${name}.svg`, svg));
  return [json, write(`${stem}.md`, forms.markdown()), ...pictures];
}

/** As `keepForms`, of a race. */
export function keep(record: RaceRecord, options: KeepOptions): readonly string[] {
  const { machine, problems } = record;
  const forms = {
    machine,
    problems,
    ending: machine.host === "chrome" ? "race" : `${machine.host}-race`,
    json: writeRecord(record),
    markdown: () => toMarkdown(record),
    pictures: () => picturesOf(record),
  };
  return keepForms(forms, options);
}
