import type { Device, StrategyName } from "../../src/index.ts";

interface Devices {
  readonly reference: Device;
  readonly wasm: Device;
  /** Once a test has begun. */
  readonly gpu: () => Device;
}

/** Where a training of several members is tried: each machine, and the strategies that compute members apart. */
export const trainingPlaces = ({
  reference,
  wasm,
  gpu,
}: Devices): [string, () => Device, StrategyName | undefined][] => [
  ["reference", () => reference, undefined],
  ["WebAssembly, members", () => wasm, undefined],
  ["WebAssembly, layered", () => wasm, "layered"],
  ["GPU, members", gpu, "members"],
  ["GPU, layered", gpu, "layered"],
  ["GPU, groups", gpu, "groups"],
  ["GPU, samples", gpu, "samples"],
  ["GPU, tiles", gpu, "tiles"],
];
