import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { emitBody } from "../../../math/emitWgsl.ts";
import { gradientScaleInput, isWeightInput, squaresInput, unitInput } from "../../../math/aroundUpdate.ts";
import type { Expression } from "../../../math/expression.ts";
import { memberHyperParameters } from "../../../math/hyperParameters.ts";
import {
  type HostedUpdate,
  mostRunValues,
  mostStepValues,
  type OptimizerUpdate,
} from "../../../math/optimizerUpdate.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import { updateOf } from "../../../math/optimizerFunction.ts";
import { updateValuesOf } from "../../../math/updateValues.ts";
import { matricesOf } from "../../../graph/denseMatrices.ts";
import { isMatrixInput, orthogonalInput } from "../../../math/orthogonal.ts";
import { emitRanges, emitWeights } from "./emitWeights.ts";

/** An optimizer's update as the kernels compute it. */
export interface KernelUpdate {
  /** WGSL of `updated`, which shaders/optimizer.wgsl calls. */
  readonly code: string;
  readonly stateCount: number;
  /** Whether `code` calls `isWeightAt`, which `emitWeights` writes for a network. */
  readonly takesWeights: boolean;
  /** WGSL of `directionOf`, which shaders/directions.wgsl calls, where matrices are made orthogonal; `code` then calls `isMatrixAt`. */
  readonly directionCode: string | undefined;
  /** Whether gradients are clipped by norm: the kernel sets `clipScale`, by `scaleOf` of `code`. */
  readonly clipsNorm: boolean;
  /** All values of `Hyper` behind its sizes; those that the update does not use are 0. */
  readonly hyperValues: (optimizer: Optimizer) => Float64Array;
  /** Values of `Step` at a step of the run, from 0; valid until the next call. */
  readonly stepValues: (optimizer: Optimizer, step: number) => Float64Array;
}

/** Where a state is stored. */
const stateAt = (state: number): string => (state === 0 ? "moments[at]" : `moments[stateAt(at, ${state}u)]`);

/** WGSL of what the host and the kernels give an update. */
const namesOf = (update: OptimizerUpdate): ReadonlyMap<string, string> =>
  new Map([
    ["parameter", "parameter"],
    ["gradient", "gradient"],
    ...memberHyperParameters.map((name) => [name, `rates.${name}`] as const),
    ...Array.from({ length: mostRunValues }, (_, at) => [`hyper ${at}`, `hyper.value${at}`] as const),
    ...Array.from({ length: mostStepValues }, (_, at) => [`step ${at}`, `step.value${at}`] as const),
    ...update.state.map((name, at) => [name, `state${at}`] as const),
    [isWeightInput, "isWeight"],
    [isMatrixInput, "isMatrix"],
    [orthogonalInput, "orthogonal[at]"],
    [gradientScaleInput, "clipScale"],
    [squaresInput, "squares"],
    [unitInput, "unit"],
  ]);

/** The function `scaleOf`. */
function scaleCode(scale: Expression, names: ReadonlyMap<string, string>): string {
  const { lines, results } = emitBody([scale], names);
  const body = [...lines, `return ${results[0]};`].map((line) => `  ${line}`);
  return ["", "fn scaleOf(squares: f32, unit: f32) -> f32 {", ...body, "}", ""].join("\n");
}

function codeOf(update: OptimizerUpdate, { outputs, gradientScale }: HostedUpdate): string {
  const names = namesOf(update);
  const { lines, results } = emitBody(outputs, names);
  const next = results.slice(1);
  // A result that is no name would be computed twice.
  const named = next.map((result, at) => (/^\w+$/.test(result) ? result : `next${at}`));
  const watched = named.flatMap((name, at) => (update.watchesState[at] ? [`watch(${name});`] : []));
  const kept = named.map((name, at) =>
    update.keepsFinite[at] ? `select(state${at}, ${name}, isFinite(${name}))` : name,
  );
  const body = [
    ...(update.takesWeights ? ["let isWeight = isWeightAt(at);"] : []),
    ...(update.direction ? ["let isMatrix = isMatrixAt(at);"] : []),
    ...update.state.map((_, at) => `let state${at} = ${stateAt(at)};`),
    ...lines,
    ...next.flatMap((result, at) => (named[at] === result ? [] : [`let ${named[at]} = ${result};`])),
    ...kept.map((value, at) => `${stateAt(at)} = ${value};`),
    ...watched,
    ...(update.watchesGradient ? ["watch(gradient);"] : []),
    `return ${results[0]};`,
  ];
  return [
    `// One parameter updated by an optimizer with ${update.state.length} moments. Written by src/backend/webgpu/emit/emitOptimizer.ts.`,
    "",
    "fn updated(parameter: f32, gradient: f32, at: u32) -> f32 {",
    ...body.map((line) => `  ${line}`),
    "}",
    ...(gradientScale ? [scaleCode(gradientScale, names)] : [""]),
  ].join("\n");
}

/** The function `directionOf`. */
function directionCode(update: OptimizerUpdate, direction: Expression, scale: Expression | undefined): string {
  const names = namesOf(update);
  const { lines, results } = emitBody([direction], names);
  const body = [
    ...(update.takesWeights ? ["let isWeight = isWeightAt(at);"] : []),
    ...update.state.map((_, at) => `let state${at} = ${stateAt(at)};`),
    ...lines,
    `return ${results[0]};`,
  ];
  return [
    "// What is made orthogonal, of one parameter. Written by src/backend/webgpu/emit/emitOptimizer.ts.",
    "",
    "fn directionOf(parameter: f32, gradient: f32, at: u32) -> f32 {",
    ...body.map((line) => `  ${line}`),
    "}",
    ...(scale ? [scaleCode(scale, names)] : [""]),
  ].join("\n");
}

function kernelUpdate(optimizer: Optimizer, update: OptimizerUpdate): KernelUpdate {
  const { hosted, runValues, stepValues } = updateValuesOf(optimizer);
  return {
    code: codeOf(update, hosted),
    stateCount: update.state.length,
    takesWeights: update.takesWeights,
    directionCode: hosted.direction && directionCode(update, hosted.direction, hosted.gradientScale),
    clipsNorm: update.gradientScale !== undefined,
    hyperValues: runValues,
    stepValues,
  };
}

const known = new WeakMap<OptimizerUpdate, KernelUpdate>();

/** An optimizer's update for kernels, written once for all hyper-parameters that differ by value alone. */
export function kernelUpdateOf(optimizer: Optimizer): KernelUpdate {
  const update = updateOf(optimizer);
  const written = known.get(update) ?? kernelUpdate(optimizer, update);
  known.set(update, written);
  return written;
}

/** All that is written of an update, for the parameters of a network. */
export const updateCode = ({ code, takesWeights }: KernelUpdate, network: AnyNetwork): string =>
  takesWeights ? `${code}\n${emitWeights(network)}` : code;

/** All that is written of what it makes orthogonal. */
export const directionCodeOf = ({ directionCode: code, takesWeights }: KernelUpdate, network: AnyNetwork): string =>
  takesWeights ? `${code!}\n${emitWeights(network)}` : code!;

/** The function `isMatrixAt` of a parameter's place in the buffer of all members: 1 in matrices that an optimizer makes orthogonal. */
export function emitMatrices(network: AnyNetwork, optimizer: Optimizer): string {
  const { all } = matricesOf(network, optimizer);
  const ranges = all.map(({ offset, fanIn, fanOut }) => ({ first: offset, end: offset + fanIn * fanOut }));
  const inOrder = ranges.toSorted((one, other) => one.first - other.first);
  return emitRanges("isMatrixAt", inOrder, network);
}
