import { createTallies, score, scoresOf } from "../backend/score.ts";
import type { Dataset, Executor, Scores } from "../backend/executor.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { MetricOptions, MetricScores } from "./measure.ts";

/** How well a model fits rows of data: the mean over its members, and each one. Metrics only where they were asked for. */
export interface Evaluation extends Scores, Partial<MetricScores> {
  /** Mean loss, as the network defines it, of all members. */
  readonly loss: number;
  /** Mean of `accuracies`. */
  readonly accuracy: number | undefined;
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

const evaluationOf = ({ losses, accuracies }: Scores): Evaluation => ({
  loss: mean(losses),
  accuracy: accuracies && mean(accuracies),
  losses,
  accuracies,
});

/** Outputs of one network, in values, that are read back to be scored in float64. */
const hostOutputs = 2 ** 22;

/**
 * Scores members on rows of data. One network with at most 2²² outputs is scored in float64 from its outputs; otherwise the sums are
 * taken where the outputs are, in float32 over 128 rows and in float64 beyond, and only the scores are read back.
 */
export async function evaluate(executor: Executor, data: Dataset, options: MetricOptions = {}): Promise<Evaluation> {
  const { network, members } = executor;
  const { length } = data.targets;
  const isRead = members === 1 && length <= hostOutputs;
  const outputs = isRead ? Float64Array.from(await executor.predict(data.inputs)) : undefined;
  const scores = evaluationOf(outputs ? scoreOutputs(network, outputs, data) : await executor.score(data));
  if (!options.metrics) return scores;
  const { measure } = await import("./measure.ts");
  return { ...scores, ...(await measure(executor, data, options, outputs)) };
}

function scoreOutputs(network: AnyNetwork, outputs: Float64Array, { targets }: Dataset): Scores {
  const tallies = createTallies(1);
  score(network, { outputs, targets: Float64Array.from(targets) }, tallies, 0);
  return scoresOf(network, targets.length / network.outputs, tallies);
}
