import path from "node:path";
import process from "node:process";
import type { Command } from "commander";
import { type BufferPlace, exportModule, type ModuleForm, moduleForms } from "../data.ts";
import { describeArchitecture, InvalidInput, nameOf } from "../node.ts";
import { placeOf, readModelFile } from "./files.ts";
import { integer, name } from "./flags.ts";
import { byteSize } from "./numbers.ts";
import { createOutput } from "./output.ts";
import { claimOutput, describeKept, describeOutputs, exportKind } from "./outputFile.ts";

const examples = `Examples:
  thalweg export penguins.safetensors --output penguins.html
  thalweg export penguins.safetensors --to js > penguins.mjs
  thalweg export brdf.safetensors --to wgsl --name brdf
`;
const notes = `
The exported file does not need thalweg:
  js    a module: predict(x), and predictRow({ column: value }) for models from thalweg train
  c     void NAME(const float x[], float y[])
  wgsl  fn NAME(x: array<f32, …>) -> array<f32, …>, to paste into a shader
  html  a page with a form, which works offline
  onnx  for ONNX Runtime and other ONNX readers
Results match thalweg predict: class probabilities or outputs; js and html use the units of the table.
`;

interface ExportFlags {
  readonly to?: ModuleForm;
  readonly output?: string;
  readonly name?: string;
  readonly member?: number;
  readonly weights?: BufferPlace;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const endings: ReadonlyMap<string, ModuleForm> = new Map([
  ...moduleForms.map((form) => [`.${form}`, form] as const),
  [".mjs", "js"],
  [".h", "c"],
  [".htm", "html"],
]);

function formOf({ to, output }: ExportFlags): ModuleForm {
  const form = to ?? (output === undefined ? undefined : endings.get(path.extname(output).toLowerCase()));
  if (form !== undefined) return form;
  const got = output === undefined ? "none" : `none, and --output ${output}`;
  const fix = "pass --to js, or an --output that ends in .js, .c, .wgsl, .html or .onnx";
  throw new InvalidInput({ place: "--to", expected: `one of ${moduleForms.join(", ")}`, got, fix });
}

function bufferPlace(text: string): BufferPlace {
  const [, group, binding] = /^\s*(\d{1,3})\s*,\s*(\d{1,3})\s*$/.exec(text) ?? [];
  if (group !== undefined && binding !== undefined) return { group: Number(group), binding: Number(binding) };
  const expected = "group and binding of a storage buffer";
  throw new InvalidInput({ place: "--weights", expected, got: JSON.stringify(text), fix: "write it like 0,1" });
}

async function run(modelFile: string, flags: ExportFlags): Promise<void> {
  const output = createOutput(flags);
  const to = formOf(flags);
  const { output: target, force = false } = flags;
  if (target === undefined && to === "onnx" && (process.stdout.isTTY || flags.json)) {
    const fix = "pass --output model.onnx";
    throw new InvalidInput({ place: "--output", expected: "a file, since ONNX is binary", got: "none", fix });
  }
  const file =
    target === undefined
      ? undefined
      : claimOutput({ file: target, flag: "--output", kind: exportKind, inputs: [modelFile], force });
  const saved = await readModelFile(modelFile);
  const { network } = saved;
  output.info("model", `${placeOf(modelFile)}: ${describeArchitecture(network)}, loss ${nameOf(network.loss)}`);
  const { name: functionName, member, weights } = flags;
  const options = {
    ...(functionName !== undefined && { name: functionName }),
    ...(member !== undefined && { member }),
  };
  const written = exportModule(saved, { to, ...options, ...(weights && { weights }) });
  const bytes = typeof written === "string" ? new TextEncoder().encode(written) : written;
  if (file) {
    describeOutputs(output, [file], force);
    const kept = file.write(bytes, true);
    output.result("written", `${file.path} (${byteSize(bytes.length)})${describeKept(kept)}`);
    output.record({ command: "export", to, file: file.path, bytes: bytes.length });
  } else if (typeof written === "string") {
    output.write(written);
    output.record({ command: "export", to, source: written });
  } else process.stdout.write(bytes);
}

export function addExportCommand(program: Command): void {
  program
    .command("export")
    .argument("<model>", "file that thalweg train wrote")
    .summary("export a model as JavaScript, C, WGSL, HTML or ONNX")
    .usage("MODEL --to FORM [options]")
    .description(examples.trim())
    .option(
      "--to <form>",
      `${moduleForms.join(", ")} (default: from the extension of --output)`,
      name("--to", moduleForms),
    )
    .option("--output <file>", "output file (default: stdout)")
    .option("--name <name>", "function name in c and wgsl (default: network)")
    .option("--member <number>", "member to export, counted from 0", integer("--member", 0))
    .option("--weights <group,binding>", "for wgsl: read the parameters from this storage buffer", bufferPlace)
    .option("--force", "replace an existing file without keeping a .bak copy")
    .option("--json", "print one JSON object instead of text")
    .option("--quiet", "print the result only")
    .addHelpText("after", notes)
    .action(run);
}
