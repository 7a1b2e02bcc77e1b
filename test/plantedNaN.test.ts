// A NaN in any buffer of a training is found within ten steps, and what is still there afterwards is named.

import { afterEach, expect } from "vitest";
import { createExecutor } from "../src/backend/createExecutor.ts";
import type { Executor, RunSettings, TrainingRun } from "../src/backend/executor.ts";
import { acquire, adam, dense, type Device, network, type StrategyName } from "../src/index.ts";
import { nonFiniteLayer } from "../src/model/nonFiniteLayer.ts";
import { plantAfter, restoreCalls } from "./support/gpuFaults.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { shareOf, testInFull, testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { createUniform } from "./support/random.ts";

const gpu = shareDevice();
const wasm = await acquire({ device: "wasm" });
const reference = await acquire({ device: "reference" });
afterEach(restoreCalls);

/** As many members as places, so that one run tries them all: each has a NaN of its own. */
const members = 20;
const [before, after] = [3, 10];
/** relu makes 0 of a NaN: what it passes on is finite. */
const net = network({ inputs: 5, layers: [dense(7, "relu"), dense(6, "relu"), dense(3)], loss: "softmaxCrossEntropy" });
const [rows, batchSize] = [24, 8];
const settings: RunSettings = {
  data: dataOf(net, rows, 1),
  optimizer: adam({ learningRate: 0.01 }),
  batchSize,
  shuffle: true,
  seed: 3,
};
const places: [string, () => Device, StrategyName | undefined][] = [
  ["the reference", () => reference, undefined],
  ["WebAssembly", () => wasm, undefined],
  ["GPU, layered", gpu, "layered"],
  ["GPU, members", gpu, "members"],
  ["GPU, groups", gpu, "groups"],
  ["GPU, samples", gpu, "samples"],
  ["GPU, tiles", gpu, "tiles"],
];
const uniform = createUniform(11);
const below = (count: number): number => Math.floor(count * uniform());

interface Training {
  readonly executor: Executor;
  readonly run: TrainingRun;
  readonly own: RunSettings;
}

async function begin(
  device: Device,
  strategy: StrategyName | undefined,
  more: Partial<RunSettings> = {},
  count = members,
): Promise<Training> {
  const executor = await createExecutor(device, net, count);
  executor.writeParameters(more.resume?.parameters ?? parametersOf(net, 5, count));
  const own = { ...settings, ...(strategy && { strategy }), ...more };
  return { executor, run: await executor.createRun(own), own };
}

/** Takes ten steps more, and frees everything. @returns where each member has stopped, and what is named */
async function finish({
  executor,
  run,
  own,
}: Training): Promise<{ steps: Float64Array; names: (string | undefined)[] }> {
  await run.execute(before, after);
  const steps = await run.readNonFinite();
  const { parameters, moments } = await run.readCheckpoint(before + after);
  const names = [...steps].map((step, member) => {
    if (step < 0) return undefined;
    const from = member * net.parameterCount;
    const state = { parameters: parameters.subarray(from, from + net.parameterCount), moments };
    return nonFiniteLayer({ network: net, settings: own, member, members: steps.length, step, ...state });
  });
  run.dispose();
  executor.dispose();
  return { steps, names };
}

function expectCaught(steps: ArrayLike<number>): void {
  for (const step of Array.from(steps)) {
    expect(step).toBeGreaterThanOrEqual(before);
    expect(step).toBeLessThan(before + after);
  }
}

const groupAt = (at: number): string =>
  net.layers.flatMap(({ index, weightsOffset, biasOffset, fanOut }) =>
    at >= weightsOffset && at < biasOffset + fanOut ? [`layers.${index}.${at < biasOffset ? "weights" : "bias"}`] : [],
  )[0]!;

const randomPlaces = (): number[] => Array.from({ length: members }, () => below(net.parameterCount));

