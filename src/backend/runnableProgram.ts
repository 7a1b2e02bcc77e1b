import { InterpretedProgram, isF32, type Program, type RunnableProgram } from "./program.ts";
import { tensorBackendOf } from "./tensorBackendOf.ts";
import { GpuDevice } from "./webgpu/device.ts";
import { FusedProgram } from "./webgpu/tensor/program/fusedProgram.ts";

/** Makes a program ready to run: fused on WebGPU, operation by operation elsewhere and where values are f16. */
export function runnableProgram(program: Program): RunnableProgram {
  const { device } = program;
  if (device instanceof GpuDevice && isF32(program)) return new FusedProgram(device, program);
  return new InterpretedProgram(tensorBackendOf(device)!, program);
}
