import { dense, network } from "../../src/graph/network.ts";
import { sgd } from "../../src/math/optimizer.ts";
import type { Contender } from "../race/contract.ts";
import { startOf } from "../race/start.ts";
import type { StepWorkload } from "../race/workload.ts";

/** What a page says of itself. */
export interface FirstStep {
  /** From the start of the navigation until the first value of the parameters had been read back. */
  readonly ms: number;
  readonly value: number;
}

/** The smallest network of the race: 2-2-2-1 sigmoid, 4 samples. */
export const firstStepWorkload: StepWorkload = {
  kind: "step",
  name: "2-2-2-1-b4-sgd",
  network: network({
    inputs: 2,
    layers: [dense(2, "sigmoid"), dense(2, "sigmoid"), dense(1, "sigmoid")],
    loss: "squaredError",
  }),
  optimizer: sgd({ learningRate: 0.5 }),
  rows: 4,
  batchSize: 4,
  members: 1,
  data: "noise",
};

declare global {
  /** Resolves when the page has taken its step. */
  var thalwegFirstStep: Promise<FirstStep> | undefined;
}

async function takeFirstStep({ createEntry }: Contender): Promise<FirstStep> {
  const entry = await createEntry(firstStepWorkload, startOf(firstStepWorkload));
  await entry.run(1);
  const value = await entry.finish();
  return { ms: performance.now(), value };
}

/** Takes the step, in the page itself. */
export function raceToFirstStep(contender: Contender): void {
  globalThis.thalwegFirstStep = takeFirstStep(contender);
}
