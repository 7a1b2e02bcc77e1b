import { memoryImport } from "./heap.ts";
import { addMatmul } from "./matmulKernel.ts";
import { addSumSlices } from "./matmulSlices.ts";
import { ModuleBuilder } from "./moduleBuilder.ts";
import { hasRelaxedSimd } from "./support.ts";

/** Kernels of the module. */
export const matmulNames = ["matmul", "sumSlices"] as const;

/** The module of products. @param useMadd default: where the engine has it */
export function matmulModule(isShared: boolean, useMadd = hasRelaxedSimd()): Uint8Array<ArrayBuffer> {
  const builder = new ModuleBuilder();
  builder.importMemory(memoryImport(isShared));
  builder.export("matmul", addMatmul(builder, useMadd));
  builder.export("sumSlices", addSumSlices(builder));
  return builder.encode();
}
