import type { Command } from "commander";
import { encodeTable, requireMetrics, scorePredictions, toPredictions } from "../data.ts";
import { deviceChoices, nameOf } from "../node.ts";
import { encodingLines } from "./encodingLines.ts";
import { readModelFile, readTableFile } from "./files.ts";
import { name } from "./flags.ts";
import { addMetricsOption } from "./metrics.ts";
import { counted, short } from "./numbers.ts";
import { createOutput } from "./output.ts";
import { scoreLines } from "./scoreLines.ts";
import { addReadOptions, readOptionsForModel } from "./readFlags.ts";
import { type UseFlags, describeSavedModel, requirePreprocessing, withModel } from "./savedModel.ts";
import { working } from "./work.ts";

const examples = `Examples:
  thalweg evaluate penguins.safetensors more-penguins.json --metrics f1,rocAuc
  thalweg evaluate cars.safetensors test.csv --json --device cpu
`;

async function evaluate(modelFile: string, file: string, flags: UseFlags): Promise<void> {
  const output = createOutput(flags);
  const saved = await readModelFile(modelFile);
  const preprocessing = requirePreprocessing(saved, modelFile);
  requireMetrics("evaluate", flags.metrics ?? [], preprocessing);
  const table = await readTableFile(output, file, readOptionsForModel(flags, preprocessing));
  const encoded = await working(output, `encoding ${counted(table.rowCount, "row")}`, (onProgress) =>
    encodeTable(preprocessing, table, { strict: flags.strict ?? false, onProgress }),
  );
  const { rows, data, filled, withoutCategory, unseen, unseenCount, withoutTarget } = encoded;
  await withModel(output, saved, flags.device, async (model, device) => {
    describeSavedModel(output, device, saved, modelFile);
    const dropped = table.rowCount - rows.length;
    const without = withoutTarget > 0 ? `, ${withoutTarget} of them without a target` : "";
    output.info(
      "data",
      `${table.place}: ${counted(rows.length, "row")}, ${dropped} with missing cells dropped${without}`,
    );
    for (const line of [...table.notes, ...encodingLines(encoded)]) output.info("note", line);
    const { loss, losses, accuracies } = await working(output, "evaluating the loss", () => model.evaluate(data));
    const predict = async () => toPredictions(preprocessing, await model.predict(data.inputs), model.members);
    const score = scorePredictions(preprocessing, await working(output, "predicting", predict), data, flags);
    for (const [index, line] of scoreLines(score).entries()) {
      output.result(index === 0 || score.kind === "number" ? "score" : "", line);
    }
    output.result("loss", `${short(loss)} (${nameOf(model.network.loss)})`);
    const members = Array.from(losses, (own, member) => ({ loss: own, accuracy: accuracies?.[member] }));
    const told = { rows: rows.length, dropped, withoutTarget, filled, withoutCategory, unseen, unseenCount };
    output.record({ command: "evaluate", ...told, score, loss, members });
  });
}

export function addEvaluateCommand(program: Command): void {
  const command = program
    .command("evaluate")
    .argument("<model>", "file that thalweg train wrote")
    .argument("<file>", "table with the training columns and the target, or - for stdin")
    .summary("evaluate a model on rows with known targets")
    .usage("MODEL FILE [options]")
    .description(examples.trim());
  addMetricsOption(addReadOptions(command))
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option("--strict", "fail on categories that were not seen in training")
    .option("--json", "print one JSON object instead of text")
    .option("--quiet", "print the result only")
    .action(evaluate);
}
