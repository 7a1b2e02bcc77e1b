import * as tf from "@tensorflow/tfjs-core";
import { CannotTakePart, type Contender, type Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { Workload } from "../../race/workload.ts";
import { openCpu, openWasm, openWebgpu } from "./tfjsBackends.ts";
import { elementEntry, forwardEntry, gradientEntry, productEntry } from "./tfjsChained.ts";
import type { Backend } from "./tfjsRounds.ts";
import { stepByHandEntry, stepEntry } from "./tfjsStep.ts";

async function entryOf(workload: Workload, start: Start, backend: Backend): Promise<Entry> {
  if (workload.kind === "step") return stepEntry(workload, start, backend);
  if (workload.kind === "forward") return forwardEntry(workload, start, backend);
  if (workload.kind === "gradient") return gradientEntry(workload, start, backend);
  return workload.kind === "product" ? productEntry(workload, start, backend) : elementEntry(workload, start, backend);
}

type CreateEntry = (workload: Workload, start: Start, backend: Backend) => Promise<Entry>;

const stepsByHand: CreateEntry = async (workload, start, backend) => {
  if (workload.kind !== "step") throw new CannotTakePart("there is no gradient to write out");
  return stepByHandEntry(workload, start, backend);
};

/** TensorFlow.js on one backend, which is opened with the first entry: one contender to a thread. */
function contender(open: () => Promise<Backend>, create: CreateEntry = entryOf): Contender {
  let opening: Promise<Backend> | undefined;
  return {
    version: tf.version_core,
    createEntry: async (workload, start) => {
      opening ??= open();
      return create(workload, start, await opening);
    },
  };
}

/** Every operation on the GPU. */
export const webgpu = contender(() => openWebgpu(false));

/** The same, with gradients written out by hand: 22 dispatches for a step of 2-2-2-1 instead of 49. */
export const webgpuByHand = contender(() => openWebgpu(false), stepsByHand);

/** As it comes: small tensors that are not on the GPU yet are computed in JavaScript. */
export const webgpuForward = contender(() => openWebgpu(true));

/** XNNPACK and kernels in C++, with SIMD, and with threads where the page is cross-origin isolated. */
export const wasm = contender(openWasm);

/** The same by hand: what automatic gradients cost is on the CPU as large as the work itself. */
export const wasmByHand = contender(openWasm, stepsByHand);

/** Plain JavaScript. */
export const cpu = contender(openCpu);
