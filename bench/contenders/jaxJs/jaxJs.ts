// jax-js: every round inside one jit; as its users write it, and with gradients written out by hand.

import { defaultDevice, init } from "@jax-js/jax";
import { version } from "../../../node_modules/@jax-js/jax/package.json";
import { provideNavigatorGpu } from "../../hosts/nodeNavigator.ts";
import { CannotTakePart, type Contender, type Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import { type StepWorkload, type Workload, workOf } from "../../race/workload.ts";
import { type HandOver, hasThreads } from "./jaxJsArrays.ts";
import { createChain } from "./jaxJsChain.ts";
import { hasSlopes } from "./jaxJsNetwork.ts";
import { momentsOf } from "./jaxJsStep.ts";
import { Training, type TrainingSettings } from "./jaxJsTraining.ts";

/**
 * Rounds in one jit. A call costs up to 0.1 ms whatever it computes, and four rounds share it; more save nothing further,
 * and long rounds would only take more memory.
 */
const roundsInGroup = 4;
const groupBelowFlops = 5e6;

/** More layers make more buffers of a size per call than the 64 that jax-js keeps, and it then creates them anew. */
const layersInGroup = 5;

function isGrouped({ network, rows, batchSize }: StepWorkload): boolean {
  if (network.layers.length > layersInGroup) return false;
  // the smaller batch at the end of every epoch is a program of its own: it must not be among every four batches
  return rows % batchSize === 0 || rows <= batchSize || rows >= roundsInGroup * batchSize;
}

function groupOf(workload: StepWorkload): number {
  if (!isGrouped(workload)) return 1;
  return workOf(workload).flops < groupBelowFlops ? roundsInGroup : 1;
}

/** More work than this per round is shared among threads; each kernel then waits for messages. */
const threadsFromFlops = 1e6;

function handOverOf(device: "webgpu" | "wasm", workload: Workload): HandOver {
  if (device === "webgpu") return "queue";
  return hasThreads() && workOf(workload).flops >= threadsFromFlops ? "threads" : "one thread";
}

/** The softmax gradient written out takes targets that sum to 1. */
function sumToOne({ network: { outputs, loss } }: StepWorkload, targets: Start["data"]["targets"]): boolean {
  if (loss !== "softmaxCrossEntropy") return true;
  const sums = new Float64Array(targets.length / outputs);
  targets.forEach((target, at) => (sums[Math.floor(at / outputs)]! += target));
  return sums.every((sum) => sum === 1);
}

/** As a user of jax-js writes it: `jit(vmap(step))`, with the gradient by `grad`. */
const plainForm = ({ members }: StepWorkload) =>
  ({ gradient: "grad", parameters: "list", members: members > 1 ? "vmap" : "none" }) as const;

/** As few kernels as can be had: the gradient and the members' axis written out, moments in one array. */
function writtenOut(workload: StepWorkload, start: Start): Omit<TrainingSettings, "handOver" | "stepsPerCall"> {
  if (!hasSlopes(workload.network) || !sumToOne(workload, start.data.targets)) {
    throw new CannotTakePart("its gradient is not written out by hand");
  }
  const parameters = momentsOf(workload) > 0 ? "flat" : "list";
  return { gradient: "written out", parameters, members: workload.members > 1 ? "axis" : "none" };
}

type Device = "webgpu" | "wasm";

async function createEntry(device: Device, workload: Workload, start: Start): Promise<Entry> {
  defaultDevice(device);
  const handOver = handOverOf(device, workload);
  if (workload.kind !== "step") return createChain(workload, start, handOver);
  return Training.create(workload, start, { ...plainForm(workload), handOver, stepsPerCall: 1 });
}

async function createByHand(device: Device, workload: Workload, start: Start): Promise<Entry> {
  defaultDevice(device);
  if (workload.kind !== "step") throw new CannotTakePart("there is no gradient to write out");
  const handOver = handOverOf(device, workload);
  return Training.create(workload, start, {
    ...writtenOut(workload, start),
    handOver,
    stepsPerCall: groupOf(workload),
  });
}

async function openWebgpu(): Promise<void> {
  await provideNavigatorGpu();
  if (!(await init("webgpu")).includes("webgpu")) throw new Error("jax-js: found no WebGPU adapter");
}

/** jax-js on its WebGPU backend. */
export const webgpu: Contender = {
  version,
  createEntry: async (workload, start) => {
    await openWebgpu();
    return createEntry("webgpu", workload, start);
  },
};

/** jax-js on its wasm backend, which generates SIMD code. */
export const wasm: Contender = {
  version,
  createEntry: (workload, start) => createEntry("wasm", workload, start),
};

/** What is left for jax-js when its user writes the gradient out by hand and puts four small steps into one jit. */
export const webgpuByHand: Contender = {
  version,
  createEntry: async (workload, start) => {
    await openWebgpu();
    return createByHand("webgpu", workload, start);
  },
};

/** The same on its wasm backend. */
export const wasmByHand: Contender = {
  version,
  createEntry: (workload, start) => createByHand("wasm", workload, start),
};
