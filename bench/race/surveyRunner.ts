import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { Profiler } from "../../src/backend/webgpu/profile.ts";
import { acquireDevice } from "../hosts/acquireDevice.ts";
import { CeilingProbes } from "../measure/ceilings.ts";
import { measureCore } from "../measure/cpuCeilings.ts";
import { DispatchTimer } from "../measure/dispatchTimer.ts";
import { timerStep } from "../measure/timerStep.ts";
import type { SurveyRunner } from "./host.ts";
import type { RaceCeilings } from "./record.ts";

const kernelMs = 5;

interface GpuProbes {
  readonly timer: DispatchTimer;
  readonly probes: CeilingProbes;
}

/** Tells what the machine is and measures the best it can do. */
export class Survey implements SurveyRunner {
  readonly #device: Promise<GpuDevice | undefined>;
  #gpu: Promise<GpuProbes | undefined> | undefined;
  #cpu = { flopsPerSecond: 0, bytesPerSecond: 0 };
  readonly #cores: number;

  constructor(cores: number) {
    this.#cores = cores;
    this.#device = acquireDevice().catch(() => undefined);
  }

  async card(): ReturnType<SurveyRunner["card"]> {
    const timerStepMs = timerStep();
    const device = await this.#device;
    if (!device) {
      const none = { isFallbackAdapter: false, kind: "software", features: [], limits: {}, timerStepMs } as const;
      return { ...none, adapter: { description: "no WebGPU" }, features: [] };
    }
    const { adapter, limits, features } = device.details();
    const { isFallbackAdapter } = device.gpu.adapterInfo;
    return { adapter, isFallbackAdapter, kind: device.kind, features: [...features], limits, timerStepMs };
  }

  async #createProbes(): Promise<GpuProbes | undefined> {
    const device = await this.#device;
    if (!device || !Profiler.canProfile(device)) return undefined;
    return { timer: new DispatchTimer(device, kernelMs), probes: await CeilingProbes.create(device) };
  }

  async ceilings(): Promise<RaceCeilings> {
    const core = await measureCore();
    this.#cpu = {
      flopsPerSecond: Math.max(this.#cpu.flopsPerSecond, this.#cores * core.flopsPerSecond),
      bytesPerSecond: Math.max(this.#cpu.bytesPerSecond, this.#cores * core.bytesPerSecond),
    };
    this.#gpu ??= this.#createProbes();
    const gpu = await this.#gpu;
    if (!gpu) return { cpu: this.#cpu };
    await gpu.probes.measure(gpu.timer);
    return { cpu: this.#cpu, gpu: gpu.probes.best };
  }
}
