import type { Command } from "commander";
import { type Predictions, type Preprocessing, type Table, encodeInputs, targetNames } from "../data.ts";
import { deviceChoices, takesLogits } from "../node.ts";
import { csvLine } from "./csv.ts";
import { readModelFile, readTableFile } from "./files.ts";
import { name } from "./flags.ts";
import { counted } from "./numbers.ts";
import { createOutput } from "./output.ts";
import { predictionsOf } from "./predictionsOf.ts";
import { type UseFlags, describeSavedModel, requirePreprocessing, withModel } from "./savedModel.ts";
import { isLongTable, working } from "./work.ts";

const examples = `Examples:
  thalweg predict penguins.safetensors new.csv > predictions.csv
  cat new.json | thalweg predict penguins.safetensors - --json
`;
const notes = `
One line per row of FILE, in its order; the line of a row with missing cells is empty. Classes come with a probability
each, numbers in the units of the training table. A model of several replicas gives the mean over them.
`;

/** Seven digits are all that float32 has. */
const digits = (value: number): number => Number(value.toPrecision(7));

/** Row `row` of [rows, width] */
const rowOf = (values: Float64Array, row: number, width: number): number[] =>
  [...values.subarray(row * width, (row + 1) * width)].map(digits);

/** Cells of a prediction: class and scores, or values. */
function cellsOf(predictions: Predictions, row: number): (string | number)[] {
  if (predictions.kind === "number") return rowOf(predictions.values, row, predictions.columns.length);
  const { classes, chosen, scores } = predictions;
  return [classes[chosen[row]!]!, ...rowOf(scores, row, classes.length)];
}

function headerOf(preprocessing: Preprocessing, scoreName: string): string[] {
  const { target } = preprocessing;
  const names = targetNames(preprocessing);
  return target.kind === "class" ? [...names, ...target.values.map((value) => `${scoreName} ${value}`)] : names;
}

/** Predictions in the order of the table, undefined for rows that have missing cells. */
function alignRows(table: Table, rows: Uint32Array, predictions: Predictions): ((string | number)[] | undefined)[] {
  const all: ((string | number)[] | undefined)[] = Array.from({ length: table.rowCount });
  for (const [index, row] of rows.entries()) all[row] = cellsOf(predictions, index);
  return all;
}

/** `{"Species":"Adelie","probability Adelie":0.99,…}` per row; null where cells were missing. */
const recordsOf = (header: readonly string[], lines: readonly ((string | number)[] | undefined)[]): unknown[] =>
  lines.map((cells) => (cells ? Object.fromEntries(header.map((key, k) => [key, cells[k]])) : null));

async function predict(modelFile: string, file: string, flags: UseFlags): Promise<void> {
  const output = createOutput(flags);
  const saved = await readModelFile(modelFile);
  const preprocessing = requirePreprocessing(saved, modelFile);
  const table = await readTableFile(output, file);
  const isLong = isLongTable(table.rowCount * table.columns.length);
  const encode = () => encodeInputs(preprocessing, table);
  const { rows, inputs } = await working(output, `encoding ${counted(table.rowCount, "row")}`, encode, { isLong });
  const predictions = await withModel(output, saved, flags.device, (model, device) => {
    describeSavedModel(output, device, saved, modelFile);
    return working(output, "predicting", () => predictionsOf(model, preprocessing, inputs));
  });
  const incomplete = table.rowCount - rows.length;
  const skipped = incomplete > 0 ? `, ${counted(incomplete, "row")} with missing cells left empty` : "";
  output.info("data", `${table.place}: ${counted(table.rowCount, "row")}${skipped}`);
  const header = headerOf(preprocessing, takesLogits(saved.network.loss) ? "probability" : "score");
  const lines = alignRows(table, rows, predictions);
  const empty = header.map(() => "");
  output.write(csvLine(header) + lines.map((cells) => csvLine(cells ?? empty)).join(""));
  output.record({ command: "predict", rows: table.rowCount, incomplete, predictions: recordsOf(header, lines) });
}

export function addPredictCommand(program: Command): void {
  program
    .command("predict")
    .argument("<model>", "file that thalweg train wrote")
    .argument("<file>", "table with the columns the model was trained on, or - for stdin")
    .summary("predict the target of new rows, as CSV")
    .usage("MODEL FILE [options]")
    .description(examples.trim())
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option("--json", "print one JSON object instead of CSV")
    .option("--quiet", "print the result only")
    .addHelpText("after", notes)
    .action(predict);
}
