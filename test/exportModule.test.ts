import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exportModule, type ModuleOptions } from "../src/data.ts";
import { InvalidInput } from "../src/errors.ts";
import {
  acquire,
  activation,
  activationNames,
  type AnyNetwork,
  createModel,
  dense,
  lossNames,
  math,
  network,
} from "../src/index.ts";
import { largestDifference } from "./support/compare.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { loadModule } from "./support/loadModule.ts";
import { shareOf } from "./support/share.ts";

const rows = 5;

async function byReference(net: AnyNetwork, parameters: Float64Array, inputs: Float64Array): Promise<Float64Array> {
  const model = await createModel(net, { device: await acquire({ device: "reference" }), parameters });
  return Float64Array.from(await model.predict(inputs));
}

async function byModule(net: AnyNetwork, parameters: Float64Array, inputs: Float64Array): Promise<Float64Array> {
  const { predict } = await loadModule(exportModule({ network: net, members: 1, parameters }, { to: "js" }));
  return Float64Array.from({ length: rows * net.outputs }, (_, at) => {
    const row = Math.floor(at / net.outputs);
    return predict(inputs.subarray(row * net.inputs, (row + 1) * net.inputs))[at % net.outputs]!;
  });
}

/** How far a module is from the reference, in units of the largest answer. */
async function deviation(net: AnyNetwork, seed: number): Promise<number> {
  const parameters = graphParameters(net, seed);
  const { inputs } = graphData(net, rows, seed);
  const wanted = await byReference(net, parameters, inputs);
  const got = await byModule(net, parameters, inputs);
  return largestDifference(got, wanted) / Math.max(1e-3, ...wanted.map(Math.abs));
}

const losses = lossNames.map((loss) => network({ inputs: 3, loss, layers: [dense(5, "tanh"), dense(4)] }));
const activations = activationNames.map((name) =>
  network({ inputs: 3, loss: "squaredError", layers: [dense(7, name), dense(2, name)] }),
);
const own = activation("soft-cap", (z) => math.minimum(math.exp(z), z.times(z).plus(1)));

describe("a module in JavaScript answers as the reference does", () => {
  test.each(activations.map((net, index) => [activationNames[index]!, net] as const))("%s", async (_, net) => {
    expect(await deviation(net, 3)).toBeLessThan(1e-12);
  });
  test.each(losses.map((net) => [net.loss, net] as const))("%s", async (_, net) => {
    expect(await deviation(net, 4)).toBeLessThan(1e-12);
  });
  test.each(graphCases.map((one) => [one.name, one.network] as const))("%s", async (_, net) => {
    expect(await deviation(net, 5)).toBeLessThan(1e-12);
  });
  test("an own activation, whose name does not get into the source", async () => {
    const net = network({ inputs: 2, loss: "squaredError", layers: [dense(3, own), dense(1)] });
    expect(await deviation(net, 6)).toBeLessThan(1e-12);
    for (const to of ["js", "c", "wgsl"] as const) {
      const source = exportModule({ network: net, members: 1, parameters: graphParameters(net, 1) }, { to });
      expect(source).not.toContain("soft-cap");
    }
  });
  test("more parameters than are written as decimals", async () => {
    const net = network({ inputs: 60, loss: "softmaxCrossEntropy", layers: [dense(70, "relu"), dense(3)] });
    expect(await deviation(net, 7)).toBeLessThan(1e-12);
  });
  test("random graphs", async () => {
    const property = fc.asyncProperty(fc.nat(), async (seed) => {
      expect(await deviation(randomGraph(seed), seed)).toBeLessThan(1e-10); // sums of logarithms may cancel
    });
    await fc.assert(property, { numRuns: shareOf(1000), seed: 20, endOnFailure: true });
  });
});

describe("what is refused", () => {
  const net = network({ inputs: 2, loss: "squaredError", layers: [dense(3, "tanh"), dense(1)] });
  const model = { network: net, members: 2, parameters: graphParameters(net, 1, 2) };
  const refused = (options: object, changed: object = {}) => {
    try {
      exportModule({ ...model, ...changed }, options as ModuleOptions);
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidInput);
      return (error as Error).message;
    }
    throw new Error("not refused");
  };
  const one = { members: 1, parameters: graphParameters(net, 1) };
  test.each([
    [{ to: "js" }, {}, "exportModule: member: expected one of the 2 members, got none"],
    [{ to: "js", member: 2 }, {}, "exportModule: member: expected an integer from 0 to 1, got 2"],
    [{ to: "python", member: 0 }, {}, "exportModule: to: expected one of js, c, wgsl, html, onnx, got"],
    [{ to: "c", name: "for" }, one, "exportModule: name: expected a name of letters"],
    [{ to: "c", name: "a b" }, one, "exportModule: name: expected a name of letters"],
    [{ to: "wgsl", name: "x; }" }, one, "exportModule: name: expected a name of letters"],
    [{ to: "js", weights: { group: 0, binding: 0 } }, one, "exportModule: weights: expected none"],
    [{ to: "wgsl", weights: { group: 4, binding: 0 } }, one, "exportModule: weights.group: expected"],
    [
      { to: "js" },
      { ...one, parameters: one.parameters.map(() => Number.NaN) },
      "exportModule: parameter 0: expected a finite f32",
    ],
    [{ to: "js" }, { ...one, parameters: one.parameters.slice(1) }, "exportModule: parameters: expected 13, got 12"],
  ])("%o", (options, changed, message) => {
    expect(refused(options, changed)).toContain(message);
  });
  test("too many constants for a shader", () => {
    const wide = network({ inputs: 100, loss: "squaredError", layers: [dense(50)] });
    const message = refused({ to: "wgsl" }, { network: wide, members: 1, parameters: graphParameters(wide, 1) });
    expect(message).toContain("exportModule: weights: expected at most 4096 parameters as constants, got 5050");
  });
  test("a row of the wrong length, by the module itself", async () => {
    const { predict } = await loadModule(exportModule({ ...model, ...one }, { to: "js" }));
    expect(() => predict([1])).toThrow("predict: expected 2 numbers, got 1");
  });
});
