import { compileFloat64, type Float64Program } from "./float64.ts";
import { hyperParameterOf, numbersOf, type Optimizer } from "./optimizer.ts";
import { updateOf } from "./optimizerFunction.ts";
import { type HostedUpdate, hostedUpdate, mostRunValues, type OptimizerUpdate } from "./optimizerUpdate.ts";
import { StepBlock } from "./stepBlock.ts";

/** An optimizer's update as machines compute it: expressions for each parameter, and numbers that the host computes in float64. */
export interface UpdateValues {
  readonly hosted: HostedUpdate;
  /** Names of what it keeps per parameter. */
  readonly state: readonly string[];
  /** `hyper 0`, …; those that the update does not use are 0. */
  readonly runValues: (optimizer: Optimizer) => Float64Array;
  /** `step 0`, … at a step of the run, from 0; valid until the next call. */
  readonly stepValues: (optimizer: Optimizer, step: number) => Float64Array;
}

function valuesOf(optimizer: Optimizer, update: OptimizerUpdate): UpdateValues {
  const names = numbersOf(optimizer);
  const hosted = hostedUpdate(update, names);
  const hyper = compileFloat64(hosted.ofRun, names);
  const stepBlock = new StepBlock(update, hosted.ofStep, names);
  const fill = ({ inputs }: Float64Program, values: Optimizer): void => {
    for (let at = 0; at < names.length; at++) inputs[at] = hyperParameterOf(values, names[at]!) as number;
  };
  return {
    hosted,
    state: update.state,
    runValues(values) {
      fill(hyper, values);
      hyper.run();
      const all = new Float64Array(mostRunValues);
      all.set(hyper.outputs);
      return all;
    },
    stepValues: (values, index) => stepBlock.at(values, index),
  };
}

const known = new WeakMap<OptimizerUpdate, UpdateValues>();

/** The update of an optimizer, compiled once for all hyper-parameters that differ by value alone. */
export function updateValuesOf(optimizer: Optimizer): UpdateValues {
  const update = updateOf(optimizer);
  const values = known.get(update) ?? valuesOf(optimizer, update);
  known.set(update, values);
  return values;
}
