import { requireName } from "../graph/network.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { describeStep } from "./describeStep.ts";
import type { StepLine, StepOptions } from "./stepLine.ts";
import { writeCsv } from "./writeCsv.ts";
import { writeMarkdown } from "./writeMarkdown.ts";
import { writeMathml } from "./writeMathml.ts";
import { writeTex } from "./writeTex.ts";
import { writeText } from "./writeText.ts";

/** How a step is written out. */
export type ExplainFormat = "text" | "markdown" | "tex" | "mathml" | "csv";

export interface ExplainStepOptions extends StepOptions<AnyNetwork> {
  readonly format: ExplainFormat;
}

const writers: Record<ExplainFormat, (lines: readonly StepLine[], network: AnyNetwork) => string> = {
  text: writeText,
  markdown: writeMarkdown,
  tex: writeTex,
  mathml: writeMathml,
  csv: writeCsv,
};

/**
 * Writes out one step of plain gradient descent: every formula, the same with numbers, the result; with a device trace,
 * its float32 results beside, the digits that differ marked.
 * @throws InvalidInput on an unknown format, more than 400 parameters, or a trace that is not of this network, row and
 * learning rate
 */
export function explainStep(options: ExplainStepOptions): string {
  requireName("explainStep: format", options.format, Object.keys(writers));
  return writers[options.format](describeStep(options), options.network);
}
