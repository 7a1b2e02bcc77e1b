import { optimizersOf } from "../backend/batches.ts";
import type { Dataset, Executor, FloatArray, Reference, RunSettings, Trace } from "../backend/executor.ts";
import { type AnyNetwork, parametersOf } from "../graph/graphNetwork.ts";
import { nextTask } from "../nextTask.ts";
import type { Optimizer } from "../math/optimizer.ts";
import { streams, uniformAt } from "../random.ts";
import { resultOf } from "./resultParameters.ts";
import type { Model } from "./model.ts";
import { planTraining, type TrainOptions } from "./options.ts";
import { reducedRates, type Reductions } from "./plateaus.ts";
import { firstRows, trainingRows } from "./trainingRows.ts";

export interface VerifyRequest {
  /** Parameters before the first step [members, parameterCount]. */
  readonly initialParameters: FloatArray;
  readonly data: Dataset;
  /** Options of the training that `model` went through; their signal ends the verification too. */
  readonly options: TrainOptions;
  /** Steps that were done, by all or by each member; default all of `options`, and where members were stopped those that each has done. */
  readonly steps?: number | ArrayLike<number>;
  /** Where learning rates were reduced on plateaus; default: where those of `model` were, if `options` reduce them. */
  readonly reductions?: Reductions;
  /** Called about every 50 ms with the steps done, of those of the reference and of the runs that measure the bound. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Comparison of a trained model with the float64 reference after the same steps. */
export interface Verification {
  /** Largest |parameter − reference|, relative to the largest |reference|. */
  readonly deviation: number;
  readonly bound: number;
  readonly passed: boolean;
  /**
   * False where the run amplifies rounding so much that parameters cannot be compared after so many steps; the deviation
   * and bound are then those of one more step from the trained parameters: its gradients and its update.
   */
  readonly conclusive: boolean;
  /** ‖parameters − reference‖ / ‖reference‖. */
  readonly normDeviation: number;
  /** The parameter that deviates most. */
  readonly worst: { readonly name: string; readonly value: number; readonly reference: number };
  /** One sentence: where the bound comes from. */
  readonly reason: string;
}

/** Float64 runs that round as float32 would: how far they drift is what rounding alone does to this training. */
const roundedRuns = 2;
/** How much further than those a GPU may drift: it rounds products and gradients too, and there are but two of them. */
const margin = 16;
/** A deviation of so many bounds may still be rounding: of gradients that nearly cancel, which no parameter shows. */
const greyZone = 16;
/** Beyond this a comparison of parameters says nothing. */
const largestBound = 1e-2;
/** Drift of one step that float32 sums over a batch may cause where rounding of the parameters causes less. */
const leastStepDrift = 2 ** -20;
/** Gradients below this are compared with it. */
const gradientFloor = 1e-2;
const unitMs = 50;

/** `layers.0.weights[1, 2]`: the parameter at an index of the flat buffer. */
function parameterName(network: AnyNetwork, index: number): string {
  const within = index % network.parameterCount;
  const { name, offset, shape } = parametersOf(network).findLast((parameter) => parameter.offset <= within)!;
  const member = index >= network.parameterCount ? `member ${Math.floor(index / network.parameterCount)} ` : "";
  const entry = within - offset;
  const [rows, columns] = shape;
  const place = columns === undefined ? `${entry % rows!}` : `${Math.floor(entry / columns)}, ${entry % columns}`;
  return `${member}${name}[${place}]`;
}

/** Moves every parameter by up to half a unit in the last place of float32, and those near 0 by as much as the average one. */
function rounded(parameters: FloatArray, seed: number, step: number): Float64Array {
  const values = Float64Array.from(parameters);
  const average = values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
  return values.map((value, index) => {
    const noise = 2 * uniformAt(seed, streams.noise, step * values.length + index) - 1;
    return value + noise * 2 ** -24 * (Math.abs(value) + average);
  });
}

/** What learning rates of a replayed training follow from. */
interface Rates {
  readonly settings: RunSettings;
  readonly members: number;
  readonly reductions: Reductions | undefined;
}

/** Learning rates of members that change in a step; undefined where none does. */
function ratesAt(step: number, isFirst: boolean, { settings, members, reductions }: Rates): Float64Array | undefined {
  if (!reductions || !(isFirst || reductions.steps.includes(step))) return undefined;
  const bases = optimizersOf(settings, members).map(({ learningRate }) => learningRate);
  return reducedRates(bases, reductions, step);
}

/** Parameters after the same steps in float64; with a seed, rounded before every step. */
async function referenceParameters(executor: Executor, request: VerifyRequest, seed?: number): Promise<Float64Array> {
  const { settings, totalSteps, signal } = await planTraining(
    executor.network,
    request.data,
    request.options,
    executor.members,
  );
  executor.writeParameters(request.initialParameters);
  const run = await executor.createRun(settings);
  const { steps = totalSteps } = request;
  const ends = typeof steps === "number" ? [steps] : Array.from(steps);
  const parameters = Float64Array.from(request.initialParameters);
  const width = parameters.length / ends.length;
  const last = ends.reduce((most, end) => Math.max(most, end), 0);
  let pauseMs = performance.now() + unitMs;
  const first = settings.resume?.step ?? 0;
  const reduced = { settings, members: executor.members, reductions: request.reductions };
  for (let step = first; step < last; step++) {
    const rates = ratesAt(step, step === first, reduced);
    if (rates) run.setLearningRate(rates);
    if (seed !== undefined) executor.writeParameters(rounded(await executor.readParameters(), seed, step));
    await run.execute(step, 1);
    for (const [member, end] of ends.entries())
      if (end === step + 1) {
        const all = resultOf(settings, await run.readCheckpoint(end));
        parameters.set(all.subarray(member * width, (member + 1) * width), member * width);
      }
    if (performance.now() < pauseMs) continue;
    const length = last - first;
    request.onProgress?.({ done: (seed ?? 0) * length + step + 1 - first, total: (roundedRuns + 1) * length });
    await nextTask();
    signal?.throwIfAborted();
    pauseMs = performance.now() + unitMs;
  }
  return parameters;
}

interface Difference {
  /** Largest |value − reference|, relative to the largest |reference|, or to `floor` where that is more. */
  readonly deviation: number;
  readonly normDeviation: number;
  readonly at: number;
}

function compare(values: FloatArray, reference: FloatArray, floor = Number.MIN_VALUE): Difference {
  let [at, largest, scale, squares, norm] = [0, 0, floor, 0, Number.MIN_VALUE];
  for (let index = 0; index < reference.length; index++) {
    const apart = Math.abs(values[index]! - reference[index]!);
    const difference = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart; // NaN would pass every comparison
    if (difference > largest) [at, largest] = [index, difference];
    scale = Math.max(scale, Math.abs(reference[index]!));
    squares += difference ** 2;
    norm += reference[index]! ** 2;
  }
  return { deviation: largest / scale, normDeviation: Math.sqrt(squares / norm), at };
}

/** Gradients of one step. Of a trained network they may be sums that nearly cancel: below the floor no digits are left. */
const compareGradients = (own: Trace, truth: Trace): number =>
  compare(own.gradients, truth.gradients, gradientFloor).deviation;

/** The update alone: the reference's update applied to the device's gradients. */
const compareUpdate = (reference: Reference, own: Trace, optimizer: Optimizer): number =>
  compare(own.after, reference.update(optimizer, own.before, own.gradients)).deviation;

/** One step over the first rows from the model's own parameters, and how far rounding alone moves that step. */
async function compareStep(model: Model<AnyNetwork>, reference: Reference, { data, options }: VerifyRequest) {
  const { settings } = await planTraining(model.network, data, options, model.members);
  const { optimizer } = settings;
  const count = Math.min(256, (await model.plan(data, options)).chunkRows, data.inputs.length / model.network.inputs);
  const batch = firstRows(model.network, data, count);
  const { labelSmoothing, classWeights } = options;
  const labels = { ...(labelSmoothing !== undefined && { labelSmoothing }), ...(classWeights && { classWeights }) };
  const rows = trainingRows(model.network, batch, labels);
  const own = await model.trace(batch, optimizer, labels);
  const traceAt = (parameters: FloatArray): Promise<Trace> => {
    reference.writeParameters(parameters);
    return reference.trace(rows, optimizer);
  };
  const truth = await traceAt(own.before);
  let drift = leastStepDrift;
  for (let seed = 1; seed <= roundedRuns; seed++) {
    drift = Math.max(drift, compareGradients(await traceAt(rounded(own.before, seed, 0)), truth));
  }
  const deviation = Math.max(compareGradients(own, truth), compareUpdate(reference, own, optimizer));
  return { deviation, bound: margin * drift };
}

/**
 * Repeats a training in float64 with the same data, order and initial parameters, and compares the parameters. The bound is
 * measured: the same training in float64, its parameters moved before every step by what float32 would round, drifts so far.
 * Where that is too far to tell anything, or the deviation lies a little beyond it, one step from the trained parameters
 * decides, since in one step nothing is amplified.
 * @throws the reason of the options' signal
 */
export async function verifyTraining(model: Model<AnyNetwork>, wanted: VerifyRequest): Promise<Verification> {
  const { earlyStopping, halving } = wanted.options;
  const done = (earlyStopping && model.earlyStopping?.steps) ?? (halving && model.halving?.steps);
  const steps = wanted.steps ?? done;
  const reductions = wanted.reductions ?? (wanted.options.reduceOnPlateau && model.reduceOnPlateau?.reductions);
  const request = { ...wanted, ...(steps !== undefined && { steps }), ...(reductions && { reductions }) };
  const { network, members } = model;
  const { createReference } = await import("../backend/createReference.ts");
  const executor = createReference(network, members);
  const reference = await referenceParameters(executor, request);
  let drift = 2 ** -24;
  for (let seed = 1; seed <= roundedRuns; seed++) {
    drift = Math.max(drift, compare(await referenceParameters(executor, request, seed), reference).deviation);
  }
  const values = await model.readParameters();
  const { deviation, normDeviation, at } = compare(values, reference);
  const worst = { name: parameterName(network, at), value: values[at]!, reference: reference[at]! };
  const bound = margin * drift;
  const isClear = deviation <= bound || deviation > Math.min(greyZone * bound, largestBound);
  if (bound <= largestBound && isClear) {
    const reason = `${margin} × the drift of float64 steps that start from values rounded to float32`;
    return { deviation, bound, passed: deviation <= bound, conclusive: true, normDeviation, worst, reason };
  }
  const step = await compareStep(model, executor, request);
  const reason =
    `after all steps the deviation is ${deviation.toExponential(1)}, and rounding alone causes ` +
    `${drift.toExponential(1)}: this training amplifies rounding, so only one step from the trained parameters is compared`;
  const passed = Number.isFinite(step.deviation) && step.deviation <= step.bound;
  return { ...step, passed, conclusive: false, normDeviation, worst, reason };
}
