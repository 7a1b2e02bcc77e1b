// Trains a population and tells how well each network does.

import type { FloatArray, Scores } from "../../index.ts";
import type { FrameContext, Rendered } from "../worker/frame.ts";
import { Seldom } from "../worker/seldom.ts";
import { serveSession } from "../worker/serveSession.ts";
import type { Metric, PopulationFrame, PopulationOptions } from "./protocol.ts";
import { quantiles } from "./quantiles.ts";

/** Scoring takes a quarter of the time at most. */
const scoring = new Seldom(3);

/** Which networks have stopped: their newest loss is NaN. */
function stoppedOf({ model, progress }: FrameContext<PopulationOptions>): (network: number) => boolean {
  const { losses } = progress ?? {};
  if (!losses) return () => false;
  const newest = losses.length - model.replicas;
  return (network) => Number.isNaN(losses[newest + network]!);
}

/** Values of the networks that go on. */
function metricOf(values: FloatArray, isStopped: (network: number) => boolean): Metric {
  const kept = Float32Array.from(values, (value, network) => (isStopped(network) ? Number.NaN : value));
  return { values: kept, quantiles: quantiles(kept) };
}

async function render(context: FrameContext<PopulationOptions>): Promise<Rendered<PopulationFrame>> {
  const { model, settings, options, progress, isRunning } = context;
  const stopped = progress?.diverged ?? 0;
  const scores = await scoring.when(!isRunning, async () => [
    await model.scores(settings.data),
    await model.scores(options.test),
  ]);
  if (!scores) return { content: { metrics: undefined, stopped } };
  const [training, test] = scores as [Scores, Scores];
  const isStopped = stoppedOf(context);
  const metrics = {
    trainingLoss: metricOf(training.losses, isStopped),
    testLoss: metricOf(test.losses, isStopped),
    ...(training.accuracies && { trainingAccuracy: metricOf(training.accuracies, isStopped) }),
    ...(test.accuracies && { testAccuracy: metricOf(test.accuracies, isStopped) }),
  };
  return {
    content: { metrics, stopped },
    transfer: Object.values(metrics).map(({ values }) => values.buffer as ArrayBuffer),
  };
}

serveSession(render);
