import { InvalidInput } from "../errors.ts";
import type { LayerShape, Network } from "../graph/network.ts";
import { symbol } from "./expression.ts";
import type { Leaf } from "./expression.ts";

/** Names of inputs, of the nodes of each layer, and of targets, as they are printed. */
export interface NodeNames {
  /** [network.inputs]. */
  readonly inputs: readonly string[];
  /** Per layer [fanOut]. */
  readonly nodes: readonly (readonly string[])[];
  /** [network.outputs]. */
  readonly targets: readonly string[];
}

const numbered = (letter: string, count: number): string[] =>
  count === 1 ? [letter] : Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);

/** Hidden layers are h, g, then h^(3), h^(4) …; nodes of hidden layers always carry a number. */
function layerNames({ index, fanOut }: LayerShape, isLast: boolean): string[] {
  if (isLast) return numbered("y", fanOut);
  const letter = ["h", "g"][index] ?? `h^(${index + 1})_`;
  return Array.from({ length: fanOut }, (_, node) => `${letter}${node + 1}`);
}

/** x1, x2 …; h1 …, g1 …, h^(3)_1 …; y or y1 …; t or t1 …. Given names replace these, group by group. */
export function nodeNames(network: Network, given: Partial<NodeNames> = {}): NodeNames {
  const { layers, inputs, outputs } = network;
  const names: NodeNames = {
    inputs: given.inputs ?? numbered("x", inputs),
    nodes: given.nodes ?? layers.map((layer, index) => layerNames(layer, index === layers.length - 1)),
    targets: given.targets ?? numbered("t", outputs),
  };
  requireNames("inputs", names.inputs, inputs);
  requireNames("targets", names.targets, outputs);
  for (const { index, fanOut } of layers) requireNames(`nodes of layer ${index + 1}`, names.nodes[index], fanOut);
  requireDistinct([...names.inputs, ...names.nodes.flat(), ...names.targets]);
  return names;
}

function requireNames(group: string, names: readonly string[] | undefined, count: number): void {
  const place = `explainStep: names of ${group}`;
  if (names?.length !== count) {
    const fix = "give one name each, or leave them out";
    throw new InvalidInput({ place, expected: `${count} names`, got: String(names?.length ?? 0), fix });
  }
  const bad = names.find((name) => !/^\P{C}{1,40}$/u.test(name));
  if (bad === undefined) return;
  const fix = "shorten it or take control characters out";
  throw new InvalidInput({ place, expected: "1 to 40 printable characters", got: JSON.stringify(bad), fix });
}

function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  const fix = "rename one of the two";
  throw new InvalidInput({ place: "explainStep: names", expected: "different names", got: `${twice} twice`, fix });
}

/** A parameter as it is printed: its symbol's name and the link or node it belongs to. */
export interface ParameterName {
  /** Index in the flat layout of `network.ts`. */
  readonly index: number;
  readonly layer: number;
  /** Source node of a weight; absent for a bias. */
  readonly from?: number;
  readonly to: number;
  readonly name: string;
}

/**
 * Names of all parameters: weights w1, w2 … layer by layer, per target node, per source node; then biases b1, b2 …. So
 * in a 2-2-2-1 network w1: x1 → h1, w2: x2 → h1, w3: x1 → h2.
 */
export function parameterNames({ layers }: Network): ParameterName[] {
  const weights: ParameterName[] = [];
  const biases: ParameterName[] = [];
  for (const { index: layer, fanIn, fanOut, weightsOffset, biasOffset } of layers) {
    for (let to = 0; to < fanOut; to += 1) {
      for (let from = 0; from < fanIn; from += 1) {
        const index = weightsOffset + from * fanOut + to;
        weights.push({ index, layer, from, to, name: `w${weights.length + 1}` });
      }
      biases.push({ index: biasOffset + to, layer, to, name: `b${biases.length + 1}` });
    }
  }
  return [...weights, ...biases];
}

/** TeX of a name: `h1` is h with index 1, `h^(3)_1` has its layer on top, all else is words. */
export function texName(name: string): string {
  const [, letters, layer, node] = /^(\p{L})(?:\^\((\d+)\)_)?(\d*)$/u.exec(name) ?? [];
  if (letters === undefined) return `\\text{${escapeTex(name)}}`;
  return `${letters}${layer ? `^{(${layer})}` : ""}${node ? `_{${node}}` : ""}`;
}

const texEscapes: Record<string, string> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
};

/** Words as TeX prints them. */
export const escapeTex = (words: string): string =>
  words.replace(/[\\~^{}$&#_%]/g, (character) => texEscapes[character] ?? `\\${character}`);

/** `z_h1`, and in TeX z with h_1 as index. */
export const indexed = (letter: string, name: string, value: number, texLetter = letter): Leaf =>
  symbol(`${letter}_${name}`, `${texLetter}_{${texName(name)}}`, value);

/** A symbol that is a name by itself: `x1`, `w10`, `t`. */
export const named = (name: string, value: number): Leaf => symbol(name, texName(name), value);

/** `∂L/∂w1`. */
export const lossDerivative = (of: Leaf, value: number): Leaf =>
  symbol(`∂L/∂${of.text}`, `\\frac{\\partial L}{\\partial ${of.tex}}`, value);
