import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runnerImport } from "vite";
import { afterAll, expect, test, vi } from "vitest";
import { acquire, network } from "../src/index.ts";
import { pointsOf, sessionOf } from "../src/web/playground/setup.ts";
import { weightsJson } from "../src/web/playground/weightFiles.ts";
import { defaults, type PlaygroundState } from "../src/web/playground/state.ts";
import { typescriptProgram } from "../src/web/playground/typescriptProgram.ts";
import { createTrainee, optionsFrom } from "../src/web/worker/trainee.ts";
import { shaders } from "../vite.shaders.ts";

// "Copy as TypeScript" is run, with the library in place of the package, and trains the very network of the page.

const folder = mkdtempSync(join(tmpdir(), "program-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const states: Record<string, PlaygroundState> = {
  defaults,
  "a plane with momentum": {
    ...defaults,
    data: "plane",
    task: "regression",
    loss: "huber",
    optimizer: "sgd",
    learningRate: 0.003,
    momentum: 0.9,
    weightDecay: 1e-4,
    features: ["x1", "sq2", "prod", "sin1"],
    layers: [{ width: 3, activation: "relu" }],
    initializer: "heNormal",
    seed: 5,
  },
  "all that regularises, and an average": {
    ...defaults,
    schedule: "cosine",
    scheduleSteps: 20,
    warmUp: 5,
    weightDecay: 0.01,
    l1: 0.001,
    dropout: 0.2,
    labelSmoothing: 0.1,
    clipNorm: 0.5,
    ema: 0.9,
    layers: [
      { width: 5, activation: "relu" },
      { width: 4, activation: "tanh" },
    ],
  },
  "a training that stops early": {
    ...defaults,
    data: "gauss",
    noise: 50,
    share: 10,
    learningRate: 0.3,
    schedule: "cosineRestarts",
    scheduleSteps: 300,
    ema: 0.9,
    patience: 100,
  },
  "muon without its momentum": { ...defaults, optimizer: "muon", momentum: 0 },
  "muon with options of its own, and a rate that is reduced": {
    ...defaults,
    optimizer: "muon",
    momentum: 0.9,
    learningRate: 1,
    newtonSchulzSteps: 3,
    rateOfOthers: 0.1,
    matchRmsAdamW: true,
    hiddenOnly: true,
    plateau: 100,
    plateauFactor: 0.1,
  },
  "L-BFGS, which takes all points and nothing beside": {
    ...defaults,
    optimizer: "lbfgs",
    learningRate: 1,
    historySize: 5,
    weightDecay: 0.1,
    dropout: 0.5,
    schedule: "cosine",
    ema: 0.9,
  },
};
/** Steps of each; one stops before. */
const stepsOf = ({ patience, plateau }: PlaygroundState): number => (patience > 0 || plateau > 0 ? 600 : 30);

test.each(Object.entries(states))("%s: the program trains the network of the page", async (name, state) => {
  const split = pointsOf(state);
  const program = typescriptProgram(state, split, stepsOf(state));
  expect(program).toContain('from "thalweg"');
  const file = join(folder, `${name.replaceAll(" ", "-")}.ts`);
  writeFileSync(file, program.replace('"thalweg"', JSON.stringify(resolve("src/index.ts"))));
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  await runnerImport(file, { configFile: false, logLevel: "error", plugins: [shaders()] });
  const lines = log.mock.calls.map((parts) => parts);
  log.mockRestore();
  expect(lines.at(-2)![0]).toMatch(/^step \d+: loss \d.*, on test points \d/);
  const session = sessionOf(state, split, undefined);
  const device = await acquire();
  const { model } = await createTrainee(device, session);
  const fitted = await model.fit(session.data, { ...optionsFrom(session, 0), steps: stepsOf(state) });
  const { steps, reduceOnPlateau } = fitted;
  if (state.plateau > 0) expect(reduceOnPlateau!.factors[0]).toBeLessThan(1); // otherwise nothing would be shown
  expect(lines.at(-2)![0]).toContain(`step ${steps}: `);
  expect(steps < stepsOf(state)).toBe(state.patience > 0);
  const rows = session.data.inputs.subarray(0, 4 * session.network.inputs);
  expect(lines.at(-1)).toEqual([device.name, await model.predict(rows)]);
  model.dispose();
  device.dispose();
});

test("weights as JSON are those of the parameters, layer by layer", () => {
  const { parameterCount } = network(sessionOf(defaults, pointsOf(defaults), undefined).network);
  const parameters = Float32Array.from({ length: parameterCount }, (_, at) => at / 8);
  const snapshot = {
    state: defaults,
    split: pointsOf(defaults),
    step: 7,
    epoch: 1,
    parameters,
    trainingState: undefined,
  };
  const { layers, features, step } = JSON.parse(weightsJson(snapshot));
  expect([features, step, layers.length]).toEqual([["x1", "x2"], 7, 3]);
  expect(layers[0].weights[1][0]).toBe(1); // from x₂ to neuron 1.1: value 8
  expect(layers[0].bias).toEqual([2, 2.125, 2.25, 2.375, 2.5, 2.625, 2.75, 2.875]);
  expect(layers[2].weights).toHaveLength(6);
});
