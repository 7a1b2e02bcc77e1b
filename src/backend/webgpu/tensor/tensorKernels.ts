import accumulate from "../../../../shaders/accumulate.wgsl";
import binary from "../../../../shaders/binary.wgsl";
import copy from "../../../../shaders/copy.wgsl";
import matmul from "../../../../shaders/matmul.wgsl";
import matmulSlim from "../../../../shaders/matmulSlim.wgsl";
import plainMatmul from "../../../../shaders/plainMatmul.wgsl";
import quadLoads from "../../../../shaders/quadLoads.wgsl";
import reduce from "../../../../shaders/reduce.wgsl";
import scalar from "../../../../shaders/scalar.wgsl";
import softmaxRows from "../../../../shaders/softmaxRows.wgsl";
import storeByName from "../../../../shaders/storeByName.wgsl";
import sumAtOnce from "../../../../shaders/sumAtOnce.wgsl";
import sumInBlocks from "../../../../shaders/sumInBlocks.wgsl";
import sumSlices from "../../../../shaders/sumSlices.wgsl";
import tiledMatmul from "../../../../shaders/tiledMatmul.wgsl";
import tileLoads from "../../../../shaders/tileLoads.wgsl";
import unary from "../../../../shaders/unary.wgsl";
import workgroupMatmul from "../../../../shaders/workgroupMatmul.wgsl";
import type { DataType } from "../../shape.ts";
import type { MatmulVariant } from "../matmulVariants.ts";
import { kernelOf, type KernelSource, type Shader } from "../shader.ts";

/** Kernels of tensors, and what is joined with them. */
const tensorKernels = {
  accumulate: [accumulate],
  binary: [binary, scalar],
  copy: [copy],
  matmul: [matmul, plainMatmul],
  matmulQuads: [matmul, tiledMatmul, sumInBlocks, storeByName, quadLoads],
  matmulQuadsShort: [matmul, tiledMatmul, sumAtOnce, storeByName, quadLoads],
  matmulSlim: [matmulSlim],
  matmulTiled: [matmul, tiledMatmul, sumInBlocks, storeByName, tileLoads],
  matmulTiledShort: [matmul, tiledMatmul, sumAtOnce, storeByName, tileLoads],
  matmulWorkgroup: [matmul, workgroupMatmul],
  reduce: [reduce],
  softmaxRows: [softmaxRows],
  sumSlices: [sumSlices],
  unary: [unary, scalar],
} as const satisfies Record<string, readonly Shader[]>;

export type TensorKernelName = keyof typeof tensorKernels;

const typedKernels = new Map<string, KernelSource>();

/** What a kernel computes value by value: a function `compute`. */
export interface ElementFunction {
  /** Tells functions from each other. */
  readonly name: string;
  readonly wgsl: string;
}

/** A kernel of tensors for operands stored as these types, the result's last: they are what its code calls Element…. */
export function tensorKernel(
  name: TensorKernelName,
  types: readonly DataType[],
  compute?: ElementFunction,
): KernelSource {
  const variant = [name, ...types, ...(compute ? [compute.name] : [])].join(" ");
  const known = typedKernels.get(variant);
  if (known) return known;
  const enabled = types.includes("f16") ? ["enable f16;"] : [];
  const elements = types.map(
    (type, index) => `alias Element${index === types.length - 1 ? "Out" : "AB"[index]!} = ${type};`,
  );
  const code = [...enabled, ...elements, ...(compute ? [compute.wgsl] : [])].join("\n");
  const kernel = kernelOf(name.replace(/(Tiled|Quads)(Short)?$/, "Tiled"), [...tensorKernels[name], code], variant);
  typedKernels.set(variant, kernel);
  return kernel;
}

/**
 * The kernel of a variant of matmul; its quads need subgroups.
 * @param isShort no sum has more products than a block
 */
export function matmulKernel(variant: MatmulVariant, types: readonly DataType[], isShort = false): KernelSource {
  if (variant === "plain") return tensorKernel("matmul", types);
  if (variant === "workgroup") return tensorKernel("matmulWorkgroup", types);
  const isQuads = variant === "quads" || variant === "wideQuads";
  return tensorKernel(`matmul${isQuads ? "Quads" : "Tiled"}${isShort ? "Short" : ""}`, types);
}
