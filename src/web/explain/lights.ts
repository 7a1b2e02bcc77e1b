// Which parts of the drawing a symbol belongs to, and the way a gradient takes back from the loss.

import { type StepLine, symbolsIn } from "../../explain.ts";
import { learningRateName, names, parameters } from "./numbers.ts";

/** Name of a part of the drawing: an input, a weight's link, a bias, a node, the target, the loss, the learning rate. */
export type Part = string;

const nodes = names.nodes.flat();
const lossPart = "L";

/** Every symbol of a step → the part that it is drawn at. */
const partOfSymbol: ReadonlyMap<string, Part> = new Map([
  ...[...names.inputs, ...names.targets, lossPart, learningRateName].map((name) => [name, name] as const),
  ...nodes.flatMap((name) =>
    [`z_${name}`, `a_${name}`, `a′_${name}`, `δ_${name}`, `∂L/∂a_${name}`].map((symbol) => [symbol, name] as const),
  ),
  ...parameters.flatMap(({ name }) => [name, `∂L/∂${name}`].map((symbol) => [symbol, name] as const)),
]);

/** The part that a symbol is drawn at. */
export const partOf = (symbol: string): Part | undefined => partOfSymbol.get(symbol);

const partsOf = (symbols: readonly string[]): Part[] =>
  symbols.map(partOf).filter((part): part is Part => part !== undefined);

/** Parts that a stop's lines speak of: their quantities, and what their formulas take. */
export function partsOfLines(lines: readonly StepLine[]): ReadonlySet<Part> {
  const symbols = lines.flatMap(({ quantity, formula }) => [quantity.text, ...(formula ? symbolsIn(formula) : [])]);
  return new Set(partsOf(symbols));
}

const gradientLine = (lines: readonly StepLine[], name: string): StepLine =>
  lines.find(({ section, quantity }) => section === "gradients" && quantity.text === `∂L/∂${name}`)!;

/** Parts in the chain of ∂L/∂w, from the loss to the value that the weight multiplies, which comes last. */
function chainOf(lines: readonly StepLine[], weight: string): Part[] {
  const { chain, formula } = gradientLine(lines, weight);
  return partsOf(symbolsIn(chain ?? formula!));
}

/** What δ of a node is made of: the chain of a weight that enters it, without the value that comes in. */
function pathToNode(lines: readonly StepLine[], layer: number, node: number): Part[] {
  const weight = parameters.find(({ layer: own, to, from }) => own === layer && to === node && from !== undefined)!;
  return [...chainOf(lines, weight.name).slice(0, -1), names.nodes[layer]![node]!, lossPart];
}

/** The whole way of a part's gradient back from the loss; of an input, a target or the loss only itself. */
export function pathOf(lines: readonly StepLine[], part: Part): ReadonlySet<Part> {
  const parameter = parameters.find(({ name }) => name === part);
  if (parameter?.from !== undefined) return new Set([...chainOf(lines, part), part, lossPart]);
  if (parameter) return new Set([...pathToNode(lines, parameter.layer, parameter.to), part]);
  const layer = names.nodes.findIndex((own) => own.includes(part));
  if (layer >= 0) return new Set(pathToNode(lines, layer, names.nodes[layer]!.indexOf(part)));
  return new Set([part]);
}
