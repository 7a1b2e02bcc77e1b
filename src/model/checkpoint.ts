import { widestOptimizer } from "../backend/batches.ts";
import { InvalidInput } from "../errors.ts";
import type {
  Checkpoint,
  EarlyStoppingState,
  FloatArray,
  HalvingState,
  HistoryState,
  PlateauState,
  RunSettings,
} from "../backend/executor.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { requireInteger } from "../graph/network.ts";
import { stateCount } from "../math/optimizerFunction.ts";
import { requireSameTraining } from "./fingerprint.ts";
import { rungsName } from "./halving.ts";
import type { Judging } from "./judging.ts";
import { type Monitor, monitorName } from "./monitor.ts";

/** The training that is to resume from a checkpoint. */
interface Resumed {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly settings: RunSettings;
  readonly totalSteps: number;
  readonly judging: Judging | undefined;
}

const isNumbers = (value: unknown): value is ArrayLike<number> =>
  value instanceof Float32Array || value instanceof Float64Array;

function requireLength(name: string, values: unknown, length: number): void {
  if (isNumbers(values) && values.length === length) return;
  const got = isNumbers(values) ? `${values.length} values` : typeof values;
  const fix = "pass a checkpoint of this network with the same number of members and the same optimizer";
  throw new InvalidInput({ place: `train: resume: ${name}`, expected: `${length} values`, got, fix });
}

function requireFinite(parameters: FloatArray): void {
  const at = parameters.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const fix = "resume from an earlier checkpoint";
  const place = `train: resume: parameter ${at}`;
  throw new InvalidInput({ place, expected: "a finite number", got: String(parameters[at]), fix });
}

/** What members were judged by decides what their best values mean. */
function requireSameMonitor(place: string, known: string | undefined, rule: Monitor | undefined): void {
  if (known === undefined || !rule || known === monitorName(rule)) return;
  throw new InvalidInput({
    place: `train: resume: ${place}`,
    expected: `${known}, as in the checkpoint`,
    got: monitorName(rule),
    fix: "pass the same metric and mode, or remove it from checkpoint.trainer to restart it",
  });
}

function requireStopping(stopping: EarlyStoppingState, state: Checkpoint, { members, judging }: Resumed): void {
  const { judgedStep, bestParameters, monitor, ...lists } = stopping;
  requireInteger("train: resume: earlyStopping.judgedStep", judgedStep, 0, state.step);
  for (const [name, list] of Object.entries(lists)) requireLength(`earlyStopping.${name}`, list, members);
  if (bestParameters?.length !== 0)
    requireLength("earlyStopping.bestParameters", bestParameters, state.parameters.length);
  requireSameMonitor("earlyStopping", monitor, judging?.stopping);
}

function requirePlateaus(plateaus: PlateauState, { step }: Checkpoint, { members, judging }: Resumed): void {
  const { judgedStep, monitor, reducedSteps, reducedMembers, reducedFactors, ...lists } = plateaus;
  requireInteger("train: resume: reduceOnPlateau.judgedStep", judgedStep, 0, step);
  for (const [name, list] of Object.entries(lists)) requireLength(`reduceOnPlateau.${name}`, list, members);
  for (const [name, list] of Object.entries({ reducedSteps, reducedMembers, reducedFactors }))
    requireLength(`reduceOnPlateau.${name}`, list, reducedSteps?.length);
  for (const member of reducedMembers)
    requireInteger("train: resume: reduceOnPlateau.reducedMembers", member, 0, members - 1);
  requireSameMonitor("reduceOnPlateau", monitor, judging?.plateau);
}

/** The remaining rungs must be those of the checkpoint. */
function requireHalving(state: HalvingState, { step }: Checkpoint, { members, judging }: Resumed): void {
  requireInteger("train: resume: halving.judgedStep", state.judgedStep, 0, step);
  for (const name of ["stoppedSteps", "finalLosses"] as const) requireLength(`halving.${name}`, state[name], members);
  const rule = judging?.halving;
  if (rule === undefined) {
    if (state.stoppedSteps.every((stopped) => stopped < 0)) return;
    const expected = "the halving of the checkpoint, which has stopped members";
    const fix = "pass the same halving, or continue one member alone";
    throw new InvalidInput({ place: "train: halving", expected, got: "none", fix });
  }
  const own = { factor: rule.factor, totalSteps: rule.totalSteps, rungs: rungsName(rule), monitor: monitorName(rule) };
  for (const name of ["factor", "totalSteps", "rungs", "monitor"] as const) {
    if (state[name] === own[name]) continue;
    const expected = `${state[name]}, as in the checkpoint`;
    const fix = "pass the same options: the rungs depend on them";
    throw new InvalidInput({ place: `train: resume: halving.${name}`, expected, got: String(own[name]), fix });
  }
}

function requireHistory({ sums, counts, open, since, entries, firstEpoch }: HistoryState): void {
  requireInteger("train: resume: history.firstEpoch", firstEpoch, 0, 2 ** 48);
  requireLength("history.sums", sums, sums?.length);
  requireLength("history.counts", counts, sums.length);
  const areSums = [open?.sum, open?.count, open?.steps, since?.sum, since?.count].every((own) => Number.isFinite(own));
  if (areSums && Array.isArray(entries)) return;
  const fix = "remove history from checkpoint.trainer, or resume from another checkpoint";
  throw new InvalidInput({
    place: "train: resume: history",
    expected: "the history of a checkpoint",
    got: "another value",
    fix,
  });
}

/** Throws `InvalidInput` unless a training can resume from the checkpoint. */
export function requireCheckpoint(state: Checkpoint, training: Resumed): void {
  const { network, members, settings, totalSteps } = training;
  requireInteger("train: resume: step", state?.step, 0, totalSteps);
  requireSameTraining(state, settings);
  const count = members * network.parameterCount;
  requireLength("parameters", state.parameters, count);
  requireFinite(state.parameters);
  requireLength("moments", state.moments, stateCount(widestOptimizer(settings), network.parameterCount) * count);
  for (const name of ["nonFiniteSteps", "bestLosses", "bestSteps"] as const) requireLength(name, state[name], members);
  const { earlyStopping, halving, history, reduceOnPlateau } = state.trainer ?? {};
  if (history) requireHistory(history);
  if (halving) requireHalving(halving, state, training);
  if (earlyStopping) requireStopping(earlyStopping, state, training);
  if (reduceOnPlateau) requirePlateaus(reduceOnPlateau, state, training);
}
