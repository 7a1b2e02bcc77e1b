import { type AnyNetwork, isGraph } from "../graph/graphNetwork.ts";
import type { LayerShape, Network } from "../graph/network.ts";
import { activationFormulas } from "./activationFormulas.ts";
import { chainRule } from "./chainRule.ts";
import { describeGraph } from "./describeGraph.ts";
import { difference, product, sum, symbol } from "./expression.ts";
import { lossFormulas } from "./lossFormulas.ts";
import { nodeNames, parameterNames } from "./names.ts";
import type { NodeNames, ParameterName } from "./names.ts";
import { requireExplainable, requireFit } from "./requireExplainable.ts";
import { lineOf, type StepLine, type StepOptions } from "./stepLine.ts";
import { readSymbols } from "./stepSymbols.ts";
import type { NodeSymbols, StepSymbols } from "./stepSymbols.ts";

const noteOf = ({ from, to, layer }: ParameterName, { inputs, nodes }: NodeNames): string => {
  const target = nodes[layer]![to]!;
  return from === undefined ? target : `${(nodes[layer - 1] ?? inputs)[from]!} → ${target}`;
};

function describeGiven(symbols: StepSymbols, names: NodeNames, parameters: readonly ParameterName[]): StepLine[] {
  return [
    ...symbols.inputs.map((input) => lineOf({ note: "input" }, input)),
    ...symbols.targets.map((target) => lineOf({ note: "target" }, target)),
    lineOf({ note: "learning rate" }, symbols.learningRate),
    ...parameters.map((parameter) => {
      const { before, deviceBefore } = symbols.parameters[parameter.index]!;
      return lineOf({ note: noteOf(parameter, names) }, before, undefined, deviceBefore);
    }),
  ];
}

function describeForward(shape: LayerShape, symbols: StepSymbols): StepLine[] {
  const where = { section: "forward", layer: shape.index } as const;
  const sources = symbols.sources(shape.index);
  const nodes = symbols.layers[shape.index]!;
  const sums = nodes.map(({ preActivation, device }, to) => {
    const terms = sources.map((source, from) => product(symbols.weight(shape, from, to), source));
    return lineOf(where, preActivation, sum(...terms, symbols.bias(shape, to)), device?.preActivation);
  });
  const activations = nodes.map(({ preActivation, activation, device }) => {
    const { formula, ...branch } = activationFormulas(shape.activation).activation(preActivation);
    return lineOf({ ...where, ...branch }, activation, formula, device?.activation);
  });
  return [...sums, ...activations];
}

function describeLoss(network: Network, symbols: StepSymbols): StepLine[] {
  const section = "loss";
  const { parts, loss } = lossFormulas(network.loss, symbols.outputs);
  return [
    ...parts.map(({ quantity, formula, ...branch }) => lineOf({ section, ...branch }, quantity, formula)),
    lineOf({ section }, symbols.loss.value, loss.formula, symbols.loss.device),
  ];
}

/** ∂L/∂a of a node: by the loss in the last layer, else by the nodes it feeds. */
function outputDerivative(network: Network, symbols: StepSymbols, shape: LayerShape, node: number) {
  const next = network.layers[shape.index + 1];
  if (next === undefined) return lossFormulas(network.loss, symbols.outputs).dOutputs[node]!;
  const terms = symbols.layers[next.index]!.map(({ dPreActivation }, to) =>
    product(dPreActivation, symbols.weight(next, node, to)),
  );
  return { formula: sum(...terms) };
}

function describeFactors(network: Network, shape: LayerShape, symbols: StepSymbols): StepLine[] {
  const where = { section: "factors", layer: shape.index } as const;
  const slopeOf = activationFormulas(shape.activation).slope;
  return symbols.layers[shape.index]!.flatMap((node: NodeSymbols, index) => {
    const { preActivation, activation, dActivation, slope, dPreActivation, device } = node;
    const { formula: outer, ...outerBranch } = outputDerivative(network, symbols, shape, index);
    const { formula: inner, ...innerBranch } = slopeOf(preActivation, activation);
    return [
      lineOf({ ...where, ...outerBranch }, dActivation, outer),
      lineOf({ ...where, ...innerBranch }, slope, inner),
      lineOf(where, dPreActivation, product(dActivation, slope), device?.dPreActivation),
    ];
  });
}

function describeGradient(network: Network, symbols: StepSymbols, parameter: ParameterName): StepLine {
  const { index, layer, from, to } = parameter;
  const { gradient, deviceGradient } = symbols.parameters[index]!;
  const delta = symbols.layers[layer]![to]!.dPreActivation;
  if (from === undefined) return lineOf({ section: "gradients" }, gradient, delta, deviceGradient);
  const source = symbols.sources(layer)[from]!;
  const chain = product(chainRule(network, symbols, layer, to), source);
  return lineOf({ section: "gradients", chain }, gradient, product(delta, source), deviceGradient);
}

function describeUpdate(symbols: StepSymbols, { index }: ParameterName): StepLine {
  const { before, gradient, after, deviceAfter } = symbols.parameters[index]!;
  const formula = difference(before, product(symbols.learningRate, gradient));
  return lineOf({ section: "update", relation: "←" }, symbol(before.text, before.tex, after), formula, deviceAfter);
}

/**
 * Every quantity of one step of plain gradient descent as a line with its formula, the formula with numbers, and its
 * value: what is given, forward sums and activations, the loss, derivative factors, gradients, the update. Of a graph every value
 * that forward and backward compute: v1, v2, … and ∂L by them.
 * @throws InvalidInput on more than 400 parameters, or a trace that is not of this network, row and learning rate
 */
export function describeStep(options: StepOptions<AnyNetwork>): StepLine[] {
  const { network } = options;
  requireExplainable(options);
  const lines = isGraph(network) ? describeGraph({ ...options, network }) : describeLayers({ ...options, network });
  for (const { section, quantity, formula, result } of lines) {
    if (section !== "loss" && formula) requireFit(quantity.text, formula, result);
  }
  return lines;
}

function describeLayers(options: StepOptions): StepLine[] {
  const { network } = options;
  const names = nodeNames(network, options.names);
  const parameters = parameterNames(network);
  const symbols = readSymbols(options, names, parameters);
  return [
    ...describeGiven(symbols, names, parameters),
    ...network.layers.flatMap((shape) => describeForward(shape, symbols)),
    ...describeLoss(network, symbols),
    ...network.layers.toReversed().flatMap((shape) => describeFactors(network, shape, symbols)),
    ...parameters.map((parameter) => describeGradient(network, symbols, parameter)),
    ...parameters.map((parameter) => describeUpdate(symbols, parameter)),
  ];
}
