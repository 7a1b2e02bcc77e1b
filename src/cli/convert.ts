import path from "node:path";
import type { Command } from "commander";
import { encodeModel, encodeOnnx, isForeignModel, readTable, type SavedModel, type Table } from "../data.ts";
import { type ActivationName, activationNames, describeArchitecture, InvalidInput, nameOf } from "../node.ts";
import { openModelFile, placeOf, readBytes } from "./files.ts";
import { name } from "./flags.ts";
import { byteSize, counted, grouped } from "./numbers.ts";
import { createOutput, type Output } from "./output.ts";
import { claimOutput } from "./outputFile.ts";
import { type Rows, tableEncoder } from "./tableFile.ts";

interface ConvertFlags {
  readonly activation?: ActivationName;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const ownModel = (bytes: Uint8Array): boolean => bytes[8] === "{".charCodeAt(0);
const isModel = (bytes: Uint8Array): boolean => ownModel(bytes) || isForeignModel(bytes);
const neverOwn = { expected: "none that exists", describe: () => undefined };

const convertExamples = `Examples:
  thalweg convert flights.parquet flights.csv
  thalweg convert model.onnx model.safetensors
`;
const inspectExamples = `Examples:
  thalweg inspect flights.parquet
  thalweg inspect model.onnx --json
`;

const rowsOf = ({ columns, rowCount }: Table): Rows => ({
  names: columns.map((column) => column.name),
  rows: Array.from({ length: rowCount }, (_, row) => columns.map(({ cells }) => cells[row])),
});

/** @returns what writes a model to a file of this name; undefined of one that holds no model */
function modelEncoder(
  file: string,
): ((model: Pick<SavedModel, "network" | "members" | "parameters">) => Uint8Array) | undefined {
  const ending = path.extname(file).toLowerCase();
  if (ending === ".onnx") return encodeOnnx;
  return ending === ".safetensors" ? encodeModel : undefined;
}

async function convert(input: string, target: string, flags: ConvertFlags): Promise<void> {
  const output = createOutput(flags);
  const bytes = await readBytes(input, "a model or a table");
  const toModel = modelEncoder(target);
  if (!isModel(bytes) && toModel) {
    const fix = "choose an OUT that ends in .csv, .json, .ndjson or .npy";
    throw new InvalidInput({ place: target, expected: "a file for a table", got: "one for a model", fix });
  }
  if (isModel(bytes) && !toModel) {
    const fix = "choose an OUT that ends in .onnx or .safetensors; thalweg export writes JavaScript, C, WGSL and pages";
    throw new InvalidInput({ place: target, expected: "a file for a model", got: "one for a table", fix });
  }
  const file = claimOutput({ file: target, flag: "OUT", kind: neverOwn, inputs: [input], force: false });
  const { activation } = flags;
  const written = toModel
    ? toModel(await openModelFile(input, { ...(activation && { activation }) }))
    : tableEncoder(target, "OUT")(rowsOf(await readTable(bytes, placeOf(input))));
  file.write(written, true);
  output.result("written", `${file.path} (${byteSize(written.length)})`);
  output.record({ command: "convert", file: file.path, bytes: written.length });
}

async function inspectModel(output: Output, file: string, flags: ConvertFlags): Promise<void> {
  const { activation } = flags;
  const model = await openModelFile(file, { ...(activation && { activation }) });
  const { network, members } = model;
  const loss = nameOf(network.loss);
  output.result("model", describeArchitecture(network));
  output.result("loss", loss);
  output.result("sizes", `${counted(members, "member")} of ${grouped(network.parameterCount)} parameters`);
  const sizes = { inputs: network.inputs, outputs: network.outputs, parameters: network.parameterCount };
  output.record({
    command: "inspect",
    kind: "model",
    architecture: describeArchitecture(network),
    loss,
    members,
    ...sizes,
  });
}

/** What the cells of a column are. */
function typeOf({ cells, nested }: Table["columns"][number]): string {
  if (nested) return "lists or objects";
  const types = [...new Set(cells.map((cell) => (cell === null ? "missing" : typeof cell)))];
  return types.sort().join(", ");
}

async function inspectTable(output: Output, bytes: Uint8Array, place: string): Promise<void> {
  const table = await readTable(bytes, place);
  const columns = table.columns.map((column) => ({ name: column.name, type: typeOf(column) }));
  output.result("table", `${table.format}, ${counted(table.rowCount, "row")}, ${counted(columns.length, "column")}`);
  for (const { name: own, type } of columns.slice(0, 100)) output.result("column", `${JSON.stringify(own)}: ${type}`);
  if (columns.length > 100) output.result("", `and ${columns.length - 100} more`);
  for (const note of table.notes) output.info("note", note);
  output.record({ command: "inspect", kind: "table", format: table.format, rows: table.rowCount, columns });
}

async function inspect(file: string, flags: ConvertFlags): Promise<void> {
  const output = createOutput(flags);
  const bytes = await readBytes(file, "a model or a table");
  output.result("file", `${placeOf(file)}, ${byteSize(bytes.length)}`);
  if (isModel(bytes)) await inspectModel(output, file, flags);
  else await inspectTable(output, bytes, placeOf(file));
}

function addCommonOptions(command: Command): Command {
  return command
    .option(
      "--activation <name>",
      "of the hidden layers of a state_dict or .weights.h5, which do not say it (default: relu)",
      name("--activation", activationNames),
    )
    .option("--json", "print one JSON object instead of text")
    .option("--quiet", "print the result only");
}

export function addConvertCommands(program: Command): void {
  const command = program
    .command("convert")
    .argument("<in>", "a model (safetensors, ONNX, Keras, TensorFlow.js) or a table")
    .argument("<out>", "a new file: .safetensors or .onnx of a model, .csv, .json, .ndjson or .npy of a table")
    .summary("write a model or a table in another format")
    .usage("IN OUT [options]")
    .description(convertExamples.trim());
  addCommonOptions(command).action(convert);
  const second = program
    .command("inspect")
    .argument("<file>", "a model or a table")
    .summary("say what a file holds")
    .usage("FILE [options]")
    .description(inspectExamples.trim());
  addCommonOptions(second).action(inspect);
}
