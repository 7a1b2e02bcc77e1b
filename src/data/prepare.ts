import { BadFile, InvalidInput } from "../errors.ts";
import type { Dataset } from "../backend/executor.ts";
import { requireName } from "../graph/network.ts";
import { requireNumber } from "./cellValues.ts";
import { type Choice, type ColumnOptions, type IgnoredColumn, chooseColumns } from "./chooseColumns.ts";
import {
  type CellReader,
  type Encoder,
  classEncoder,
  encodeRows,
  inputEncoder,
  numberTargetEncoder,
} from "./encode.ts";
import { type FitOptions, fitClasses, fitInput, fitNumber } from "./fitColumns.ts";
import { type ColumnSummary, isMissingIn, mostLabels } from "./inspect.ts";
import { defaultMissing } from "./missing.ts";
import { type MissingCells, type UsedRows, chooseRows, missingCellsChoices, missingNotes } from "./missingCells.ts";
import { type SliceOptions, type Steps, each, runOverCells } from "./slices.ts";
import { type CategoryEncoding, categoryEncodings, datasetOf } from "./embeddings.ts";
import { type InputColumn, type Preprocessing, type Target, isNumbered, takesMissing } from "./preprocessing.ts";
import { type Labels, labelLookup, labelOf, mergeLabels } from "./spelling.ts";
import { type RowGroups, type RowSplit, splitRows } from "./split.ts";
import { type Table, cellPlace, quote } from "./table.ts";
import type { Task } from "./task.ts";
import { writtenFormsNote } from "./writtenForms.ts";

export interface PrepareOptions extends ColumnOptions, SliceOptions {
  /** Share of the rows that is held out, from 0 to below 1; default 0.2. */
  readonly validation?: number;
  /** Decides which rows are held out; default 1. */
  readonly seed?: number;
  /** Two classes as one output, which binaryCrossEntropy takes; default one output per class. */
  readonly binary?: boolean;
  /** Missing inputs are filled (impute) or their rows left out (drop); default auto: impute where more than 5 % of the rows would be lost. */
  readonly missingCells?: MissingCells;
  /** Columns of more than ten categories are numbered, for the embeddings of `inputLayers` (auto), or one-hot as all others (oneHot); default auto. */
  readonly categories?: CategoryEncoding;
}

/** What was understood of a table, for showing it before anything is trained. */
export interface TableReport {
  readonly rows: number;
  /** Rows left out because their target or, where they are not filled, an input is missing. */
  readonly droppedRows: number;
  /** Of the dropped ones, those whose target is missing. */
  readonly rowsWithoutTarget: number;
  /** Rows of which a missing input is filled. */
  readonly filledRows: number;
  /** Inputs with missing cells in rows with a target, those with most first. */
  readonly missing: readonly { readonly name: string; readonly cells: number }[];
  readonly task: Task;
  /** Why it is that task. */
  readonly taskReason: string;
  /** Another task that the target could have: the option `task` chooses it. */
  readonly otherTask: Task | undefined;
  readonly ignored: readonly IgnoredColumn[];
  /** Anything else worth a line. */
  readonly notes: readonly string[];
}

export interface Prepared {
  readonly preprocessing: Preprocessing;
  readonly training: Dataset;
  /** Held-out rows; undefined when none were requested. */
  readonly validation: Dataset | undefined;
  readonly trainingRows: number;
  readonly validationRows: number;
  readonly report: TableReport;
}

/** What the steps of preparing share. */
interface Draft {
  readonly table: Table;
  readonly choice: Choice;
  readonly used: UsedRows;
  readonly isBinary: boolean;
}

/** The classes of a target as the used rows have them. */
interface Classes {
  readonly labels: Labels;
  readonly groups: RowGroups;
  readonly counts: Uint32Array;
  readonly note?: string | undefined;
}

function* groupByClass({ table, choice, used }: Draft): Steps<Classes | undefined> {
  if (choice.task === "regression") return undefined;
  const { column, labels: counted, distinct } = choice.targets[0]!;
  if (!counted) {
    const fix = "use the task regression, or choose another target";
    const place = `${table.place}: column ${quote(column.name)}`;
    const expected = `at most ${mostLabels} classes`;
    throw new BadFile({ place, expected, got: `${distinct} different values`, fix });
  }
  const { labels, note } = mergeLabels(counted);
  const indexOf = labelLookup(labels);
  const counts = new Uint32Array(labels.values.length);
  const groupOf = new Uint32Array(used.rows.length);
  yield* each(used.rows.length, (place) => {
    const group = indexOf(labelOf(column.cells[used.rows[place]!]!))!;
    groupOf[place] = group;
    counts[group]!++;
  });
  return { labels, groups: { groupOf, sizes: [...counts] }, counts, note };
}

