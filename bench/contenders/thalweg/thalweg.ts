import { version } from "../../../package.json";
import { acquireDevice } from "../../hosts/acquireDevice.ts";
import type { Contender } from "../../race/contract.ts";
import { createElements } from "./thalwegElements.ts";
import { createForward } from "./thalwegForward.ts";
import { createProducts } from "./thalwegProducts.ts";
import { createSteps } from "./thalwegSteps.ts";

/**
 * The library's path on WebGPU: training through the executor's contract. Products and forward passes drive its kernels
 * directly, and elements apply its functions in a kernel of the bench: the library has no public operations yet.
 */
export const layered: Contender = {
  version,
  createEntry: async (workload, start) => {
    const device = await acquireDevice();
    if (workload.kind === "step") return createSteps(device, workload, start);
    if (workload.kind === "forward") return createForward(device, workload, start);
    if (workload.kind === "product") return createProducts(device, workload, start);
    return createElements(device, workload, start);
  },
};
