import type { Command } from "commander";
import {
  type Predictions,
  type Preprocessing,
  type Table,
  encodeInputs,
  roundPrediction,
  targetNames,
  toPredictions,
} from "../data.ts";
import { deviceChoices, takesLogits } from "../node.ts";
import { csvLine } from "./csv.ts";
import { encodingLines } from "./encodingLines.ts";
import { readModelFile, readTableFile } from "./files.ts";
import { name } from "./flags.ts";
import { byteSize, counted } from "./numbers.ts";
import { createOutput } from "./output.ts";
import { addReadOptions, readOptionsForModel } from "./readFlags.ts";
import { type UseFlags, describeSavedModel, requirePreprocessing, withModel } from "./savedModel.ts";
import { claimOutput } from "./outputFile.ts";
import { tableEncoder } from "./tableFile.ts";
import { working } from "./work.ts";

const examples = `Examples:
  thalweg predict penguins.safetensors new.csv > predictions.csv
  cat new.json | thalweg predict penguins.safetensors - --json
`;
const notes = `
One line per row of FILE, in the same order; missing cells are filled with the training median or most frequent value.
Unseen categories are encoded as no category, with a warning. Classes come with probabilities, numbers in
the units of the training table. A model with several members predicts their mean.
`;

/** Seven digits are all that float32 has. */
const digits = (value: number): number => Number(value.toPrecision(7));

/** Row `row` of [rows, width] */
const rowOf = (values: Float64Array, row: number, width: number): number[] =>
  [...values.subarray(row * width, (row + 1) * width)].map(digits);

/** Cells of a prediction: class and scores, or values. */
function cellsOf({ target }: Preprocessing, predictions: Predictions, row: number): (string | number)[] {
  if (predictions.kind === "class") {
    const { classes, chosen, scores } = predictions;
    return [classes[chosen[row]!]!, ...rowOf(scores, row, classes.length)];
  }
  const columns = target.kind === "number" ? target.columns : [];
  return columns.map((column, k) => roundPrediction(predictions.values[row * columns.length + k]!, column));
}

function headerOf(preprocessing: Preprocessing, scoreName: string): string[] {
  const { target } = preprocessing;
  const names = targetNames(preprocessing);
  return target.kind === "class" ? [...names, ...target.values.map((value) => `${scoreName} ${value}`)] : names;
}

/** Predictions in the order of the table, undefined for rows that have missing cells. */
function alignRows(
  table: Table,
  rows: Uint32Array,
  preprocessing: Preprocessing,
  predictions: Predictions,
): ((string | number)[] | undefined)[] {
  const all: ((string | number)[] | undefined)[] = Array.from({ length: table.rowCount });
  for (const [index, row] of rows.entries()) all[row] = cellsOf(preprocessing, predictions, index);
  return all;
}

/** `{"Species":"Adelie","probability Adelie":0.99,…}` per row; null where cells were missing. */
const recordsOf = (header: readonly string[], lines: readonly ((string | number)[] | undefined)[]): unknown[] =>
  lines.map((cells) => (cells ? Object.fromEntries(header.map((key, k) => [key, cells[k]])) : null));

interface PredictFlags extends UseFlags {
  readonly output?: string;
}

/** A file for the predictions: one that exists is not replaced. */
function claimPredictions(target: string, inputs: readonly string[]) {
  const encode = tableEncoder(target, "--output");
  const kind = { expected: "none that exists", describe: () => undefined };
  return { encode, file: claimOutput({ file: target, flag: "--output", kind, inputs, force: false }) };
}

async function predict(modelFile: string, file: string, flags: PredictFlags): Promise<void> {
  const output = createOutput(flags);
  const written = flags.output === undefined ? undefined : claimPredictions(flags.output, [modelFile, file]);
  const saved = await readModelFile(modelFile);
  const preprocessing = requirePreprocessing(saved, modelFile);
  const table = await readTableFile(output, file, readOptionsForModel(flags, preprocessing));
  const encoding = `encoding ${counted(table.rowCount, "row")}`;
  const encoded = await working(output, encoding, (onProgress) =>
    encodeInputs(preprocessing, table, { strict: flags.strict ?? false, onProgress }),
  );
  const { rows, inputs, filled, withoutCategory, unseen, unseenCount } = encoded;
  const predictions = await withModel(output, saved, flags.device, (model, device) => {
    describeSavedModel(output, device, saved, modelFile);
    return working(output, "predicting", async () =>
      toPredictions(preprocessing, await model.predict(inputs), model.members),
    );
  });
  const incomplete = table.rowCount - rows.length;
  const skipped = incomplete > 0 ? `, ${counted(incomplete, "row")} with missing cells left empty` : "";
  output.info("data", `${table.place}: ${counted(table.rowCount, "row")}${skipped}`);
  for (const line of [...table.notes, ...encodingLines(encoded)]) output.info("note", line);
  const header = headerOf(preprocessing, takesLogits(saved.network.loss) ? "probability" : "score");
  const lines = alignRows(table, rows, preprocessing, predictions);
  const empty = header.map(() => "");
  if (written) {
    const bytes = written.encode({ names: header, rows: lines.map((cells) => cells ?? []) });
    written.file.write(bytes, true);
    output.result("written", `${written.file.path} (${byteSize(bytes.length)})`);
  } else output.write(csvLine(header) + lines.map((cells) => csvLine(cells ?? empty)).join(""));
  const told = { rows: table.rowCount, incomplete, filled, withoutCategory, unseen, unseenCount };
  output.record({ command: "predict", ...told, predictions: recordsOf(header, lines) });
}

export function addPredictCommand(program: Command): void {
  const command = program
    .command("predict")
    .argument("<model>", "file that thalweg train wrote")
    .argument("<file>", "table with the training columns, or - for stdin")
    .summary("predict the target for new rows, as CSV")
    .usage("MODEL FILE [options]")
    .description(examples.trim());
  addReadOptions(command)
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option("--strict", "fail on categories that were not seen in training")
    .option("--output <file>", "a new file instead of stdout: .csv, .json, .ndjson or .npy")
    .option("--json", "print one JSON object instead of CSV")
    .option("--quiet", "print the result only")
    .addHelpText("after", notes)
    .action(predict);
}