interface FittedTarget {
  readonly target: Target;
  readonly notes: readonly string[];
}

function* fitTarget(draft: Draft, classes: Classes | undefined, options: FitOptions): Steps<FittedTarget> {
  const { table, choice, used, isBinary } = draft;
  const { targets } = choice;
  if (classes) {
    const lost = used.isImputed ? 0 : used.withoutInput;
    const { target, notes } = fitClasses(table, targets[0]!, { ...classes, isBinary, lost });
    const [{ column }] = targets as [ColumnSummary];
    const merged = [yield* writtenFormsNote(targets[0]!), classes.note].filter((note) => note !== undefined);
    return { target, notes: [...merged.map((note) => `${quote(column.name)}: ${note}`), ...notes] };
  }
  const columns = [];
  for (const summary of targets) columns.push((yield* fitNumber(table, summary, options, false)).column);
  return { target: { kind: "number", columns }, notes: [] };
}

interface FittedInputs {
  readonly summaries: readonly ColumnSummary[];
  readonly columns: readonly InputColumn[];
  readonly ignored: readonly IgnoredColumn[];
  readonly notes: readonly string[];
}

/** Fits the inputs and leaves out those that do not vary among the rows learned from, unless none would be left. */
function* fitInputs({ table, choice }: Draft, options: FitOptions): Steps<FittedInputs> {
  const all = [];
  for (const summary of choice.inputs) all.push({ summary, fitted: yield* fitInput(table, summary, options) });
  const varying = all.filter(({ fitted }) => fitted.varies);
  const kept = varying.length > 0 ? varying : all.filter(({ fitted }) => takesMissing(fitted.column));
  const isKept = new Set(kept);
  const ignored = all
    .filter((entry) => !isKept.has(entry))
    .map(({ summary, fitted }) => ({
      name: summary.column.name,
      why: `has ${takesMissing(fitted.column) ? "one value only" : "no value"} in the training rows`,
      canBeKept: false,
    }));
  if (kept.length === 0) {
    const fix = "add rows, or hold out fewer";
    throw new BadFile({ place: table.place, expected: "values in the training rows", got: "none", fix });
  }
  const constant = varying.length > 0 ? [] : ["no column varies among the training rows"];
  return {
    summaries: kept.map(({ summary }) => summary),
    columns: kept.map(({ fitted }) => fitted.column),
    ignored,
    notes: [...constant, ...kept.flatMap(({ fitted }) => fitted.notes)],
  };
}

const readerOf = (table: Table, summary: ColumnSummary): CellReader => ({
  table,
  column: summary.column,
  isMissing: (row) => summary.missing > 0 && isMissingIn(summary, row),
  format: summary.numbers?.format,
  reading: summary.numbers,
  form: summary.dateForm,
});

/** Weights of rows, [rows]. @throws BadFile where one is missing or below 0 */
function* weightsOf(table: Table, summary: ColumnSummary, rows: Uint32Array): Steps<Float32Array> {
  const { column, format, reading } = readerOf(table, summary);
  const weights = new Float32Array(rows.length);
  yield* each(rows.length, (index) => {
    const row = rows[index]!;
    const weight = requireNumber(table, row, column, { format, reading });
    if (weight >= 0) weights[index] = weight;
    else {
      const place = cellPlace(table, row, column.name);
      const fix = "correct the cell; 0 leaves the row out";
      throw new BadFile({ place, expected: "a weight of at least 0", got: String(weight), fix });
    }
  });
  return weights;
}

function* encode(
  { table, choice }: Draft,
  summaries: readonly ColumnSummary[],
  preprocessing: Preprocessing,
  rows: Uint32Array,
): Steps<Dataset> {
  const { inputs, target } = preprocessing;
  const inputEncoders: Encoder[] = [];
  for (const [index, as] of inputs.entries()) {
    inputEncoders.push(inputEncoder(readerOf(table, summaries[index]!), as, false));
    yield 0;
  }
  const readers = choice.targets.map((summary) => readerOf(table, summary));
  const targetEncoders =
    target.kind === "class"
      ? [classEncoder(readers[0]!, target)]
      : target.columns.map((as, index) => numberTargetEncoder(readers[index]!, as));
  const encoded = yield* encodeRows(table.place, inputEncoders, rows);
  const data = datasetOf(preprocessing, encoded, yield* encodeRows(table.place, targetEncoders, rows));
  return choice.weights ? { ...data, weights: yield* weightsOf(table, choice.weights, rows) } : data;
}

