import * as tf from "@tensorflow/tfjs-core";
import { CannotTakePart } from "../../race/contract.ts";
import type { Backend, Sweep, Tunable } from "./tfjsRounds.ts";

// Backends are packages of their own, imported when they are opened: bytes of the others are not loaded.

async function open(name: string): Promise<void> {
  tf.enableProdMode();
  if (!(await tf.setBackend(name))) throw new CannotTakePart(`TensorFlow.js opened no ${name} backend`);
  await tf.ready();
}

/** Other kernels than TensorFlow.js's choice sum in one thread each, so that longer sums would take for ever. */
const longestSweptSum = 1024;
/** The kernel for small outputs is for these. */
const mostSmallBytes = 2 ** 18;

/**
 * Kernels for products of matrices. By size is TensorFlow.js's own choice, made for hardware; where barriers are dear, as
 * on software adapters, others take a fraction of its time.
 */
function matmulSweep({ longestSum, largestBytes }: Tunable): Sweep[] {
  if (longestSum === 0) return [];
  const values = new Map<string, number>([["by size", -1]]);
  if (longestSum <= longestSweptSum) {
    values.set("packed", 3);
    if (largestBytes <= mostSmallBytes) values.set("small output", 2);
  }
  return [{ setting: "matmulProgram", flag: "WEBGPU_MATMUL_PROGRAM_TYPE", values }];
}

/** What waits for a submit cannot be freed before: not more than 1 GiB of it, nor more buffers than a driver likes. */
const mostWaitingBytes = 2 ** 30;
const mostWaiting = 16_384;

/** How many dispatches WebGPU gets at a time: 15 by default; the largest is all of a block. */
function submitSweep({ largestBytes }: Tunable): Sweep {
  const most = Math.min(mostWaiting, Math.floor(mostWaitingBytes / largestBytes));
  const sizes = [15, ...[64, mostWaiting].map((size) => Math.max(15, Math.min(size, most)))];
  const values = new Map(sizes.map((size) => [size, size]));
  return { setting: "deferredSubmitBatchSize", flag: "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE", values };
}

const sweepsOfWebgpu: Backend["sweepsFor"] = (tunable) => ({
  beforeMethods: matmulSweep(tunable),
  afterMethods: [submitSweep(tunable)],
});

/** @param cpuForward small tensors that no GPU kernel has touched yet are computed in JavaScript; true by default */
export async function openWebgpu(cpuForward: boolean): Promise<Backend> {
  if (!(globalThis.navigator as Navigator | undefined)?.gpu) throw new CannotTakePart("there is no WebGPU here");
  await import("@tensorflow/tfjs-backend-webgpu");
  tf.env().set("WEBGPU_CPU_FORWARD", cpuForward);
  await open("webgpu");
  const { device } = tf.backend() as tf.KernelBackend & { device: GPUDevice };
  const mostMatrices = device.limits.maxComputeWorkgroupsPerDimension;
  return { settings: { cpuForward }, sweepsFor: sweepsOfWebgpu, mostMatrices, fusesMatrixBias: true };
}

const unlimited = {
  sweepsFor: () => ({ beforeMethods: [], afterMethods: [] }),
  mostMatrices: Number.POSITIVE_INFINITY,
};

export async function openWasm(): Promise<Backend> {
  const { openConfigured } = await import("./tfjsWasm.ts");
  const settings = await openConfigured(() => open("wasm"));
  return { settings, ...unlimited, fusesMatrixBias: false };
}

export async function openCpu(): Promise<Backend> {
  await import("@tensorflow/tfjs-backend-cpu");
  await open("cpu");
  return { settings: {}, ...unlimited, fusesMatrixBias: true };
}
