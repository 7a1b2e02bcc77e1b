// Training steps in jax-js: whole steps, with their optimizer, inside one jit.

import { type Array as JaxArray, jit, numpy as np, vmap } from "@jax-js/jax";
import type { LayerShape } from "../../../src/graph/network.ts";
import { momentCount } from "../../../src/math/optimizerFunction.ts";
import type { StepWorkload } from "../../race/workload.ts";
import { disposeAll } from "./jaxJsArrays.ts";
import { automaticGradients, type StepViews, writtenGradients } from "./jaxJsGradients.ts";
import { update } from "./jaxJsOptimizers.ts";

/** Ways to write the same step. */
export interface StepForm {
  readonly gradient: "written out" | "grad";
  /** list: an array per weights and bias; flat: one array, so that optimizers with moments take fewer kernels. */
  readonly parameters: "list" | "flat";
  /** How members are computed together: as an axis of every array, or by vmap of the step of one. */
  readonly members: "none" | "axis" | "vmap";
}

/** Parameters, and moments that lie parallel to them. */
export type State = { parameters: JaxArray[]; moments: JaxArray[][] };

/** Steps on [inputs, targets], or on [table of all rows, indices of the rows to take]; with the scales of every step. */
export type StepProgram = (state: State, rows: JaxArray[], scales: JaxArray[]) => State;

export interface ProgramOptions {
  readonly workload: StepWorkload;
  readonly form: StepForm;
  readonly steps: number;
}

/** Shapes [members?, …] of weights and bias of every layer. */
export const shapesOf = ({ fanIn, fanOut }: LayerShape, leading: readonly number[]): [number[], number[]] => [
  [...leading, fanIn, fanOut],
  [...leading, fanOut],
];

/** Axes in front of what the step itself sees. */
const leadingAxes = ({ workload, form }: ProgramOptions): number[] =>
  form.members === "axis" ? [workload.members] : [];

function layerViews(options: ProgramOptions, { parameters }: State): StepViews["layers"] {
  const leading = leadingAxes(options);
  const all = leading.map((): [] => []);
  return options.workload.network.layers.map((layer) => {
    const { index, fanOut, weightsOffset, biasOffset } = layer;
    const take = (which: 0 | 1, first: number, end: number): JaxArray =>
      options.form.parameters === "list"
        ? parameters[2 * index + which]!.ref
        : parameters[0]!.ref.slice(...all, [first, end]);
    const [weightsShape] = shapesOf(layer, leading);
    const biasShape = leading.length > 0 ? [...leading, 1, fanOut] : [fanOut];
    return {
      weights: () => take(0, weightsOffset, biasOffset).reshape(weightsShape),
      bias: () => take(1, biasOffset, biasOffset + fanOut).reshape(biasShape),
    };
  });
}

interface Rows {
  inputs(step: number): JaxArray;
  targets(step: number): JaxArray;
  dispose(): void;
}

/** The rows of each step: all of them, or those that the indices name, gathered once for all steps. */
function rowsOfSteps({ workload, steps }: ProgramOptions, rows: JaxArray[]): Rows {
  const { network, batchSize, rows: rowCount } = workload;
  const [first, second] = rows as [JaxArray, JaxArray];
  if (batchSize >= rowCount) {
    return { inputs: () => first.ref, targets: () => second.ref, dispose: () => disposeAll(rows) };
  }
  const taken = first.slice(second);
  const batch = taken.shape[0]! / steps;
  const between = (step: number): [number, number] => [step * batch, (step + 1) * batch];
  return {
    inputs: (step) => taken.ref.slice(between(step), [0, network.inputs]),
    targets: (step) => taken.ref.slice(between(step), [network.inputs]),
    dispose: () => taken.dispose(),
  };
}

/** Gradients laid out as the parameters are. */
function arrange(options: ProgramOptions, gradients: JaxArray[]): JaxArray[] {
  if (options.form.parameters === "list") return gradients;
  const leading = leadingAxes(options);
  return [
    np.concatenate(
      gradients.map((gradient) => gradient.reshape([...leading, -1])),
      -1,
    ),
  ];
}

function stepOnce(options: ProgramOptions, state: State, views: StepViews, scale: (index: number) => JaxArray): State {
  const { network, optimizer } = options.workload;
  const gradientsOf = options.form.gradient === "grad" ? automaticGradients : writtenGradients;
  const gradients = arrange(options, gradientsOf(network, views));
  const updated = state.parameters.map((parameter, index) => {
    const moments = state.moments.map((moment) => moment[index]!);
    return update(optimizer, { parameter, gradient: gradients[index]!, moments, scale });
  });
  return {
    parameters: updated.map(([parameter]) => parameter!),
    moments: state.moments.map((_, which) => updated.map((arrays) => arrays[which + 1]!)),
  };
}

/** `steps` steps, one behind the other, as a function to jit. */
function stepsInARow(options: ProgramOptions): StepProgram {
  const { workload, steps } = options;
  return (start, arrays, scales) => {
    const rows = rowsOfSteps(options, arrays);
    let state = start;
    for (let step = 0; step < steps; step++) {
      const broadcast = (array: JaxArray): JaxArray =>
        options.form.members === "axis" ? np.broadcastTo(array, [workload.members, ...array.shape]) : array;
      const inputs = (): JaxArray => broadcast(rows.inputs(step));
      const views = { layers: layerViews(options, state), inputs, targets: () => rows.targets(step) };
      state = stepOnce(options, state, views, (index) => scales[0]!.ref.slice(step, index));
    }
    rows.dispose();
    disposeAll(scales);
    return state;
  };
}

export const createProgram = (options: ProgramOptions): StepProgram & { dispose(): void } => {
  const steps = stepsInARow(options);
  // shared: the rows and the scales; state and result have the members in front
  const all = options.form.members === "vmap" ? (vmap(steps, [0, null, null] as never) as StepProgram) : steps;
  return jit(all) as StepProgram & { dispose(): void };
};

/** Moments that the optimizer of a workload keeps: none, one or two arrays like the parameters. */
export const momentsOf = ({ optimizer }: StepWorkload): number => momentCount(optimizer);