function columnNotes({ targets, inputs }: Choice): string[] {
  return [...targets, ...inputs].flatMap(({ column, notes }) => notes.map((note) => `${quote(column.name)}: ${note}`));
}

function splitNotes(share: number, { validation }: RowSplit, classes: Classes | undefined): string[] {
  const notes: string[] = [];
  if (share > 0 && validation.length === 0) notes.push("no rows are held out: each class has one row only");
  if (!classes || share === 0) return notes;
  const single = classes.labels.values.filter((_, index) => classes.counts[index] === 1);
  if (single.length > 0 && single.length < classes.labels.values.length) {
    notes.push(
      `${single.slice(0, 6).map(quote).join(", ")}: only one row, which is used for training, so no score covers it`,
    );
  }
  return notes;
}

function requireOptions(place: string, { task, missingCells, categories }: PrepareOptions, share: number): void {
  if (task !== undefined) requireName(`${place}: task`, task, ["classification", "regression"]);
  if (missingCells !== undefined) requireName(`${place}: missingCells`, missingCells, missingCellsChoices);
  if (categories !== undefined) requireName(`${place}: categories`, categories, categoryEncodings);
  if (share >= 0 && share < 1) return;
  const expected = "a share of the rows from 0 to below 1";
  const fix = "pass 0.2 to hold out a fifth";
  throw new InvalidInput({ place: `${place}: validation`, expected, got: String(share), fix });
}

/** Words for missing cells that the user named. */
const ownWords = ({ missingWords }: Table): Pick<Preprocessing, "missingWords"> =>
  missingWords === defaultMissing
    ? {}
    : { missingWords: { inNumbers: [...missingWords.inNumbers], inTexts: [...missingWords.inTexts] } };

function* prepareSteps(table: Table, options: PrepareOptions): Steps<Prepared> {
  const { validation: share = 0.2, seed = 1, binary = false, missingCells = "auto", categories = "auto" } = options;
  requireOptions(table.place, options, share);
  const choice = yield* chooseColumns(table, options);
  const used = yield* chooseRows(table, choice, missingCells);
  const draft: Draft = { table, choice, used, isBinary: binary };
  const classes = yield* groupByClass(draft);
  const split = yield* splitRows(used.rows, { share, seed, groups: classes?.groups });
  const fitOptions = { training: split.training, isImputed: used.isImputed, categories };
  const { target, notes: targetNotes } = yield* fitTarget(draft, classes, fitOptions);
  const { summaries, columns, ignored, notes: inputNotes } = yield* fitInputs(draft, fitOptions);
  const preprocessing: Preprocessing = { inputs: columns, target, ...ownWords(table) };
  const { training, validation } = split;
  const targetName = choice.targets[0]!.column.name;
  const numbered = new Set(columns.filter(isNumbered).map(({ name }) => name));
  const isFilled = used.missing.some(({ name }) => !numbered.has(name));
  return {
    preprocessing,
    training: yield* encode(draft, summaries, preprocessing, training),
    validation: validation.length > 0 ? yield* encode(draft, summaries, preprocessing, validation) : undefined,
    trainingRows: training.length,
    validationRows: validation.length,
    report: {
      rows: table.rowCount,
      droppedRows: table.rowCount - used.rows.length,
      rowsWithoutTarget: used.withoutTarget,
      filledRows: used.isImputed ? used.withoutInput : 0,
      missing: used.missing,
      task: choice.task,
      taskReason: choice.taskReason,
      otherTask: choice.otherTask,
      ignored: [...choice.ignored, ...ignored],
      notes: [
        ...table.notes,
        ...missingNotes(table, used, targetName, isFilled),
        ...targetNotes,
        ...choice.notes,
        ...columnNotes(choice),
        ...inputNotes,
        ...splitNotes(share, split, classes),
      ],
    },
  };
}

/**
 * Understands a table and makes training data of it: chooses and types columns, fills missing cells or leaves their rows
 * out, holds rows out by a seeded permutation within each class, standardises numbers and dates by the training rows, and
 * encodes categories one-hot or numbers them. docs/tables.md has the rules. Works in slices of a few milliseconds.
 * @throws InvalidInput when an option names no column or does not fit it
 * @throws BadFile when the table cannot be learned from: text among numbers, one class only, no complete rows
 */
export async function prepare(table: Table, options: PrepareOptions): Promise<Prepared> {
  return runOverCells(prepareSteps(table, options), table.rowCount * table.columns.length, 5, options);
}
