import accumulate from "../../shaders/accumulate.wgsl";
import binary from "../../shaders/binary.wgsl";
import copy from "../../shaders/copy.wgsl";
import matmul from "../../shaders/matmul.wgsl";
import matmulSlim from "../../shaders/matmulSlim.wgsl";
import matmulTiled from "../../shaders/matmulTiled.wgsl";
import matmulWorkgroup from "../../shaders/matmulWorkgroup.wgsl";
import quadLoads from "../../shaders/quadLoads.wgsl";
import reduce from "../../shaders/reduce.wgsl";
import scalar from "../../shaders/scalar.wgsl";
import softmaxRows from "../../shaders/softmaxRows.wgsl";
import sumSlices from "../../shaders/sumSlices.wgsl";
import tileLoads from "../../shaders/tileLoads.wgsl";
import unary from "../../shaders/unary.wgsl";
import type { DataType } from "../shape.ts";
import type { ProductVersion } from "./productVersions.ts";
import { kernelOf, type KernelSource, type Shader } from "./shader.ts";

/** Kernels of tensors, and what is joined with them. */
const tensorKernels = {
  accumulate: [accumulate],
  binary: [binary, scalar],
  copy: [copy],
  matmul: [matmul],
  matmulQuads: [matmulTiled, quadLoads],
  matmulSlim: [matmulSlim],
  matmulTiled: [matmulTiled, tileLoads],
  matmulWorkgroup: [matmulWorkgroup],
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
  const kernel = kernelOf([...tensorKernels[name], code], variant);
  typedKernels.set(variant, kernel);
  return kernel;
}

const matmulNames = {
  plain: "matmul",
  tiled: "matmulTiled",
  wideTiled: "matmulTiled",
  quads: "matmulQuads",
  wideQuads: "matmulQuads",
  workgroup: "matmulWorkgroup",
} as const satisfies Record<ProductVersion, TensorKernelName>;

/** The kernel of a version of matmul; its quads need subgroups. */
export const matmulKernel = (version: ProductVersion, types: readonly DataType[]): KernelSource =>
  tensorKernel(matmulNames[version], types);
