import { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { describe, expect, test } from "vitest";
import { acquire, activation, createModel, dense, loss, math, network } from "../src/index.ts";
import { encodeOnnx } from "../src/data.ts";
import { InvalidInput } from "../src/errors.ts";
import { activationNames, lossNames, type Network } from "../src/graph/network.ts";
import { largestDifference } from "./support/compare.ts";
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
async function runOnnx(bytes: Uint8Array, { inputs }: Network, values: Float32Array): Promise<Map<string, Answer>> {
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
async function reference(net: Network, parameters: Float32Array, inputs: Float32Array, members: number) {
  const model = await createModel(net, { device: await acquire({ device: "reference" }), parameters, members });
  return { outputs: await model.logits(inputs), probabilities: await model.predict(inputs) };
}

/** Values are of order 1 here, and a few hundred roundings of 2⁻²⁴ lie behind each. */
const bound = 2e-5;

async function compare(net: Network, members: number): Promise<void> {
  const parameters = parametersOf(net, 7, members);
  const inputs = Float32Array.from(dataOf(net, rows, 3).inputs);
  const answers = await runOnnx(encodeOnnx({ network: net, members, parameters }), net, inputs);
  const { outputs, probabilities } = await reference(net, parameters, inputs, members);
  const isProbable = net.loss === "binaryCrossEntropy" || net.loss === "softmaxCrossEntropy";
  expect([...answers.keys()].sort()).toEqual(isProbable ? ["logits", "probabilities"] : ["outputs"]);
  const raw = answers.get(isProbable ? "logits" : "outputs")!;
  const shape = members === 1 ? [rows, net.outputs] : [members, rows, net.outputs];
  expect(raw.shape).toEqual(shape);
  expect(largestDifference(raw.values, outputs)).toBeLessThan(bound);
  expect(Math.max(...outputs.map(Math.abs))).toBeGreaterThan(0.01);
  if (isProbable) expect(largestDifference(answers.get("probabilities")!.values, probabilities)).toBeLessThan(bound);
}

describe("ONNX files in ONNX Runtime give the numbers of the float64 reference", () => {
  test.each(cases.map((one) => [describeNet(networkOf(one)), one] as const))("%s", (_, one) =>
    compare(networkOf(one), 1),
  );

  test("of an activation and a loss of one's own", () => {
    const mish = activation("mish", (z) => z.times(math.tanh(math.softplus(z))));
    const bump = activation("bump", (z) =>
      math.where(z.less(0), math.expm1(z), math.minimum(z, 1).plus(math.normalDensity(z)).minus(math.normalDensity(0))),
    );
    const own = loss("logCosh", (y, t) => {
      const size = math.absolute(y.minus(t));
      return size.plus(math.softplus(size.times(-2))).minus(Math.LN2);
    });
    return compare(network({ inputs: 3, layers: [dense(7, mish), dense(5, bump), dense(2, "silu")], loss: own }), 2);
  });

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
