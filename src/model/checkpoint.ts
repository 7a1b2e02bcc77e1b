import { widestOptimizer } from "../backend/batches.ts";
import { InvalidInput } from "../errors.ts";
import type { FloatArray, RunSettings, Checkpoint } from "../backend/executor.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { requireInteger } from "../graph/network.ts";
import { stateCount } from "../math/optimizerFunction.ts";
import { requireSameTraining } from "./fingerprint.ts";

/** The training that is to go on from a state. */
interface Resumed {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly settings: RunSettings;
  readonly totalSteps: number;
}

const isNumbers = (value: unknown): value is ArrayLike<number> =>
  value instanceof Float32Array || value instanceof Float64Array;

function requireLength(name: string, values: unknown, length: number): void {
  if (isNumbers(values) && values.length === length) return;
  const got = isNumbers(values) ? `${values.length} values` : typeof values;
  const fix = "pass a state of a training of this network, of as many members, with this optimizer";
  throw new InvalidInput({ place: `train: resume: ${name}`, expected: `${length} values`, got, fix });
}

function requireFinite(parameters: FloatArray): void {
  const at = parameters.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const fix = "go on from an earlier state";
  const place = `train: resume: parameter ${at}`;
  throw new InvalidInput({ place, expected: "a finite number", got: String(parameters[at]), fix });
}

/** Throws `InvalidInput` unless a training can go on from the state. */
export function requireCheckpoint(state: Checkpoint, { network, members, settings, totalSteps }: Resumed): void {
  requireInteger("train: resume: step", state?.step, 0, totalSteps - 1);
  requireSameTraining(state, settings);
  const count = members * network.parameterCount;
  requireLength("parameters", state.parameters, count);
  requireFinite(state.parameters);
  requireLength("moments", state.moments, stateCount(widestOptimizer(settings), network.parameterCount) * count);
  for (const name of ["nonFiniteSteps", "bestLosses", "bestSteps"] as const) requireLength(name, state[name], members);
  const stopping = state.trainer?.earlyStopping;
  if (stopping === undefined) return;
  const { judgedStep, bestParameters, ...lists } = stopping;
  requireInteger("train: resume: earlyStopping.judgedStep", judgedStep, 0, state.step);
  for (const [name, list] of Object.entries(lists)) requireLength(`earlyStopping.${name}`, list, members);
  if (bestParameters?.length !== 0) requireLength("earlyStopping.bestParameters", bestParameters, count);
}
