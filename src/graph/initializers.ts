import { InvalidInput } from "../errors.ts";
import { type AnyNetwork, denseShapesOf, graphOf } from "./graphNetwork.ts";
import type { ParameterShape } from "./graph.ts";
import { type Activation } from "../math/activations.ts";
import { activationFunction } from "../math/scalarFunction.ts";
import { float64Function } from "../math/float64.ts";
import { type LayerShape, requireName } from "./network.ts";
import { normalAt, streams, uniformAt } from "../random.ts";

/** Initialisers of the weights of dense layers; biases start at 0. */
export const initializerNames = [
  "glorotUniform",
  "glorotNormal",
  "heUniform",
  "heNormal",
  "lecunUniform",
  "lecunNormal",
  "normal",
  "uniform",
  "zeros",
] as const;
export type InitializerName = (typeof initializerNames)[number];

/** Variance of the weights: Glorot and Bengio 2010, He et al. 2015, LeCun et al. 1998; plain ones 0.05² as in Keras. */
function variance(name: InitializerName, { fanIn, fanOut }: LayerShape): number {
  if (name.startsWith("glorot")) return 2 / (fanIn + fanOut);
  if (name.startsWith("he")) return 2 / fanIn;
  if (name.startsWith("lecun")) return 1 / fanIn;
  if (name === "normal") return 0.05 ** 2;
  return 0.05 ** 2 / 3; // uniform in ±0.05
}

/** A rectifier passes what is far above 0 and little of what is far below. */
function isRectifier(activation: Activation): boolean {
  const { forward } = activationFunction(activation);
  const value = float64Function(forward, ["z"]);
  const slopeAt = (z: number): number => (value(z + 1) - value(z - 1)) / 2;
  return Math.abs(slopeAt(8) - 1) < 0.1 && Math.abs(slopeAt(-8)) < 0.1;
}

/** He for rectifiers, Glorot otherwise. */
export const defaultInitializer = (activation: Activation): InitializerName =>
  isRectifier(activation) ? "heUniform" : "glorotUniform";

function fillWeights(parameters: Float32Array, layer: LayerShape, name: InitializerName, seed: number): void {
  if (name === "zeros") return;
  const deviation = Math.sqrt(variance(name, layer));
  const isNormal = name.toLowerCase().endsWith("normal");
  const halfWidth = deviation * Math.sqrt(3);
  for (let index = layer.weightsOffset; index < layer.biasOffset; index++) {
    parameters[index] = isNormal
      ? deviation * normalAt(seed, streams.parameters, index)
      : halfWidth * (2 * uniformAt(seed, streams.parameters, index) - 1);
  }
}

/** Parameters that are no weights of a dense layer; what is not written stays 0. */
function fillOther(parameters: Float32Array, { start, offset, size, shape }: ParameterShape, seed: number): void {
  if (start === "ones") parameters.fill(1, offset, offset + size);
  if (start !== "table" && start !== "tableWithUnknown") return;
  const first = start === "table" ? offset : offset + shape[1]!;
  const deviation = 1 / Math.sqrt(shape[1]!); // rows have about the length of one-hot ones, whatever their width
  for (let index = first; index < offset + size; index++) {
    parameters[index] = deviation * normalAt(seed, streams.parameters, index);
  }
}

export interface InitializeOptions {
  /** Integer in [0, 2⁵³); member r starts as a single model with seed + r would. Or a list with the seed of each member. */
  readonly seed: number | ArrayLike<number>;
  readonly members: number;
  /** Default: He for rectifiers, Glorot otherwise. */
  readonly initializer?: InitializerName;
}

/** Seed of each member, checked. */
function seedsOf(seed: number | ArrayLike<number>, members: number): (member: number) => number {
  const place = "initialize: seed";
  if (typeof seed !== "object" || seed === null) {
    requireSeed(place, seed);
    requireSeed("initialize: seed of the last member", seed + members - 1);
    return (member) => seed + member;
  }
  requireSeeds(place, seed, members);
  return (member) => seed[member]!;
}

/**
 * Initial parameters [members, parameterCount], the same bits on every host.
 * @throws InvalidInput on an unknown initialiser, a seed that is not an integer in [0, 2⁵³), or a list of other length
 */
export function initialize(network: AnyNetwork, options: InitializeOptions): Float32Array {
  const { seed, members, initializer } = options;
  if (initializer !== undefined) requireName("initialize: initializer", initializer, initializerNames);
  const seedOf = seedsOf(seed, members);
  const graph = graphOf(network);
  const layers = denseShapesOf(graph);
  const all = new Float32Array(members * network.parameterCount);
  for (let member = 0; member < members; member++) {
    const start = member * network.parameterCount;
    const own = all.subarray(start, start + network.parameterCount);
    for (const layer of layers) {
      fillWeights(own, layer, initializer ?? defaultInitializer(layer.activation), seedOf(member));
    }
    for (const parameter of graph.parameters) fillOther(own, parameter, seedOf(member));
  }
  return all;
}

/** Throws `InvalidInput` unless `seed` is an integer in [0, 2⁵³). */
export function requireSeed(place: string, seed: unknown): void {
  if (Number.isSafeInteger(seed) && (seed as number) >= 0) return;
  throw new InvalidInput({
    place,
    expected: "an integer from 0 to 2⁵³ − 1",
    got: String(seed),
    fix: "pass 1, for example",
  });
}

/** Throws `InvalidInput` unless `values` is a list with one value for each member. */
export function requireOneEach(place: string, values: ArrayLike<number>, members: number): void {
  const length: unknown = typeof values === "object" ? values?.length : undefined;
  if (length === members) return;
  const expected = `a list of ${members} values, one for each member`;
  const got = length === undefined ? typeof values : `${String(length)} values`;
  throw new InvalidInput({ place, expected, got, fix: "pass as many values as there are members" });
}

/** Throws `InvalidInput` unless `seeds` are integers in [0, 2⁵³), one for each member. */
export function requireSeeds(place: string, seeds: ArrayLike<number>, members: number): void {
  requireOneEach(place, seeds, members);
  for (let member = 0; member < members; member++) requireSeed(`${place}[${member}]`, seeds[member]);
}
