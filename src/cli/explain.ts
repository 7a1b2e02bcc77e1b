import type { Command } from "commander";
import { inputNames } from "../data.ts";
import {
  type DeviceChoice,
  type FloatArray,
  InvalidInput,
  type AnyNetwork,
  createModel,
  deviceChoices,
  network,
} from "../node.ts";
import { explain as explainStep, workedExample } from "../explain.ts";
import { describeDevice } from "./describe.ts";
import { openDevice, readModelFile } from "./files.ts";
import { name, number, numberList } from "./flags.ts";
import { createOutput } from "./output.ts";
import { working } from "./work.ts";

const examples = `Examples:
  thalweg explain --format markdown
  thalweg explain --model xor.safetensors --input 1,0.5 --target 0
`;
const notes = `
Without --model it explains the worked example: a 2-2-2-1 network with sigmoid activations. --input and --target are the numbers that
the network gets: standardised values, one-hot categories, or category indices for embeddings. The step is plain gradient descent.
`;

const formats = ["text", "markdown", "tex", "mathml", "csv"] as const;

interface ExplainFlags {
  readonly model?: string;
  readonly input?: number[];
  readonly target?: number[];
  readonly learningRate?: number;
  readonly format: (typeof formats)[number];
  readonly device: DeviceChoice;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** A network, its parameters, and the row to take a step with. */
interface Row {
  readonly subject: { readonly network: AnyNetwork; readonly parameters: FloatArray };
  readonly input: readonly number[];
  readonly target: readonly number[];
}

function requireLength(
  flag: string,
  values: readonly number[] | undefined,
  names: readonly string[],
): readonly number[] {
  if (values?.length === names.length) return values;
  const expected = `${names.length} numbers: ${names.join(", ").slice(0, 300)}`;
  const got = values === undefined ? "none" : String(values.length);
  throw new InvalidInput({ place: `explain: ${flag}`, expected, got, fix: "separate them by commas: 1,0.5" });
}

const numbered = (count: number, letter: string): string[] =>
  Array.from({ length: count }, (_, k) => `${letter}${k + 1}`);

/** A saved model, whose row must be given, or the worked example, whose row may be replaced. */
async function readRow(flags: ExplainFlags): Promise<Row> {
  if (flags.model === undefined) {
    const subject = { network: network(workedExample.network), parameters: workedExample.parameters };
    const { input = [...workedExample.input], target = [...workedExample.target] } = flags;
    return {
      subject,
      input: requireLength("--input", input, ["x1", "x2"]),
      target: requireLength("--target", target, ["y"]),
    };
  }
  const subject = await readModelFile(flags.model);
  const { preprocessing, network: architecture } = subject;
  const inputs = preprocessing ? inputNames(preprocessing) : numbered(architecture.inputs, "x");
  const input = requireLength("--input", flags.input, inputs);
  return { subject, input, target: requireLength("--target", flags.target, numbered(architecture.outputs, "y")) };
}

async function explain(flags: ExplainFlags): Promise<void> {
  const output = createOutput(flags);
  const { format, learningRate = workedExample.learningRate } = flags;
  const { subject, input, target } = await readRow(flags);
  const device = await openDevice(output, flags.device);
  try {
    describeDevice(output, device);
    const parameters = subject.parameters.slice(0, subject.network.parameterCount); // of the first member
    const model = await createModel(subject.network, { device, parameters });
    const request = { input, target, learningRate, format, parameters };
    const text = await working(output, "explaining the step", () => explainStep(model, request));
    output.write(text.endsWith("\n") ? text : `${text}\n`);
    output.record({ command: "explain", format, text });
    model.dispose();
  } finally {
    device.dispose();
  }
}

export function addExplainCommand(program: Command): void {
  program
    .command("explain")
    .summary("print one training step: every formula with its numbers")
    .description(examples.trim())
    .option("--model <file>", "file that thalweg train wrote (default: the worked example)")
    .option("--input <numbers>", "one row of inputs", numberList("--input"))
    .option("--target <numbers>", "one row of targets", numberList("--target"))
    .option("--learning-rate <rate>", "(default: 0.5)", number("--learning-rate"))
    .option("--format <format>", formats.join(", "), name("--format", formats), "text")
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option("--json", "print one JSON object instead of text")
    .option("--quiet", "print the result only")
    .addHelpText("after", notes)
    .action(explain);
}
