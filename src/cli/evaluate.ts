import type { Command } from "commander";
import { encodeTable, scorePredictions } from "../data.ts";
import { deviceChoices } from "../node.ts";
import { scoreLines } from "./describe.ts";
import { readModelFile, readTableFile } from "./files.ts";
import { name } from "./flags.ts";
import { counted, short } from "./numbers.ts";
import { createOutput } from "./output.ts";
import { predictionsOf } from "./predictionsOf.ts";
import { type UseFlags, describeSavedModel, requirePreprocessing, withModel } from "./savedModel.ts";
import { isLongTable, working } from "./work.ts";

const examples = `Examples:
  thalweg evaluate penguins.safetensors more-penguins.json
  thalweg evaluate cars.safetensors test.csv --json --device cpu
`;

async function evaluate(modelFile: string, file: string, flags: UseFlags): Promise<void> {
  const output = createOutput(flags);
  const saved = await readModelFile(modelFile);
  const preprocessing = requirePreprocessing(saved, modelFile);
  const table = await readTableFile(output, file);
  const isLong = isLongTable(table.rowCount * table.columns.length);
  const encode = () => encodeTable(preprocessing, table);
  const { rows, data } = await working(output, `encoding ${counted(table.rowCount, "row")}`, encode, { isLong });
  await withModel(output, saved, flags.device, async (model, device) => {
    describeSavedModel(output, device, saved, modelFile);
    const dropped = table.rowCount - rows.length;
    output.info("data", `${table.place}: ${counted(rows.length, "row")}, ${dropped} with missing cells dropped`);
    const { loss, replicas } = await working(output, "evaluating the loss", () => model.evaluate(data));
    const predict = () => predictionsOf(model, preprocessing, data.inputs);
    const score = scorePredictions(preprocessing, await working(output, "predicting", predict), data);
    for (const line of scoreLines(score)) output.result("score", line);
    output.result("loss", `${short(loss)} (${model.network.loss})`);
    output.record({ command: "evaluate", rows: rows.length, dropped, score, loss, replicas });
  });
}

export function addEvaluateCommand(program: Command): void {
  program
    .command("evaluate")
    .argument("<model>", "file that thalweg train wrote")
    .argument("<file>", "table with the columns and the target of the training, or - for stdin")
    .summary("score a model on rows whose target is known")
    .usage("MODEL FILE [options]")
    .description(examples.trim())
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option("--json", "print one JSON object instead of text")
    .option("--quiet", "print the result only")
    .action(evaluate);
}