for (const [name, device, strategy] of places) {
  testOf(name === "GPU, layered")(`${name}: in the parameters`, async () => {
    const training = await begin(device(), strategy);
    await training.run.execute(0, before);
    await training.run.finished();
    const planted = (await training.executor.readParameters()).slice();
    const at = randomPlaces();
    for (const [member, place] of at.entries()) planted[member * net.parameterCount + place] = Number.NaN;
    training.executor.writeParameters(planted);
    const { steps, names } = await finish(training);
    expectCaught(steps);
    expect(names).toEqual(at.map(groupAt));
  });

  testOf(name === "GPU, layered")(`${name}: in the moments`, async () => {
    const first = await begin(device(), strategy);
    await first.run.execute(0, before);
    const state = await first.run.readCheckpoint(before);
    first.run.dispose();
    first.executor.dispose();
    const moments = state.moments.slice();
    const at = randomPlaces();
    for (const [member, place] of at.entries()) {
      const list = below(2); // first and second moments
      moments[(list * members + member) * net.parameterCount + place] = Number.NaN;
    }
    const { steps, names } = await finish(await begin(device(), strategy, { resume: { ...state, moments } }));
    expectCaught(steps);
    expect(names).toEqual(at.map((place) => `the moments of ${groupAt(place)}`));
  });

  testOf(name === "GPU, layered")(`${name}: in the rows`, async () => {
    for (const [list, found] of [
      ["inputs", "the outputs of layers.0"],
      ["targets", "the loss"],
    ] as const) {
      for (let count = 0; count < shareOf(20); count++) {
        const values = settings.data[list].slice();
        values[below(values.length)] = Number.NaN;
        const training = await begin(device(), strategy, { data: { ...settings.data, [list]: values } }, 2);
        await training.run.execute(0, before); // of rows / batchSize steps: the row has been there
        const { steps, names } = await finish(training);
        expect([...steps].every((step) => step >= 0 && step < rows / batchSize)).toBe(true);
        expect(names).toEqual([found, found]);
      }
    }
  });

  testInFull(`${name}: in the settings`, async () => {
    const training = await begin(device(), strategy);
    await training.run.execute(0, before);
    training.run.setLearningRate(Number.NaN);
    expectCaught((await finish(training)).steps);
  });
}

interface Written {
  readonly what: string;
  readonly strategy: StrategyName;
  /** Of the dispatch that writes it, and the binding. */
  readonly label: RegExp;
  readonly binding: number;
  /** Values per member. */
  readonly width: number;
}
const layered = { strategy: "layered" } as const;
const byParameters = { what: "gradients by the parameters", width: net.parameterCount + 1 } as const;
/** Behind the gradients by the last outputs lies the loss. */
const written: Written[] = [
  { ...layered, what: "outputs of layers.0", label: /^forward\w* layer 0$/, binding: 4, width: batchSize * 7 },
  { ...layered, what: "outputs of layers.1", label: /^forward\w* layer 1$/, binding: 4, width: batchSize * 6 },
  { ...layered, what: "outputs of layers.2", label: /^forward\w* layer 2$/, binding: 4, width: batchSize * 3 },
  { ...layered, what: "gradients by outputs", label: /^loss /, binding: 5, width: batchSize * 4 },
  { ...layered, what: "gradients of layers.1", label: /^backwardInputs\w* layer 2$/, binding: 5, width: batchSize * 6 },
  { ...layered, what: "gradients of layers.0", label: /^backwardInputs\w* layer 1$/, binding: 5, width: batchSize * 7 },
  { ...layered, ...byParameters, label: /^backwardWeights\w* layer 0$/, binding: 5 },
  { ...byParameters, strategy: "samples", label: /^trainSamples /, binding: 6 },
  { ...byParameters, strategy: "tiles", label: /^trainTiles /, binding: 6 },
];

testInFull.each(written)("GPU, $strategy: in the $what", async ({ strategy, label, binding, width }) => {
  // Of gradients by parameters those of the first layer, which are written last: other kernels write the rest.
  const at = Array.from({ length: members }, (_, member) => member * width + below(Math.min(width, 5 * 7)));
  const planted = plantAfter(gpu().gpu, { label, binding, at, time: before });
  const training = await begin(gpu(), strategy);
  await training.run.execute(0, before);
  const { steps } = await finish(training);
  expect(planted()).toBe(1);
  expect([...steps]).toEqual(Array(members).fill(before)); // in the same step
});
