import dropout from "../../../shaders/dropout.wgsl";
import rows from "../../../shaders/rows.wgsl";
import rowSource from "../../../shaders/rowSource.wgsl";
import tableGradients from "../../../shaders/tableGradients.wgsl";
import type { RowKernel } from "./emit/emitRows.ts";
import { kernelOf, type KernelSource } from "./shader.ts";

// Kernels of nodes that lists of dense layers do not have.

/** Gradients by the table of an embedding. */
export const tableKernel: KernelSource = kernelOf("tableGradients", [tableGradients]);

/** The kernel of nodes that are computed row by row, and bindings of what they read behind those of the shader. */
export function rowsKernel({ code, buffers }: RowKernel): KernelSource {
  const parts = [
    ...(buffers.includes("inputs") ? [rowSource] : []),
    ...(buffers.includes("settings") ? [dropout] : []),
  ];
  const kernel = kernelOf("rows", [rows, ...parts, code], code);
  const own = buffers.map((buffer) => (buffer === "inputs" || buffer === "settings" ? "read" : "write"));
  return { ...kernel, bindings: [...kernel.bindings, ...own] };
}
