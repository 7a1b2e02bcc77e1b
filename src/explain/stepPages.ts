import { type AnyNetwork, describeArchitecture, isGraph } from "../graph/graphNetwork.ts";
import { nameOf } from "../graph/network.ts";
import type { Network } from "../graph/network.ts";
import { activationFormulas } from "./activationFormulas.ts";
import type { Meaning } from "./activationFormulas.ts";
import { lossMeaning } from "./lossFormulas.ts";
import type { StepLine } from "./stepLine.ts";

/** Lines under one heading, as every format shows them. */
export interface StepPage {
  readonly title: string;
  /** What functions in its formulas stand for. */
  readonly meaning?: Meaning;
  readonly lines: readonly StepLine[];
}

/** `One step of gradient descent: network 2-2-2-1, loss squaredError`. */
export const titleOf = (network: AnyNetwork): string =>
  `One step of gradient descent: network ${describeArchitecture(network)}, loss ${nameOf(network.loss)}`;

/** What stands above the lines where a device's results are beside those of float64. */
export const comparisonNote = (mark: string): string =>
  "Results in float64, and by the device in float32 (nine digits); " +
  `digits in which float32 differs are ${mark}. The device keeps no ∂L/∂a and no a′.`;

function layerTitle({ section, layer = 0 }: StepLine, { layers }: Network): string {
  const { activation } = layers[layer]!;
  const place = `layer ${layer + 1} of ${layers.length} (${nameOf(activation)})`;
  if (section === "forward") return `Forward, ${place}: sums z, activations a`;
  return `Backward, ${place}: δ = ∂L/∂z = ∂L/∂a · a′`;
}

function titleOfLine(line: StepLine, network: AnyNetwork): string {
  if (line.page) return line.page.title;
  switch (line.section) {
    case "given":
      return "Given";
    case "loss":
      return `Loss: ${nameOf(network.loss)}`;
    case "gradients":
      return "Gradients: ∂L/∂w = δ of the node it enters · value it carries; ∂L/∂b = δ";
    case "update":
      return "Update: parameter ← parameter − η · gradient";
    default:
      return layerTitle(line, network as Network); // lines of graphs have a title of their own
  }
}

function meaningOf({ section, layer, page }: StepLine, network: AnyNetwork): Meaning | undefined {
  if (page || isGraph(network)) return page?.meaning;
  const { layers, loss } = network;
  if (section === "loss") return lossMeaning(loss, "loss");
  if (layer === undefined) return undefined;
  const isLast = section === "factors" && layer === layers.length - 1;
  return activationFormulas(layers[layer]!.activation).meaning ?? (isLast ? lossMeaning(loss, "slope") : undefined);
}

/** Groups the lines of a step under headings, in their order. */
export function pagesOf(lines: readonly StepLine[], network: AnyNetwork): StepPage[] {
  const pages: { title: string; meaning?: Meaning; lines: StepLine[] }[] = [];
  for (const line of lines) {
    const title = titleOfLine(line, network);
    const meaning = meaningOf(line, network);
    if (pages.at(-1)?.title !== title) pages.push({ title, ...(meaning && { meaning }), lines: [] });
    pages.at(-1)!.lines.push(line);
  }
  return pages;
}
