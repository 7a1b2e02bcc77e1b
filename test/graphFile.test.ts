import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeModel, encodeModel } from "../src/data.ts";
import { decodeSafetensors, encodeSafetensors } from "../src/formats/safetensors.ts";
import { acquire, type AnyNetwork, BadFile, createModel, dense, layerNorm, loadModel, network } from "../src/index.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { allCases } from "./support/shapes.ts";

const cpu = await acquire({ device: "reference" });

async function expectRoundTrip(net: AnyNetwork, members: number): Promise<void> {
  const parameters = Float32Array.from(graphParameters(net, 4, members));
  const bytes = encodeModel({ network: net, members, parameters });
  const saved = decodeModel(bytes, "m");
  expect([saved.members, saved.parameters]).toEqual([members, parameters]);
  expect(encodeModel(saved)).toEqual(bytes);
  using before = await createModel(net, { device: cpu, members, parameters });
  using after = await createModel(saved.network, { device: cpu, members, parameters: saved.parameters });
  const { inputs } = graphData(net, 3, 8);
  expect(await after.predict(inputs)).toEqual(await before.predict(inputs));
}

test.each(graphCases)("a file gives back what was saved: $name", async ({ network: net }) => {
  await expectRoundTrip(net, 1);
  await expectRoundTrip(net, 2);
});

test("files give back random graphs", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1e6), (seed) => expectRoundTrip(randomGraph(seed), 1)),
    allCases(60),
  );
});

const net = network({ inputs: 3, layers: [dense(4), layerNorm(), dense(2)], loss: "huber" });
const good = encodeModel({ network: net, members: 1, parameters: graphParameters(net, 1) });

interface Written {
  loss: string;
  parameters: { name: string; shape: number[]; start: string }[];
  nodes: Record<string, unknown>[];
}

/** The file with another description of its network. */
function damaged(change: (graph: Written) => void): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(good, "m");
  const graph = JSON.parse(metadata.get("architecture")!) as Written;
  change(graph);
  return encodeSafetensors({ tensors, metadata: new Map([...metadata, ["architecture", JSON.stringify(graph)]]) });
}

const damages: readonly [string, (graph: Written) => void][] = [
  ["a node that reads one behind it", ({ nodes }) => (nodes[0]!["from"] = 7)],
  ["a kind that does not exist", ({ nodes }) => (nodes[0]!["kind"] = "convolution")],
  ["a key too many", ({ nodes }) => (nodes[0]!["code"] = "1")],
  ["a parameter that does not exist", ({ nodes }) => (nodes[0]!["weights"] = 40)],
  ["two nodes of one parameter", ({ nodes }) => (nodes[nodes.length - 1]!["weights"] = 0)],
  ["a primitive from the prototype", ({ nodes }) => rowsOf(nodes).push(["constructor", "x0"])],
  ["a row that names one behind it", ({ nodes }) => rowsOf(nodes).push(["negate", "#99"])],
  ["a row with too few operands", ({ nodes }) => rowsOf(nodes).push(["add", "x0"])],
  ["an operand that does not exist", ({ nodes }) => rowsOf(nodes).push(["negate", "x9"])],
  ["a width that does not fit", ({ parameters }) => (parameters[0]!.shape = [3, 5])],
  ["a size of 0", ({ parameters }) => (parameters[0]!.shape = [3, 0])],
  ["a name twice", ({ parameters }) => (parameters[1]!.name = parameters[0]!.name)],
  ["a name with a path", ({ parameters }) => (parameters[0]!.name = "../x")],
  ["a start that does not exist", ({ parameters }) => (parameters[0]!.start = "twos")],
  ["a loss that does not exist", (graph) => (graph.loss = "none")],
  ["no nodes", (graph) => (graph.nodes = [])],
];

const rowsOf = (nodes: Written["nodes"]): unknown[] =>
  nodes.find(({ kind }) => kind === "elementwise")!["definition"] as unknown[];

test.each(damages)("a damaged description is refused: %s", (_, change) => {
  expect(() => decodeModel(damaged(change), "m")).toThrow(BadFile);
});

test("a description that was not changed is read", () => {
  expect(
    decodeModel(
      damaged(() => {}),
      "m",
    ).parameters,
  ).toHaveLength(net.parameterCount);
});

test("models save themselves, and load only what is their network", async () => {
  const parameters = Float32Array.from(graphParameters(net, 1));
  using model = await createModel(net, { device: cpu, parameters });
  const bytes = await model.save();
  using loaded = await loadModel(bytes, { device: cpu });
  expect(await loaded.readParameters()).toEqual(await model.readParameters());
  using fresh = await createModel(net, { device: cpu, seed: 9 });
  await fresh.load(bytes);
  expect(await fresh.readParameters()).toEqual(await model.readParameters());
  const other = network({ inputs: 3, layers: [dense(4), (x) => x.pipe(layerNorm()).plus(x), dense(2)], loss: "huber" });
  using different = await createModel(other, { device: cpu });
  await expect(different.load(bytes)).rejects.toThrow("use loadModel(bytes, { device })");
});
