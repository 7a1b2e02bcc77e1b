import type { Preparation } from "../../../math/primitive.ts";
import { dropThreshold } from "../../dropout.ts";
import {
  type Drop,
  type LayerShape,
  type Loss,
  type Network,
  widthsOf,
  isRowWise,
  targetWidth,
} from "../../../graph/network.ts";
import { callsOf, f32Text, preparationOf, wgslNameOf } from "./emitFunctions.ts";
import { isNamed } from "./networkLayout.ts";

// What the straight-line WGSL of one network is put together from: names, the layers forward, the loss of a sample. Only
// validated integers and names of the project go into the text.

/**
 * Samples that an invocation takes at once where parameters lie in memory: each is then loaded, and its gradient stored, once for
 * all of them. The sums keep their order.
 */
const samplesAtOnce = 2;

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** How the text calls the parameters of one layer. Units are counted from 1. */
interface Names {
  readonly weight: (from: number, to: number) => string;
  readonly bias: (to: number) => string;
}

/** The gradient by a parameter, by either kind of name. */
export const gradientOf = (name: string): string => `d${name}`;

export function namesOf(network: Network, { index, fanOut, weightsOffset, biasOffset }: LayerShape): Names {
  if (isNamed(network)) {
    const layer = index + 1;
    return {
      weight: (from, to) => `w${layer}_${from}_${to}`,
      bias: (to) => `b${layer}_${to}`,
    };
  }
  return {
    weight: (from, to) => `p[${weightsOffset + (from - 1) * fanOut + to - 1}]`,
    bias: (to) => `p[${biasOffset + to - 1}]`,
  };
}

/** A layer's parameters in their order: weights [fanIn, fanOut], then bias. */
export function parametersOf(network: Network, layer: LayerShape): string[] {
  const { weight, bias } = namesOf(network, layer);
  const weights = upTo(layer.fanIn).flatMap((from) => upTo(layer.fanOut).map((to) => weight(from, to)));
  return [...weights, ...upTo(layer.fanOut).map((to) => bias(to))];
}

/** What is appended to the names of a sample's values: nothing where samples are taken one by one. */
export type Sample = string;

export const samplesOf = (network: Network): Sample[] =>
  isNamed(network) ? [""] : upTo(samplesAtOnce).map((sample) => `_s${sample}`);

/** Activation of a unit; layer 0 is the input. */
export const unit = (layer: number, at: number, sample: Sample): string =>
  layer === 0 ? `x_${at}${sample}` : `a${layer}_${at}${sample}`;

/** Activation of a unit before dropout takes it. */
export const undropped = ({ index, drop }: LayerShape, at: number, sample: Sample): string =>
  drop ? `h${index + 1}_${at}${sample}` : unit(index + 1, at, sample);

/** What dropout multiplies a unit by. */
export const maskOf = (layer: number, at: number, sample: Sample): string => `k${layer}_${at}${sample}`;

/** The factors of the units of a layer: 0, or 1 / (1 − rate). Two units share a word. */
function masksOf(layer: number, count: number, { rate, stream }: Drop, sample: Sample): string[] {
  const key = `maskKey${stream}`;
  const word = (pair: number): string => `q${layer}_${pair}${sample}`;
  const pairs = Array.from({ length: Math.ceil(count / 2) }, (_, pair) => pair);
  const half = (at: number): string =>
    at % 2 === 1 ? `(${word((at - 1) >> 1)} & 0xffffu)` : `(${word((at - 1) >> 1)} >> 16u)`;
  return [
    `  let q${layer}${sample} = maskState(${key}, place${sample});`,
    ...pairs.map((pair) => `  let ${word(pair)} = maskWord(${key}, q${layer}${sample}, ${pair}u);`),
    ...upTo(count).map(
      (at) =>
        `  let ${maskOf(layer, at, sample)} = select(0.0, ${f32Text(1 / (1 - rate))}, ${half(at)} >= ${dropThreshold(rate)}u);`,
    ),
  ];
}

/** `fma(a, b, fma(c, d, e · f))`: the sum of products in order. */
export const sumOfProducts = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.slice(1).reduce((sum, [left, right]) => `fma(${left}, ${right}, ${sum})`, `${pairs[0]![0]} * ${pairs[0]![1]}`);

/** A function without a result that does one thing with every parameter; `at` is its place. */
export function forEach(
  network: Network,
  head: string,
  line: (name: string, gradient: string, at: string) => string,
): string {
  if (!isNamed(network)) {
    const loop = `  for (var at = 0u; at < PARAMETERS; at++) {\n    ${line("p[at]", "dp[at]", "at")}\n  }`;
    return `fn ${head} {\n${loop}\n}`;
  }
  const names = network.layers.flatMap((layer) => parametersOf(network, layer));
  return `fn ${head} {\n${names.map((name, at) => `  ${line(name, gradientOf(name), `${at}u`)}`).join("\n")}\n}`;
}

/**
 * Prepares arguments where one of them may need it, told by the sum of their squares. They move up in turn, until each is in its place
 * again, so that what it takes to prepare one stands in the code once.
 */
const prepare = (values: readonly string[], { wgsl, from }: Preparation): string[] => [
  `  for (var left = select(0u, ${values.length}u, ${sumOfProducts(values.map((value) => [value, value]))} >= ${from ** 2}.0); left > 0u; left--) {`,
  `    let prepared = ${wgsl}(${values[0]!});`,
  ...values.map((value, at) => `    ${value} = ${values[at + 1] ?? "prepared"};`),
  "  }",
];

