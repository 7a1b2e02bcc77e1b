// Trains a population and reports the scores of each network.

import type { FloatArray, Scores } from "../../index.ts";
import type { FrameContext, Rendered } from "../worker/frame.ts";
import { Seldom } from "../worker/seldom.ts";
import { serveSession } from "../worker/serveSession.ts";
import type { Metric, PopulationFrame, PopulationOptions, Rows, Stopping } from "./protocol.ts";
import { quantiles } from "./quantiles.ts";

/** Scoring takes a quarter of the time at most. */
const scoring = new Seldom(3);

/** Which networks have diverged: their newest loss is NaN, and they did not stop early. */
function divergedOf({ model, progress, earlyStopping }: FrameContext<PopulationOptions>): (network: number) => boolean {
  const { losses } = progress ?? {};
  if (!losses) return () => false;
  const newest = losses.length - model.members;
  const hasStopped = (network: number): boolean => (earlyStopping?.stoppedSteps[network] ?? -1) >= 0;
  return (network) => Number.isNaN(losses[newest + network]!) && !hasStopped(network);
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** Steps that all networks have taken, and how early stopping goes. */
function takenOf(context: FrameContext<PopulationOptions>): Pick<PopulationFrame, "taken" | "stopping"> {
  const { model, settings, step, earlyStopping, isFinished } = context;
  if (!earlyStopping) return { taken: model.members * step, stopping: undefined };
  const { stoppedSteps, steps } = earlyStopping;
  const hasStopped = stoppedSteps.map((stopped) => (stopped >= 0 ? 1 : 0));
  const taken = sumOf(stoppedSteps.map((stopped) => (stopped >= 0 ? stopped : step)));
  const asked = model.members * (isFinished ? settings.lastStep! : step);
  const stopping: Stopping = {
    count: sumOf(hasStopped),
    saved: asked === 0 ? 0 : 1 - taken / asked,
    stoppedSteps: Float32Array.from(stoppedSteps),
    restoredSteps: Float32Array.from(steps, (own, network) => (isFinished || hasStopped[network] ? own : -1)),
  };
  return { taken, stopping };
}

const buffersOf = ({ stopping }: Pick<PopulationFrame, "stopping">): ArrayBuffer[] =>
  stopping ? [stopping.stoppedSteps, stopping.restoredSteps].map(({ buffer }) => buffer as ArrayBuffer) : [];

/** Values of the networks that have not diverged. */
function metricOf(values: FloatArray, hasDiverged: (network: number) => boolean): Metric {
  const kept = Float32Array.from(values, (value, network) => (hasDiverged(network) ? Number.NaN : value));
  return { values: kept, quantiles: quantiles(kept) };
}

/** Networks times rows beyond which scoring takes a second or so on a software adapter. */
const dear = 2 ** 24;

type Scored = Partial<Record<Rows, Scores>>;

/** Both rows where that is quick or the last thing to do, else those that are looked at. */
async function score(context: FrameContext<PopulationOptions>): Promise<Scored> {
  const { model, settings, options, isRunning } = context;
  const { test, rows } = options;
  const isDear = model.members * (test.targets.length + settings.data.targets.length) > dear;
  const wanted: readonly Rows[] = isDear && isRunning ? [rows] : ["training", "test"];
  const scored: Scored = {};
  const known = settings.validation && context.progress?.validation; // early stopping has looked at the same rows
  for (const name of wanted) {
    scored[name] = name === "test" ? (known ?? (await model.evaluate(test))) : await model.evaluate(settings.data);
  }
  return scored;
}

/** Rows of the scores before. */
let scoredRows: Rows | undefined;

async function render(context: FrameContext<PopulationOptions>): Promise<Rendered<PopulationFrame>> {
  const { progress, isRunning, step, model, settings, options } = context;
  const counts = { diverged: progress?.diverged ?? 0, ...takenOf(context) };
  const nothing = { content: { metrics: undefined, ...counts }, transfer: buffersOf(counts) };
  // Untrained networks all look the same: with many of them the reader would wait for nothing.
  if (step === 0 && model.members * settings.data.targets.length > dear) return nothing;
  const isOther = scoredRows !== undefined && scoredRows !== options.rows;
  const scores = await scoring.when(!isRunning || isOther, () => score(context));
  if (!scores) return nothing;
  scoredRows = options.rows;
  const hasDiverged = divergedOf(context);
  const { training, test } = scores;
  const metrics = {
    ...(training && { trainingLoss: metricOf(training.losses, hasDiverged) }),
    ...(test && { testLoss: metricOf(test.losses, hasDiverged) }),
    ...(training?.accuracies && { trainingAccuracy: metricOf(training.accuracies, hasDiverged) }),
    ...(test?.accuracies && { testAccuracy: metricOf(test.accuracies, hasDiverged) }),
  };
  return {
    content: { metrics, ...counts },
    transfer: [...Object.values(metrics).map(({ values }) => values.buffer as ArrayBuffer), ...buffersOf(counts)],
  };
}

serveSession(render);
