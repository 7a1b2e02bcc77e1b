import { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { describe, expect, test } from "vitest";
import fc from "fast-check";
import {
  acquire,
  activation,
  type AnyNetwork,
  createModel,
  dense,
  dropout,
  embedding,
  layerNorm,
  loss,
  math,
  network,
} from "../src/index.ts";
import { encodeOnnx, inputLayers, inputWidth, prepare, tableFromRows } from "../src/data.ts";
import { InvalidInput } from "../src/errors.ts";
import { activationNames, lossNames, type Network } from "../src/graph/network.ts";
import type { Vector } from "../src/graph/vector.ts";
import { largestDifference } from "./support/compare.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { allCases } from "./support/shapes.ts";
import { dataOf, describeNet, type NetCase, networkOf, parametersOf } from "./support/nets.ts";

const rows = 19;
const base: NetCase = { inputs: 3, layers: [], loss: "meanSquaredError", rows, seed: 5 };

/** Every activation, hidden and last; every loss; several shapes. */
const cases: readonly NetCase[] = [
  ...activationNames.map((activation) => ({
    ...base,
    layers: [
      { width: 7, activation },
      { width: 2, activation },
    ],
  })),
  ...lossNames.map((loss) => ({
    ...base,
    loss,
    layers: [
      { width: 5, activation: "tanh" as const },
      { width: 4, activation: "identity" as const },
    ],
  })),
  { ...base, inputs: 1, layers: [{ width: 1, activation: "sine" }] },
  { ...base, inputs: 40, layers: [33, 65, 17, 3].map((width) => ({ width, activation: "gelu" as const })) },
  { ...base, inputs: 300, layers: [{ width: 1, activation: "identity" }], loss: "binaryCrossEntropy" },
];

interface Answer {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What ONNX Runtime makes of the file, by name of the output. */
async function runOnnx(bytes: Uint8Array, { inputs }: AnyNetwork, values: Float32Array): Promise<Map<string, Answer>> {
  const session = await InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const count = values.length / inputs;
  const results = await session.run({ inputs: new Tensor("float32", values, [count, inputs]) });
  const answers = Object.entries(results).map(
    ([name, tensor]) => [name, { shape: tensor.dims, values: tensor.data as Float32Array }] as const,
  );
  await session.release();
  return new Map(answers);
}

/** The float64 reference: outputs, and probabilities where there are logits. */
async function reference(net: AnyNetwork, parameters: Float32Array, inputs: Float32Array, members: number) {
  const model = await createModel(net, { device: await acquire({ device: "reference" }), parameters, members });
  return { outputs: await model.logits(inputs), probabilities: await model.predict(inputs) };
}

/** Values are of order 1 here, and a few hundred roundings of 2⁻²⁴ lie behind each. */
const bound = 2e-5;

/** @param amplified how much the network enlarges rounding, at most */
async function compareOn(
  net: AnyNetwork,
  { members, parameters, inputs }: { members: number; parameters: Float32Array; inputs: Float32Array },
  amplified = 1,
): Promise<void> {
  const answers = await runOnnx(encodeOnnx({ network: net, members, parameters }), net, inputs);
  const { outputs, probabilities } = await reference(net, parameters, inputs, members);
  const isProbable = net.loss === "binaryCrossEntropy" || net.loss === "softmaxCrossEntropy";
  expect([...answers.keys()].sort()).toEqual(isProbable ? ["logits", "probabilities"] : ["outputs"]);
  const raw = answers.get(isProbable ? "logits" : "outputs")!;
  const count = inputs.length / net.inputs;
  expect(raw.shape).toEqual(members === 1 ? [count, net.outputs] : [members, count, net.outputs]);
  const largest = Math.max(...outputs.map(Math.abs));
  expect(largest).toBeGreaterThan(0.01);
  const own = bound * amplified * Math.max(1, largest);
  expect(largestDifference(raw.values, outputs)).toBeLessThan(own);
  if (isProbable) expect(largestDifference(answers.get("probabilities")!.values, probabilities)).toBeLessThan(own);
}

const compare = (net: Network, members: number): Promise<void> =>
  compareOn(net, {
    members,
    parameters: parametersOf(net, 7, members),
    inputs: Float32Array.from(dataOf(net, rows, 3).inputs),
  });

const compareGraph = (net: AnyNetwork, members: number, amplified?: number): Promise<void> =>
  compareOn(
    net,
    {
      members,
      parameters: Float32Array.from(graphParameters(net, 7, members)),
      inputs: Float32Array.from(graphData(net, rows, 3).inputs),
    },
    amplified,
  );

const meanLoss = "meanSquaredError";
const graphOf = (inputs: number, define: (x: Vector) => Vector): AnyNetwork =>
  network({ inputs, loss: meanLoss }, define);

/** Values without rows or members where an operator needs them, values that are read twice, and large ones. */
const shapeCases: readonly (readonly [string, AnyNetwork])[] = [
  ["a trained vector beside the data", graphOf(3, (x) => x.concat(x.parameters({ own: "ones" }).own, x))],
  ["a trained vector in a dense layer", graphOf(3, (x) => x.parameters({ own: "ones" }).own.pipe(dense(2)))],
  ["a trained vector as the output", graphOf(3, (x) => x.parameters({ own: "ones" }).own.pipe(dropout(0.5)))],
  [
    "an output that other nodes read",
    graphOf(3, (x) => {
      const y = x.pipe(dense(3));
      return y.plus(y.pipe(dropout(0.2))).pipe(dropout(0.3));
    }),
  ],
  [
    "data beside what members compute",
    graphOf(3, (x) => x.concat(x.slice(1, 2).broadcast(4), x.pipe(dense(2, "elu")), x.sum())),
  ],
  [
    "log Σ e^x of large values",
    graphOf(3, (x) =>
      x
        .times(300)
        .logSumExp()
        .concat(x.pipe(dense(1))),
    ),
  ],
  [
    "constants",
    graphOf(2, (x) =>
      x
        .map(() => math.sqrt(4))
        .plus(
          x
            .map((z) => z.minus(z))
            .concat(x)
            .pipe(dense(2)),
        ),
    ),
  ],
  [
    "two embeddings",
    network({
      inputs: 4,
      layers: [embedding({ column: 1, categories: 5, width: 3 }), dense(3), layerNorm()],
      loss: meanLoss,
    }),
  ],
];

describe("ONNX files in ONNX Runtime give the numbers of the float64 reference", () => {
  test.each(cases.map((one) => [describeNet(networkOf(one)), one] as const))("%s", (_, one) =>
    compare(networkOf(one), 1),
  );

  test("of an activation and a loss of one's own", () => {
    const ownMish = activation("ownMish", (z) => z.times(math.tanh(math.softplus(z))));
    const bump = activation("bump", (z) =>
      math.where(z.less(0), math.expm1(z), math.minimum(z, 1).plus(math.normalDensity(z)).minus(math.normalDensity(0))),
    );
    const own = loss("ownLogCosh", (y, t) => {
      const size = math.absolute(y.minus(t));
      return size.plus(math.softplus(size.times(-2))).minus(Math.LN2);
    });
    return compare(network({ inputs: 3, layers: [dense(7, ownMish), dense(5, bump), dense(2, "silu")], loss: own }), 2);
  });

  test.each(graphCases.map((one) => [one.name, one.network] as const))("%s, one member and three", async (_, net) => {
    await compareGraph(net, 1);
    await compareGraph(net, 3);
  });

  test.each(shapeCases)("%s, one member and three", async (_, net) => {
    await compareGraph(net, 1);
    await compareGraph(net, 3);
  });

  test("of a prepared table with a column of categories", async () => {
    const rows = Array.from({ length: 60 }, (_, row) => ({ city: `c${row % 20}`, x: row % 7, y: (row % 20) + 0.5 }));
    const { preprocessing, training } = await prepare(tableFromRows(rows, "t"), { target: "y" });
    const layers = [...inputLayers(preprocessing), dense(4, "tanh"), dense(1)];
    const net = network({ inputs: inputWidth(preprocessing), layers, loss: meanLoss });
    const parameters = Float32Array.from(graphParameters(net, 7, 2));
    await compareOn(net, { members: 2, parameters, inputs: Float32Array.from(training.inputs) });
  });

  test("random graphs", () =>
    fc.assert(
      fc.asyncProperty(fc.nat(1e6), fc.constantFrom(1, 2), (seed, members) =>
        // A layerNorm of values that are almost equal divides their rounding by √epsilon.
        compareGraph(randomGraph(seed), members, 1 / Math.sqrt(1e-5)),
      ),
      allCases(60),
    ));

  test.each([cases[6]!, cases[activationNames.length + 5]!])("of three members", (one) => compare(networkOf(one), 3));
});

describe("what cannot be written is refused", () => {
  const net = networkOf(cases[0]!);
  const parameters = parametersOf(net, 1);

  test("parameters of another network", () => {
    const short = { network: net, members: 2, parameters };
    expect(() => encodeOnnx(short)).toThrow(InvalidInput);
    expect(() => encodeOnnx(short)).toThrow(/encodeOnnx: parameters: expected 88, got 44/);
  });

  test("parameters that are not finite", () => {
    const diverged = parameters.with(3, Number.NaN);
    expect(() => encodeOnnx({ network: net, members: 1, parameters: diverged })).toThrow(/encodeOnnx: parameter 3/);
  });
});

test("the file names its inputs, in the words of whoever wrote it", () => {
  const net = networkOf(cases[0]!);
  const inputNames = ["x1", "x2", "x1x2"];
  const bytes = encodeOnnx({ network: net, members: 1, parameters: parametersOf(net, 1), inputNames });
  expect(new TextDecoder("latin1").decode(bytes)).toContain('["x1","x2","x1x2"]');
});
