import { batchAt } from "../../src/backend/batches.ts";
import { BufferOwner, write } from "../../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { encode } from "../../src/backend/webgpu/kernel.ts";
import type { EncodePass } from "../../src/backend/webgpu/profile.ts";
import { createLayeredBuffers } from "../../src/backend/webgpu/strategies/layeredBuffers.ts";
import { createStepDispatches } from "../../src/backend/webgpu/strategies/layeredRun.ts";
import { planLayered } from "../../src/backend/webgpu/strategies/layeredPlan.ts";
import { writeStep } from "../../src/backend/webgpu/strategies/uniforms.ts";
import { stepStride } from "../../src/backend/webgpu/layouts.ts";
import type { RunSettings } from "../../src/backend/executor.ts";
import type { Ceilings } from "../measure/ceilings.ts";
import type { DispatchTimer } from "../measure/dispatchTimer.ts";
import { runSeed, type Start } from "../race/start.ts";
import type { StepWorkload } from "../race/workload.ts";
import { type KernelWork, stepWork } from "./kernelWork.ts";
import { median } from "../measure/statistics.ts";

/** One dispatch of a step, as the GPU's own clock sees it. */
export interface KernelTimes extends KernelWork {
  /** Nanoseconds per dispatch, a sample per round. */
  readonly samples: readonly number[];
  readonly medianNs: number;
}

/** A kernel's rates, and their shares of the adapter's ceilings. */
export interface KernelRates {
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly shares: { readonly flops: number; readonly bytes: number; readonly launch: number };
}

export function ratesOf({ flops, bytes, medianNs }: KernelTimes, ceilings: Ceilings): KernelRates {
  const flopsPerSecond = (1e9 * flops) / medianNs;
  const bytesPerSecond = (1e9 * bytes) / medianNs;
  const shares = {
    flops: flopsPerSecond / ceilings.flopsPerSecond,
    bytes: bytesPerSecond / ceilings.bytesPerSecond,
    launch: Math.min(ceilings.emptyNs, ceilings.dependentNs) / medianNs,
  };
  return { flopsPerSecond, bytesPerSecond, shares };
}

/** The step slot of the first, full chunk of the first step. */
function firstSlot({ network, optimizer, rows }: StepWorkload, settings: RunSettings, chunkRows: number): ArrayBuffer {
  const slot = new ArrayBuffer(stepStride);
  const batch = batchAt(settings, rows, 0);
  const chunk = { firstRow: 0, rows: chunkRows };
  writeStep(new DataView(slot), 0, { network, optimizer, step: 0, batch, chunk, lossSlot: 0 });
  return slot;
}

/**
 * Times every dispatch of one step by itself. They run in the order of the step, so that each finds what the one before has
 * written; parameters are written anew before each round, since the repeated update moves them.
 */
export async function measureKernels(
  timer: DispatchTimer,
  device: GpuDevice,
  { workload, start }: { readonly workload: StepWorkload; readonly start: Start },
  rounds: number,
): Promise<KernelTimes[]> {
  const { network, members, rows, batchSize, optimizer } = workload;
  const plan = planLayered(device, { network, members, rowCount: rows, batchSize });
  const settings = { data: start.data, optimizer, batchSize, shuffle: true, seed: runSeed };
  const request = { device, network, members, settings, plan };
  const owner = new BufferOwner(device);
  const parameters = owner.upload("parameters", start.state);
  const restore = (): void => write(device, parameters, start.state);
  const buffers = createLayeredBuffers(request, owner);
  try {
    write(device, buffers.steps, firstSlot(workload, settings, plan.chunkRows));
    const { chunk, update } = await createStepDispatches(request, buffers, parameters);
    const passes = [...chunk, ...update].map((dispatch): EncodePass => {
      return (pass) => encode(pass, dispatch, plan.chunkRows, 0);
    });
    const samples = await timer.sample(passes, rounds, restore);
    return stepWork({ network, plan, optimizer, members }, batchSize).map((work, index) => {
      return { ...work, samples: samples[index]!, medianNs: median(samples[index]!) };
    });
  } finally {
    owner.dispose();
  }
}
