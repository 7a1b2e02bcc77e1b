import { version } from "../../../package.json";
import { acquireOfHost } from "../../hosts/acquireDevice.ts";
import type { Contender } from "../../race/contract.ts";
import { createSteps } from "./thalwegSteps.ts";

/**
 * The library on the device that `acquire()` takes: a hardware GPU, which may hand tiny networks over, else WebAssembly, else the float64
 * reference. Apart from training steps it computes as the contender of that machine.
 */
export const taken: Contender = {
  version,
  createEntry: async (workload, start) => {
    const device = await (await acquireOfHost())();
    if (workload.kind === "step") return createSteps(device, workload, start);
    const { kind } = device;
    device.dispose();
    if (kind === "gpu") return (await import("./thalweg.ts")).planned.createEntry(workload, start);
    if (kind === "wasm") return (await import("./thalwegWasm.ts")).wasm.createEntry(workload, start);
    return (await import("../reference.ts")).reference.createEntry(workload, start);
  },
};
