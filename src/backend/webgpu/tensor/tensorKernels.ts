import accumulate from "../../../../shaders/accumulate.wgsl";
import binary from "../../../../shaders/binary.wgsl";
import compiledRows from "../../../../shaders/compiledRows.wgsl";
import copy from "../../../../shaders/copy.wgsl";
import matmul from "../../../../shaders/matmul.wgsl";
import matmulStore from "../../../../shaders/matmulStore.wgsl";
import matmulSlim from "../../../../shaders/matmulSlim.wgsl";
import plainMatmul from "../../../../shaders/plainMatmul.wgsl";
import quadLoads from "../../../../shaders/quadLoads.wgsl";
import reduce from "../../../../shaders/reduce.wgsl";
import scalar from "../../../../shaders/scalar.wgsl";
import softmaxRows from "../../../../shaders/softmaxRows.wgsl";
import storeByName from "../../../../shaders/storeByName.wgsl";
import storeInLoop from "../../../../shaders/storeInLoop.wgsl";
import sumAtOnce from "../../../../shaders/sumAtOnce.wgsl";
import sumInBlocks from "../../../../shaders/sumInBlocks.wgsl";
import sumSlices from "../../../../shaders/sumSlices.wgsl";
import tiledMatmul from "../../../../shaders/tiledMatmul.wgsl";
import tileLoads from "../../../../shaders/tileLoads.wgsl";
import unary from "../../../../shaders/unary.wgsl";
import workgroupMatmul from "../../../../shaders/workgroupMatmul.wgsl";
import type { DataType } from "../../shape.ts";
import { emitFunction } from "../../../math/emitWgsl.ts";
import { type BindingKind, kernelOf, type KernelSource, type Shader } from "../shader.ts";
import type { ElementFunction } from "./elementFunctions.ts";

/** Kernels of tensors, and what is joined with them. */
const tensorKernels = {
  accumulate: [accumulate],
  binary: [binary, scalar],
  copy: [copy],
  matmul: [matmul, matmulStore, plainMatmul],
  matmulQuads: [matmul, matmulStore, tiledMatmul, sumInBlocks, storeByName, quadLoads],
  matmulQuadsShort: [matmul, matmulStore, tiledMatmul, sumAtOnce, storeByName, quadLoads],
  matmulSlim: [matmulSlim],
  matmulTiled: [matmul, matmulStore, tiledMatmul, sumInBlocks, storeByName, tileLoads],
  matmulTiledShort: [matmul, matmulStore, tiledMatmul, sumAtOnce, storeByName, tileLoads],
  matmulWorkgroup: [matmul, matmulStore, workgroupMatmul],
  reduce: [reduce],
  softmaxRows: [softmaxRows],
  sumSlices: [sumSlices],
  unary: [unary, scalar],
} as const satisfies Record<string, readonly Shader[]>;

/** Which kernel: `tensorKernel` gives its code. */
export interface TensorKernel {
  readonly name: keyof typeof tensorKernels;
  /** How the operands are stored, the result last. */
  readonly types: readonly DataType[];
  /** What it computes value by value. */
  readonly compute?: ElementFunction;
}

const typedKernels = new Map<string, KernelSource>();

/** The code of a kernel: its operands' types are what it calls Element…, what it computes value by value is `compute`. */
export function tensorKernel({ name, types, compute }: TensorKernel): KernelSource {
  const variant = [name, ...types, ...(compute ? [compute.key] : [])].join(" ");
  const known = typedKernels.get(variant);
  if (known) return known;
  const enabled = types.includes("f16") ? ["enable f16;"] : [];
  const elements = types.map(
    (type, index) => `alias Element${index === types.length - 1 ? "Out" : "AB"[index]!} = ${type};`,
  );
  const functions = compute ? [emitFunction("compute", compute.inputs, compute.expression())] : [];
  const code = [...enabled, ...elements, ...functions].join("\n");
  const kernel = kernelOf(name.replace(/(Tiled|Quads)(Short)?$/, "Tiled"), [...tensorKernels[name], code], variant);
  typedKernels.set(variant, kernel);
  return kernel;
}

/** Bindings behind those of a kernel, as WGSL and as kinds. */
export interface MoreBindings {
  readonly kinds: readonly BindingKind[];
  readonly code: string;
}

/**
 * The kernel of a product of f32 tensors that stores its values by other code.
 * @param code the function `storeValue`
 */
export function matmulKernelWith({ name }: TensorKernel, code: string, more: MoreBindings): KernelSource {
  const shaders: readonly Shader[] = tensorKernels[name];
  const parts = shaders.flatMap((part) => (part === matmulStore ? [] : [part === storeByName ? storeInLoop : part]));
  const types = ["alias ElementA = f32;", "alias ElementB = f32;", "alias ElementOut = f32;"];
  const all = [...types, more.code, code].join("\n");
  const kernel = kernelOf("compiledMatmul", [...parts, scalar, all], `${name} ${all}`);
  return { ...kernel, bindings: [...kernel.bindings, ...more.kinds] };
}

/** The kernel of rows of a compiled program. @param code the function `computeRow` */
export function rowsKernelWith(code: string, more: MoreBindings): KernelSource {
  const all = [more.code, code].join("\n");
  const kernel = kernelOf("compiledRows", [compiledRows, scalar, all], all);
  return { ...kernel, bindings: [...kernel.bindings, ...more.kinds] };
}