export function forwardOf(network: Network, shape: LayerShape, sample: Sample): string[] {
  const { index, fanIn, fanOut, activation } = shape;
  const { weight, bias } = namesOf(network, shape);
  const layer = index + 1;
  const preparation = preparationOf(activation);
  const declare = preparation ? "var" : "let";
  const z = (to: number): string => `z${layer}_${to}${sample}`;
  const sums = upTo(fanOut).map((to) => {
    const pairs = upTo(fanIn).map((from) => [weight(from, to), unit(index, from, sample)] as const);
    return `  ${declare} ${z(to)} = ${sumOfProducts(pairs)} + ${bias(to)};`;
  });
  if (preparation) sums.push(...prepare(upTo(fanOut).map(z), preparation));
  const { forward } = callsOf(network, activation);
  const activations = upTo(fanOut).map((to) => `  let ${undropped(shape, to, sample)} = ${forward(z(to))};`);
  if (shape.drop) {
    const dropped = (to: number): string => `${maskOf(layer, to, sample)} * ${undropped(shape, to, sample)}`;
    activations.push(...masksOf(layer, fanOut, shape.drop, sample));
    activations.push(...upTo(fanOut).map((to) => `  let ${unit(layer, to, sample)} = ${dropped(to)};`));
  }
  return [`  // layer ${layer}, ${wgslNameOf(network, activation)}: [${fanIn}] → [${fanOut}]`, ...sums, ...activations];
}

/** Where the sample at `source` lies in the data, and its inputs. */
export const readInputs = (network: Network, sample: Sample): string[] => [
  `  let firstInput${sample} = source${sample} * ${network.inputs}u;`,
  `  let firstTarget${sample} = source${sample} * ${targetWidth(network)}u;`,
  ...(network.inputDrop ? masksOf(0, network.inputs, network.inputDrop, sample) : []),
  ...upTo(network.inputs).map((at) => {
    const input = `inputs[firstInput${sample} + ${at - 1}u]`;
    return `  let x_${at}${sample} = ${network.inputDrop ? `${maskOf(0, at, sample)} * ` : ""}${input};`;
  }),
];

/** The loss of a sample, not scaled: statements that name its parts, and the sum of these. */
interface LossText {
  readonly lines: readonly string[];
  readonly loss: string;
}

/** Elements are `e_1`, `e_2`, …: loss and its derivative. */
function elementLossOf({ index, fanOut }: LayerShape, sample: Sample): LossText {
  const units = upTo(fanOut);
  const lines = units.map((at) => {
    const output = unit(index + 1, at, sample);
    return `  let e_${at}${sample} = elementLoss(${output}, targets[firstTarget${sample} + ${at - 1}u]);`;
  });
  return { lines, loss: units.map((at) => `e_${at}${sample}.x`).join(" + ") };
}

/**
 * −Σ t · log softmax by shaders/crossEntropy.wgsl: targets are `t_1`, …, logits less the largest `s_1`, …, exponentials `e_1`, … and
 * the largest of the first logits `m_2`, …; `place` is where the largest stands, `sums` are those of the row.
 */
function softmaxLossOf({ index, fanOut }: LayerShape, sample: Sample): LossText {
  const units = upTo(fanOut);
  const named = (name: string) => (at: number) => `${name}_${at}${sample}`;
  const [logit, t, s, e, m] = [named(`a${index + 1}`), named("t"), named("s"), named("e"), named("m")];
  const larger = (at: number): string => (at === 1 ? logit(1) : m(at));
  const isLarger = (at: number): string => `${logit(at)} > ${larger(at - 1)}`;
  const rest = (name: (at: number) => string): string =>
    units.map((at) => `select(${name(at)}, 0.0, place${sample} == ${at}u)`).join(" + ");
  const sums = [`zeroIfFinite(${larger(fanOut)}) + ${rest(e)}`, rest(t), units.map(t).join(" + ")];
  const lines = [
    ...units.slice(1).map((at) => `  let ${m(at)} = select(${larger(at - 1)}, ${logit(at)}, ${isLarger(at)});`),
    `  let place${sample} = ${units.slice(1).reduce((text, at) => `select(${text}, ${at}u, ${isLarger(at)})`, "1u")};`,
    ...units.map((at) => `  let ${t(at)} = targets[firstTarget${sample} + ${at - 1}u];`),
    ...units.map((at) => `  let ${s(at)} = ${logit(at)} - ${larger(fanOut)};`),
    ...units.map((at) => `  let ${e(at)} = exponentialOf(${s(at)});`),
    `  let sums${sample} = SoftmaxSums(${sums.join(", ")});`,
  ];
  const distances = units.map((at) => ` - targetTimes(${t(at)}, ${s(at)})`).join("");
  return { lines, loss: `sums${sample}.targets * logOnePlus(sums${sample}.rest)${distances}` };
}

/** The loss of a sample whose outputs are there. */
export const lossOf = ({ layers, loss }: Network, sample: Sample): LossText =>
  (isRowWise(loss) ? softmaxLossOf : elementLossOf)(layers[layers.length - 1]!, sample);

/** A loss as comments call it. */
export const wgslLossName = (loss: Loss): string => (typeof loss === "string" ? loss : "own loss");

export const describe = (network: Network): string => {
  const names = network.layers.map(({ activation }) => wgslNameOf(network, activation));
  return `${widthsOf(network)} ${names.join(" ")}, ${wgslLossName(network.loss)}`;
};
