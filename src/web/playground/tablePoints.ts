// A table as points: two columns of numbers, and one to predict. Fetched when the first file is opened.

import {
  type ColumnKind,
  columnKinds,
  inputNames,
  prepare,
  type Preprocessing,
  readTable,
  type Table,
} from "../../data.ts";
import { BadFile } from "../../index.ts";
import type { Task } from "./datasets.ts";
import { extent, mostOwnPoints, type Point, roundPoint } from "./points.ts";
import { createRandom } from "./random.ts";

/** Largest file that is read: the page stays quick. */
const mostBytes = 5_000_000;
/** Points fill the square up to here. */
const reach = 0.9 * extent;

export interface ChosenColumns {
  readonly x1: string;
  readonly x2: string;
  readonly target: string;
}

export interface ReadFile {
  readonly table: Table;
  readonly kinds: readonly ColumnKind[];
  /** Columns that hold numbers or dates, of which x1 and x2 are chosen. */
  readonly numberColumns: readonly string[];
  readonly chosen: ChosenColumns;
}

export interface TablePoints {
  readonly points: readonly Point[];
  readonly task: Task;
  /** What was understood, in one line. */
  readonly summary: string;
  /** What was decided that may be wrong. */
  readonly notes: readonly string[];
}

const isNumeric = ({ kind }: ColumnKind): boolean => kind === "number" || kind === "date";

/** The last column with two values, texts before numbers, else the last one that is not x1 or x2. */
function guessTarget(kinds: readonly ColumnKind[], taken: readonly string[]): string {
  const others = kinds.filter(({ name }) => !taken.includes(name));
  const two = others.filter(({ distinct }) => distinct === 2);
  return (two.findLast((kind) => !isNumeric(kind)) ?? two.at(-1) ?? others.at(-1)!).name;
}

/** The first two columns of numbers, those that are of use and not the target before all others. */
function guessInputs(kinds: readonly ColumnKind[]): (string | undefined)[] {
  const numbers = kinds.filter(isNumeric);
  const binary = kinds.find(({ distinct }) => distinct === 2);
  const free = numbers.filter((kind) => kind !== binary || numbers.length < 3);
  return [...free.filter(({ unused }) => unused === undefined), ...free.filter(({ unused }) => unused !== undefined)]
    .slice(0, 2)
    .sort((a, b) => kinds.indexOf(a) - kinds.indexOf(b))
    .map(({ name }) => name);
}

/**
 * Reads a file and guesses which columns to take.
 * @param place its name
 * @param missing words for missing cells, beside the usual ones
 * @throws BadFile where it is no table, or has fewer than two columns of numbers and a third
 */
export async function readFile(bytes: Uint8Array, place: string, missing: readonly string[] = []): Promise<ReadFile> {
  if (bytes.length > mostBytes) {
    const fix = "keep fewer rows, or train on it with the command line: thalweg train";
    throw new BadFile({ place, expected: `at most ${mostBytes / 1e6} MB`, got: `${bytes.length} bytes`, fix });
  }
  const words = missing.filter((word) => word.trim() !== "");
  const table = await readTable(bytes, place, words.length > 0 ? { missing: ["default", ...words] } : {});
  const kinds = await columnKinds(table);
  const numberColumns = kinds.filter(isNumeric).map(({ name }) => name);
  const [x1, x2] = guessInputs(kinds);
  if (x1 === undefined || x2 === undefined || table.columns.length < 3) {
    const got = `${table.columns.length} columns, ${numberColumns.length} of them of numbers`;
    const fix = "add the missing column";
    throw new BadFile({ place, expected: "two columns of numbers for x₁ and x₂, and a target", got, fix });
  }
  return { table, kinds, numberColumns, chosen: { x1, x2, target: guessTarget(kinds, [x1, x2]) } };
}

/** Notes without the options of the command line, which the page has not. */
const withoutOptions = (note: string): string => note.replace(/; --.*$/, "");

