// Outputs in WebAssembly against the float64 reference.

import { describe, expect, test } from "vitest";
import { createPredictProgram } from "../src/backend/wasm/predictProgram.ts";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import { activationNames, lossNames } from "../src/graph/network.ts";
import { lossScale } from "../src/backend/sampleLoss.ts";
import { relativeDistance } from "./support/compare.ts";
import { dataOf, networkOf, parametersOf } from "./support/nets.ts";
import { fusings } from "./support/wasmSweep.ts";

/** Place of a value in blocks of four samples. */
const placeOf = (row: number, at: number, width: number): number => ((row >> 2) * width + at) * 4 + (row & 3);

describe.each(fusings())("relaxed madd: %s", (useRelaxed) => {
  test.each(activationNames.flatMap((activation) => [1, 9].map((blocks) => [activation, blocks] as const)))(
    "%s, %d blocks of samples",
    async (activation, blocks) => {
      const layers = [6, 5].map((width) => ({ width, activation }));
      const net = networkOf({ inputs: 3, layers, loss: "squaredError", rows: 4 * blocks, seed: 1 });
      const { inputs } = dataOf(net, 4 * blocks, 4);
      const parameters = parametersOf(net, 8);
      const executor = new ReferenceExecutor(net, 1);
      executor.writeParameters(Float64Array.from(parameters));
      const wanted = await executor.predict(Float64Array.from(inputs));
      for (const stride of [4, 16] as const) {
        const memory = new WebAssembly.Memory({ initial: 1 });
        const bytes = createPredictProgram({ network: net, stride, useRelaxed, memory: { initialPages: 1 } });
        const { instance } = await WebAssembly.instantiate(bytes, { host: { memory } });
        const values = new Float32Array(memory.buffer);
        const [parametersAt, inputsAt, outputsAt] = [0, 4096, 8192];
        for (const [at, value] of parameters.entries()) values[(at * stride) / 4] = value;
        for (let row = 0; row < 4 * blocks; row++)
          for (let at = 0; at < 3; at++) values[inputsAt / 4 + placeOf(row, at, 3)] = inputs[row * 3 + at]!;
        (instance.exports.predict as (...operands: number[]) => void)(parametersAt, inputsAt, blocks, outputsAt);
        const got = wanted.map((_, at) => values[outputsAt / 4 + placeOf(Math.floor(at / 5), at % 5, 5)]!);
        expect(relativeDistance(got, wanted)).toBeLessThanOrEqual(1e-6);
        expect(values[outputsAt / 4 + 20 * blocks]).toBe(0);
      }
    },
  );

  test.each(lossNames.flatMap((loss) => [1, 5, 18].map((rows) => [loss, rows] as const)))(
    "scores by %s of %d rows",
    async (loss, rows) => {
      const layers = [6, 3].map((width) => ({ width, activation: "tanh" as const }));
      const net = networkOf({ inputs: 2, layers, loss, rows, seed: 1 });
      const { inputs, targets } = dataOf(net, rows, 4);
      const parameters = parametersOf(net, 8);
      const executor = new ReferenceExecutor(net, 1);
      executor.writeParameters(Float64Array.from(parameters));
      const wanted = await executor.score({ inputs: Float64Array.from(inputs), targets: Float64Array.from(targets) });
      const memory = new WebAssembly.Memory({ initial: 1 });
      const bytes = createPredictProgram({ network: net, stride: 4, useRelaxed, memory: { initialPages: 1 } });
      const { instance } = await WebAssembly.instantiate(bytes, { host: { memory } });
      const values = new Float32Array(memory.buffer);
      const [parametersAt, samplesAt, to] = [0, 4096, 32_768];
      values.set(parameters);
      values.fill(Number.NaN, samplesAt / 4, to / 4); // lanes without a sample are not to count
      for (let row = 0; row < rows; row++)
        for (let at = 0; at < 5; at++)
          values[samplesAt / 4 + placeOf(row, at, 5)] = at < 2 ? inputs[row * 2 + at]! : targets[row * 3 + at - 2]!;
      (instance.exports.score as (...operands: number[]) => void)(parametersAt, samplesAt, rows, to);
      const sum = values.slice(to / 4, to / 4 + 4).reduce((total, own) => total + own, 0);
      expect(Math.abs(sum * lossScale(loss, rows, 3) - wanted.losses[0]!) / wanted.losses[0]!).toBeLessThanOrEqual(
        1e-6,
      );
      const hits = new Int32Array(memory.buffer, to + 16, 4).reduce((total, own) => total - own, 0);
      const answers = loss === "softmaxCrossEntropy" ? rows : 3 * rows;
      expect(wanted.accuracies ? hits / answers : undefined).toEqual(wanted.accuracies?.[0]);
    },
  );
});
