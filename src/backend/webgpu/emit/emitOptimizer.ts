import { emitBody } from "../../../math/emitWgsl.ts";
import type { Expression } from "../../../math/expression.ts";
import { compileFloat64, type Float64Program } from "../../../math/float64.ts";
import { hostedUpdate, mostRunValues, mostStepValues, type OptimizerUpdate } from "../../../math/optimizerUpdate.ts";
import { memberHyperParameters } from "../../../math/optimizers.ts";
import { hyperParameterOf, numbersOf, type Optimizer } from "../../../math/optimizer.ts";
import { updateOf } from "../../../math/optimizerFunction.ts";

/** An optimizer's update as the kernels compute it. */
export interface KernelUpdate {
  /** WGSL of `updated`, which shaders/optimizer.wgsl calls. */
  readonly code: string;
  readonly stateCount: number;
  /** All values of `Hyper` behind its sizes; those that the update does not use are 0. */
  readonly hyperValues: (optimizer: Optimizer) => Float64Array;
  /** Values of `Step` at a step of the run, from 0; valid until the next call. */
  readonly stepValues: (optimizer: Optimizer, step: number) => Float64Array;
}

/** Where a state is stored. */
const stateAt = (state: number): string => (state === 0 ? "moments[at]" : `moments[stateAt(at, ${state}u)]`);

function codeOf(update: OptimizerUpdate, outputs: readonly Expression[]): string {
  const names = new Map([
    ["parameter", "parameter"],
    ["gradient", "gradient"],
    ...memberHyperParameters.map((name) => [name, `rates.${name}`] as const),
    ...Array.from({ length: mostRunValues }, (_, at) => [`hyper ${at}`, `hyper.value${at}`] as const),
    ...Array.from({ length: mostStepValues }, (_, at) => [`step ${at}`, `step.value${at}`] as const),
    ...update.state.map((name, at) => [name, `state${at}`] as const),
  ]);
  const { lines, results } = emitBody(outputs, names);
  const next = results.slice(1);
  // A result that is no name would be computed twice.
  const named = next.map((result, at) => (/^\w+$/.test(result) ? result : `next${at}`));
  const watched = named.flatMap((name, at) => (update.watchesState[at] ? [`watch(${name});`] : []));
  const body = [
    ...update.state.map((_, at) => `let state${at} = ${stateAt(at)};`),
    ...lines,
    ...next.flatMap((result, at) => (named[at] === result ? [] : [`let ${named[at]} = ${result};`])),
    ...named.map((name, at) => `${stateAt(at)} = ${name};`),
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
    "",
  ].join("\n");
}

function kernelUpdate(optimizer: Optimizer, update: OptimizerUpdate): KernelUpdate {
  const names = numbersOf(optimizer);
  const { outputs, ofRun, ofStep } = hostedUpdate(update, names);
  const hyper = compileFloat64(ofRun, names);
  const step = compileFloat64(ofStep, [...names, "step"]);
  /** The optimizer whose hyper-parameters `step` has: a run asks for the same one step after step. */
  let latest: Optimizer | undefined;
  const fill = ({ inputs }: Float64Program, values: Optimizer): void => {
    for (let at = 0; at < names.length; at++) inputs[at] = hyperParameterOf(values, names[at]!) as number;
  };
  return {
    code: codeOf(update, outputs),
    stateCount: update.state.length,
    hyperValues(values) {
      fill(hyper, values);
      hyper.run();
      const all = new Float64Array(mostRunValues);
      all.set(hyper.outputs);
      return all;
    },
    stepValues(values, index) {
      if (step.outputs.length === 0) return step.outputs;
      if (latest !== values) fill(step, values);
      latest = values;
      step.inputs[names.length] = index + 1;
      step.run();
      return step.outputs;
    },
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
