import { gradientScaleInput, isWeightInput, squaresInput, unitInput } from "../../math/aroundUpdate.ts";
import type { Expression } from "../../math/expression.ts";
import { type BlockProgram, compileBlocks } from "../../math/float64Blocks.ts";
import { iterationsOf, isMatrixInput, orthogonalInput } from "../../math/orthogonal.ts";
import type { Matrices } from "../../graph/denseMatrices.ts";
import { compileFloat64, type Float64Program } from "../../math/float64.ts";
import { hoist, type Hoisted } from "../../math/hoist.ts";
import { LbfgsUpdate } from "../../math/lbfgs.ts";
import type { OptimizerUpdate } from "../../math/optimizerUpdate.ts";
import { hyperParameterOf, numbersOf, type Optimizer } from "../../math/optimizer.ts";
import { initialState, searchesLine, updateOf } from "../../math/optimizerFunction.ts";
import { StepBlock } from "../../math/stepBlock.ts";
import { orthogonalise } from "./orthogonalise.ts";

export interface UpdateArguments {
  readonly optimizer: Optimizer;
  /** Default: the optimizer's own; the widest one's where members of a population differ. */
  readonly update?: OptimizerUpdate;
  /** Steps done before this one. */
  readonly step: number;
  /** Loss before the update: of optimizers that take it. */
  readonly loss?: number;
  /** [parameterCount] of one member. */
  readonly gradients: Float64Array;
  /** [parameterCount], updated. */
  readonly parameters: Float64Array;
  /** [parameterCount]: 1 for weights, for updates that treat them in another way. */
  readonly isWeight?: Float64Array;
  /** The matrices of the member, for updates that make them orthogonal. */
  readonly matrices?: Matrices;
  /** Parameters, gradients and moments are to be below it in size; default: infinity. */
  readonly limit?: number;
  /** What the update keeps, each [parameterCount]; updated. More rows than it keeps are left alone. */
  readonly moments: readonly Float64Array[];
}

/** Numbers from which rounding to float32 makes infinity: a GPU and a model file cannot hold them. */
export const float32Limit = (2 - 2 ** -24) * 2 ** 127;

/** Whether float32 can hold a value. */
export const fitsFloat32 = (value: number): boolean => Math.abs(value) < float32Limit;

/** An update in float64. */
interface CompiledUpdate {
  /** Hyper-parameters that are numbers. */
  readonly names: readonly string[];
  /** What depends on hyper-parameters alone, and what on these and the number of the step. */
  readonly constants: Float64Program;
  readonly ofStep: StepBlock;
  /** Of squares and unit of the gradients, and of constants. */
  readonly scale: Float64Program | undefined;
  /** What is made orthogonal; as `blocks`, without what comes of it. */
  readonly directions: BlockProgram | undefined;
  /** Of parameters, gradients, moments, weights, what is orthogonal and where; its numbers are the constants, what depends on the step, and the scale of gradients. */
  readonly blocks: BlockProgram;
  readonly updated: Float64Array;
  readonly kept: readonly Float64Array[];
  /** The optimizer whose constants `blocks` has. */
  latest: Optimizer | undefined;
}

function compile(optimizer: Optimizer, update: OptimizerUpdate): CompiledUpdate {
  const { simplifier, outputs, state, gradientScale, direction } = update;
  const names = numbersOf(optimizer);
  const beside = [gradientScale, direction].filter((own) => own !== undefined);
  const whole = hoist(
    simplifier,
    [...outputs, ...beside],
    [
      { prefix: "constant ", takes: (name) => names.includes(name) },
      { prefix: "step ", takes: (name) => update.stepInputs.includes(name) || names.includes(name) },
    ],
  );
  const hoistedBy = (prefix: string): Hoisted[] => whole.hoisted.filter(({ name }) => name.startsWith(prefix));
  const [constants, ofStep] = [hoistedBy("constant "), hoistedBy("step ")];
  const expressionsOf = (hoisted: readonly Hoisted[]): Expression[] => hoisted.map(({ expression }) => expression);
  const numbers = [...constants, ...ofStep].map(({ name }) => name);
  const scaled = [...numbers, ...(gradientScale ? [gradientScaleInput] : [])];
  const ofParameters = ["parameter", "gradient", ...state, ...(update.takesWeights ? [isWeightInput] : [])];
  const own = whole.outputs.slice(0, outputs.length);
  const ofMatrices = direction ? [isMatrixInput, orthogonalInput] : [];
  const blocks = compileBlocks(own, [...ofParameters, ...ofMatrices], scaled);
  const [updated, ...kept] = blocks.outputs as [Float64Array, ...Float64Array[]];
  return {
    names,
    constants: compileFloat64(expressionsOf(constants), names),
    ofStep: new StepBlock(update, expressionsOf(ofStep), names),
    scale: gradientScale && compileFloat64([whole.outputs[outputs.length]!], [squaresInput, unitInput, ...numbers]),
    directions: direction && compileBlocks([whole.outputs.at(-1)!], ofParameters, scaled),
    blocks,
    updated,
    kept,
    latest: undefined,
  };
}

const compiled = new WeakMap<OptimizerUpdate, CompiledUpdate>();

function compiledOf(optimizer: Optimizer, update: OptimizerUpdate): CompiledUpdate {
  const known = compiled.get(update) ?? compile(optimizer, update);
  compiled.set(update, known);
  return known;
}

