// Trains a population and tells how well each network does.

import type { FloatArray, Scores } from "../../index.ts";
import type { FrameContext, Rendered } from "../worker/frame.ts";
import { Seldom } from "../worker/seldom.ts";
import { serveSession } from "../worker/serveSession.ts";
import type { Metric, PopulationFrame, PopulationOptions, Rows } from "./protocol.ts";
import { quantiles } from "./quantiles.ts";

/** Scoring takes a quarter of the time at most. */
const scoring = new Seldom(3);

/** Which networks have stopped: their newest loss is NaN. */
function stoppedOf({ model, progress }: FrameContext<PopulationOptions>): (network: number) => boolean {
  const { losses } = progress ?? {};
  if (!losses) return () => false;
  const newest = losses.length - model.members;
  return (network) => Number.isNaN(losses[newest + network]!);
}

/** Values of the networks that go on. */
function metricOf(values: FloatArray, isStopped: (network: number) => boolean): Metric {
  const kept = Float32Array.from(values, (value, network) => (isStopped(network) ? Number.NaN : value));
  return { values: kept, quantiles: quantiles(kept) };
}

/** Networks times rows beyond which scoring takes a second or so on a software adapter. */
const dear = 2 ** 24;

type Scored = Partial<Record<Rows, Scores>>;

/** Both rows where that is quick or the last thing to do, else those that are looked at. */
async function score({ model, settings, options, isRunning }: FrameContext<PopulationOptions>): Promise<Scored> {
  const { test, rows } = options;
  const isDear = model.members * (test.targets.length + settings.data.targets.length) > dear;
  const wanted: readonly Rows[] = isDear && isRunning ? [rows] : ["training", "test"];
  const scored: Scored = {};
  for (const name of wanted) scored[name] = await model.evaluate(name === "test" ? test : settings.data);
  return scored;
}

/** Rows of the scores before. */
let scoredRows: Rows | undefined;

async function render(context: FrameContext<PopulationOptions>): Promise<Rendered<PopulationFrame>> {
  const { progress, isRunning, step, model, settings, options } = context;
  const stopped = progress?.diverged ?? 0;
  const nothing = { content: { metrics: undefined, stopped } };
  // Untrained networks all look alike: with many of them the reader would wait for nothing.
  if (step === 0 && model.members * settings.data.targets.length > dear) return nothing;
  const isOther = scoredRows !== undefined && scoredRows !== options.rows;
  const scores = await scoring.when(!isRunning || isOther, () => score(context));
  if (!scores) return nothing;
  scoredRows = options.rows;
  const isStopped = stoppedOf(context);
  const { training, test } = scores;
  const metrics = {
    ...(training && { trainingLoss: metricOf(training.losses, isStopped) }),
    ...(test && { testLoss: metricOf(test.losses, isStopped) }),
    ...(training?.accuracies && { trainingAccuracy: metricOf(training.accuracies, isStopped) }),
    ...(test?.accuracies && { testAccuracy: metricOf(test.accuracies, isStopped) }),
  };
  return {
    content: { metrics, stopped },
    transfer: Object.values(metrics).map(({ values }) => values.buffer as ArrayBuffer),
  };
}

serveSession(render);