function requireNumbers({ inputs }: Preprocessing, place: string): void {
  const text = inputs.find(({ kind }) => kind === "category");
  if (!text) return;
  const fix = "choose another column";
  throw new BadFile({
    place,
    expected: "numbers for x₁ and x₂",
    got: `text in column ${JSON.stringify(text.name)}`,
    fix,
  });
}

/** [−reach, reach] from the least to the largest value. */
function spread(values: readonly number[], bound: number): number[] {
  const least = values.reduce((a, b) => Math.min(a, b));
  const largest = values.reduce((a, b) => Math.max(a, b));
  const scale = largest > least ? (2 * bound) / (largest - least) : 0;
  return values.map((value) => (scale === 0 ? 0 : (value - least) * scale - bound));
}

/** At most so many of the points, drawn by a fixed seed. */
function sample(points: Point[], most: number): Point[] {
  const random = createRandom(1);
  for (let count = points.length; count > most; count--) {
    points[Math.floor(random.uniform(0, count))] = points[count - 1]!;
  }
  return points.slice(0, most);
}

/** Two values are classes; more are numbers where they are numbers. */
function taskOf(kinds: readonly ColumnKind[], target: string): Task | undefined {
  const { distinct, kind } = kinds.find(({ name }) => name === target)!;
  if (distinct === 2) return "classification";
  return kind === "number" ? "regression" : undefined;
}

/**
 * Points of a table: x1 and x2 from −5.4 to 5.4, two classes as −1 and 1, numbers from −1 to 1.
 * @throws BadFile, InvalidInput where the columns cannot be used so
 */
export async function pointsOfTable(
  { table, kinds }: Pick<ReadFile, "table" | "kinds">,
  { x1, x2, target }: ChosenColumns,
): Promise<TablePoints> {
  const { place } = table;
  if (new Set([x1, x2, target]).size < 3) {
    const fix = "choose three different columns";
    throw new BadFile({ place, expected: "three different columns", got: [x1, x2, target].join(", "), fix });
  }
  const task = taskOf(kinds, target);
  const options = { target, columns: [x1, x2], validation: 0, binary: true, missingCells: "drop" } as const;
  const { preprocessing, training, report } = await prepare(table, { ...options, ...(task && { task }) });
  requireNumbers(preprocessing, place);
  const names = inputNames(preprocessing);
  const isConstant = (name: string): boolean => !names.includes(name);
  const column = (name: string): number[] => {
    const at = names.indexOf(name);
    return Array.from(training.targets, (_, row) => (at < 0 ? 0 : training.inputs[names.length * row + at]!));
  };
  const kind = preprocessing.target;
  if (kind.kind === "class" && kind.encoding !== "binary") {
    const got = `${kind.values.length} classes in column ${JSON.stringify(target)}: ${kind.values.slice(0, 4).join(", ")}`;
    throw new BadFile({
      place,
      expected: "two classes, or numbers",
      got,
      fix: "choose another target, or keep two of them",
    });
  }
  const values = Array.from(training.targets);
  const targets = kind.kind === "class" ? values.map((value) => (value > 0.5 ? 1 : -1)) : spread(values, 1);
  const [first, second] = [spread(column(x1), reach), spread(column(x2), reach)];
  const all = targets.map((value, row) => roundPoint({ x1: first[row]!, x2: second[row]!, value }));
  const points = sample(all, mostOwnPoints);
  const left = report.droppedRows > 0 ? `, ${report.droppedRows} dropped for missing values` : "";
  const sampled = points.length < all.length ? `, ${points.length} of them drawn` : "";
  const constant = [x1, x2].filter(isConstant).map((name) => ` ${name} has one value only.`);
  const classes = kind.kind === "class" ? ` (blue: ${kind.values[1]}, orange: ${kind.values[0]})` : "";
  return {
    points,
    task: kind.kind === "class" ? "classification" : "regression",
    notes: report.notes.map(withoutOptions),
    summary: `${place}: ${report.rows} rows${left}${sampled}. x₁ is ${x1}, x₂ is ${x2}, predicted is ${target}${classes}.${constant.join("")}`,
  };
}
