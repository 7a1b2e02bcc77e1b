import { expect, test, vi } from "vitest";
import { WasmExecutor } from "../src/backend/wasm/executor.ts";
import { acquire, type AnyNetwork, dense, embedding, layerNorm, network, residual, selfTest } from "../src/index.ts";
import { shareDevices } from "./support/sharedDevice.ts";

const devices = shareDevices();

/** Category columns on both sides of a number, and a loss whose targets are 0 or 1. */
const own: AnyNetwork = network({
  inputs: 3,
  layers: [
    embedding({ column: 2, categories: 7, width: 2 }),
    embedding({ column: 0, categories: 4, width: 3 }),
    dense(6, "tanh"),
    residual(layerNorm(), dense(6, "silu")),
    dense(2),
  ],
  loss: "binaryCrossEntropy",
});

test.each(Object.entries(devices))("%s passes, with a graph of its own and one of the user's", async (_, open) => {
  const device = await open();
  const { passed, checks } = await selfTest(device, { network: own });
  expect(passed, JSON.stringify(checks)).toBe(true);
  const graphs = checks.filter(({ name }) => name.includes("a graph of"));
  expect(graphs.map(({ name }) => name.split(": ")[1])).toEqual([
    "outputs",
    "gradients",
    "12 steps of muon",
    "outputs",
    "gradients",
    "12 steps of sgd",
  ]);
  for (const { deviation } of graphs) expect(deviation > 0).toBe(device.kind !== "reference"); // float32, not float64
});

test("a device that keeps other parameters of a graph fails", async () => {
  const device = await devices.wasm();
  const { readParameters } = WasmExecutor.prototype;
  const spy = vi.spyOn(WasmExecutor.prototype, "readParameters").mockImplementation(async function (
    this: WasmExecutor,
  ) {
    const values = await readParameters.call(this);
    return this.network.inputs === own.inputs && "graph" in this.network
      ? values.map((value) => value * 1.001)
      : values;
  });
  try {
    const { passed, checks } = await selfTest(device, { network: own });
    expect(passed).toBe(false);
    expect(checks.filter((check) => !check.passed).map(({ name }) => name.split(": ")[1])).toEqual([
      "outputs",
      "gradients",
      "12 steps of sgd",
    ]);
  } finally {
    spy.mockRestore();
  }
});

test("a network whose last layer is not dense passes too", async () => {
  const last = network({ inputs: 3, layers: [dense(4), layerNorm()], loss: "meanSquaredError" });
  for (const device of [await devices.webgpu(), await devices.reference()]) {
    expect((await selfTest(device, { network: last })).passed).toBe(true);
  }
});

test("an option that does not exist is refused", async () => {
  const device = await acquire({ device: "reference" });
  await expect(selfTest(device, { model: own } as object)).rejects.toThrow("selfTest");
});