/** Computes what a step takes besides parameters, gradients and moments. */
function setNumbers(own: CompiledUpdate, optimizer: Optimizer, step: number): void {
  const { names, constants, ofStep, blocks } = own;
  const { numbers } = blocks;
  if (own.latest !== optimizer) {
    own.latest = optimizer;
    const values = names.map((name) => hyperParameterOf(optimizer, name) as number);
    constants.inputs.set(values);
    constants.run();
    numbers.set(constants.outputs);
  }
  const outputs = ofStep.at(optimizer, step);
  for (let at = 0; at < outputs.length; at++) numbers[constants.outputs.length + at] = outputs[at]!;
}

/** Computes what clipping by norm multiplies the gradients by. */
function setGradientScale({ scale, blocks }: CompiledUpdate, gradients: Float64Array): void {
  if (!scale) return;
  const { numbers } = blocks;
  scale.inputs[0] = gradients.reduce((sum, gradient) => sum + gradient * gradient, 0);
  scale.inputs[1] = 1; // squares of what fits float32 do not overflow float64
  scale.inputs.set(numbers.subarray(0, -1), 2);
  scale.run();
  numbers[numbers.length - 1] = scale.outputs[0]!;
}

function fit(values: Float64Array, first: number, count: number, limit: number): boolean {
  for (let at = first; at < first + count; at++) if (!(Math.abs(values[at]!) < limit)) return false;
  return true;
}

/** Copies the first `count` values of a block. */
function copy(block: Float64Array, to: Float64Array, first: number, count: number): void {
  if (count === block.length) to.set(block, first);
  else for (let at = 0; at < count; at++) to[first + at] = block[at]!;
}

/** Copies those of the first `count` values that fit; @returns whether all do. */
function copyFit(
  block: Float64Array,
  to: Float64Array,
  place: { first: number; count: number; limit: number },
): boolean {
  const { first, count, limit } = place;
  if (fit(block, 0, count, limit)) {
    copy(block, to, first, count);
    return true;
  }
  for (let at = 0; at < count; at++) if (Math.abs(block[at]!) < limit) to[first + at] = block[at]!;
  return false;
}

/** Of each network's matrices, what became of them in the last step, [parameterCount]. */
const orthogonals = new WeakMap<Matrices, Float64Array>();

/** Makes the directions of matrices orthogonal. @returns which parameters are of matrices, and what became of these */
function orthogonalVectors(
  { directions, blocks: { numbers } }: CompiledUpdate,
  { optimizer, matrices }: UpdateArguments,
  vectors: readonly Float64Array[],
): [Float64Array, Float64Array] {
  const { all, mask } = matrices!;
  const orthogonal = orthogonals.get(matrices!) ?? new Float64Array(mask.length);
  orthogonals.set(matrices!, orthogonal);
  const { blockLength, outputs, run } = directions!;
  directions!.numbers.set(numbers);
  for (let first = 0; first < orthogonal.length; first += blockLength) {
    const count = Math.min(blockLength, orthogonal.length - first);
    run(vectors, first, count);
    copy(outputs[0]!, orthogonal, first, count);
  }
  for (const matrix of all) orthogonalise(orthogonal, matrix, iterationsOf(matrix, optimizer));
  return [mask, orthogonal];
}

/** What the optimizer keeps of each parameter of one member before the first step. */
export const initialMoments = (optimizer: Optimizer, parameters: Float64Array): Float64Array[] =>
  initialState(optimizer, parameters.length).map((value) =>
    value === "parameter" ? parameters.slice() : new Float64Array(parameters.length).fill(value),
  );

function updateTogether(
  { optimizer, loss = 0, gradients, parameters, moments }: UpdateArguments,
  limit: number,
): boolean {
  const own = new LbfgsUpdate(optimizer.historySize, parameters.length, limit);
  return own.update({ optimizer, loss, gradients, parameters, state: moments });
}

/**
 * One step of the optimizer on one member: the CPU reference of what src/backend/webgpu/emit/emitOptimizer.ts writes. A parameter that would not
 * fit is left as it was.
 * @returns whether every gradient, moment and updated parameter fits
 */
export function update(options: UpdateArguments): boolean {
  const { optimizer, step, gradients, parameters, moments, limit = Number.POSITIVE_INFINITY } = options;
  const { isWeight } = options;
  if (searchesLine(optimizer)) return updateTogether(options, limit);
  const rule = options.update ?? updateOf(optimizer);
  const compiledUpdate = compiledOf(optimizer, rule);
  setNumbers(compiledUpdate, optimizer, step);
  setGradientScale(compiledUpdate, gradients);
  const { blocks, updated, kept } = compiledUpdate;
  const vectors = [parameters, gradients, ...moments.slice(0, kept.length)];
  if (rule.takesWeights) vectors.push(isWeight!);
  if (compiledUpdate.directions) vectors.push(...orthogonalVectors(compiledUpdate, options, vectors));
  let allFit = true;
  for (let first = 0; first < parameters.length; first += blocks.blockLength) {
    const count = Math.min(blocks.blockLength, parameters.length - first);
    const place = { first, count, limit };
    blocks.run(vectors, first, count);
    for (let row = 0; row < kept.length; row++) {
      if (rule.keepsFinite[row]) {
        allFit = copyFit(kept[row]!, moments[row]!, place) && allFit;
        continue;
      }
      copy(kept[row]!, moments[row]!, first, count);
      allFit = fit(kept[row]!, 0, count, limit) && allFit;
    }
    allFit = copyFit(updated, parameters, place) && allFit;
    allFit = allFit && fit(gradients, first, count, limit);
  }
  return allFit;
}
