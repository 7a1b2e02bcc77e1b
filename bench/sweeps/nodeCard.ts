import { availableParallelism } from "node:os";
import process from "node:process";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { nodeMachine } from "../measure/machine.ts";
import { timerStep } from "../measure/timerStep.ts";
import type { MachineCard } from "../race/record.ts";

/** The card that records of races have, of this process. */
export function nodeCard(device: GpuDevice): MachineCard {
  const { date, adapter, isFallbackAdapter, kind, limits, features, versions, gitRevision, cpu, loadAverage } =
    nodeMachine(device);
  return {
    date,
    host: "node",
    hostVersion: `Node ${process.version}`,
    versions: { thalweg: versions.thalweg, webgpu: versions.webgpu },
    ...(gitRevision !== undefined && { gitRevision }),
    adapter: { ...adapter },
    isFallbackAdapter,
    kind,
    features: [...features],
    limits: { ...limits },
    cores: availableParallelism(),
    cpu: cpu.model,
    loadAverage: [...loadAverage],
    crossOriginIsolated: true,
    timerStepMs: timerStep(),
  };
}
