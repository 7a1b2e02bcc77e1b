import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import { nextTask } from "../../nextTask.ts";
import type { Dataset, Scores } from "../executor.ts";
import { createTallies, score, scoresOf } from "../score.ts";
import { Step } from "./step.ts";

/** Rows whose activations are held at once. */
const chunkRows = 1024;
/** Time between two looks at what else waits. */
const unitMs = 50;

/**
 * Scores of members over rows of data, in float64.
 * @param parameters per member [parameterCount]
 */
export async function scoreMembers(
  network: AnyNetwork,
  parameters: readonly Float64Array[],
  data: Dataset,
): Promise<Scores> {
  const { inputs: fanIn, outputs: width } = network;
  const rowCount = data.targets.length / width;
  const tallies = createTallies(parameters.length);
  let pauseMs = performance.now() + unitMs;
  for (let firstRow = 0; firstRow < rowCount; firstRow += chunkRows) {
    const endRow = Math.min(rowCount, firstRow + chunkRows);
    const inputs = Float64Array.from(data.inputs.subarray(firstRow * fanIn, endRow * fanIn));
    const targets = Float64Array.from(data.targets.subarray(firstRow * width, endRow * width));
    const rows = endRow - firstRow;
    const step = new Step(network, rows);
    for (const [member, own] of parameters.entries()) {
      const outputs = step.forward({ rows, inputs, parameters: own });
      score(network, { outputs, targets }, tallies, member);
      if (performance.now() < pauseMs) continue;
      await nextTask();
      pauseMs = performance.now() + unitMs;
    }
  }
  return scoresOf(network, rowCount, tallies);
}
