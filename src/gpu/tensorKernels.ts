import accumulate from "../../shaders/accumulate.wgsl?raw";
import addFour from "../../shaders/addFour.wgsl?raw";
import binary from "../../shaders/binary.wgsl?raw";
import copy from "../../shaders/copy.wgsl?raw";
import crossEntropy from "../../shaders/crossEntropy.wgsl?raw";
import matmul from "../../shaders/matmul.wgsl?raw";
import matmulSizes from "../../shaders/matmulSizes.wgsl?raw";
import matmulSlim from "../../shaders/matmulSlim.wgsl?raw";
import matmulTiled from "../../shaders/matmulTiled.wgsl?raw";
import matmulWorkgroup from "../../shaders/matmulWorkgroup.wgsl?raw";
import productTile from "../../shaders/productTile.wgsl?raw";
import quadLoads from "../../shaders/quadLoads.wgsl?raw";
import reduce from "../../shaders/reduce.wgsl?raw";
import scalar from "../../shaders/scalar.wgsl?raw";
import softmaxRows from "../../shaders/softmaxRows.wgsl?raw";
import strides from "../../shaders/strides.wgsl?raw";
import sumSlices from "../../shaders/sumSlices.wgsl?raw";
import tileLoads from "../../shaders/tileLoads.wgsl?raw";
import tileStores from "../../shaders/tileStores.wgsl?raw";
import unary from "../../shaders/unary.wgsl?raw";
import type { DataType } from "../shape.ts";
import type { KernelSource } from "./kernel.ts";
import type { ProductVersion } from "./productVersions.ts";
import { join, subgroups } from "./shaderText.ts";

/** Kernels of tensors: bindings are their uniform, operands, result. */
const tensorKernels = {
  /** sizes, a, b, out */
  matmul: { code: join(strides, matmulSizes, matmul), bindings: ["step", "read", "read", "write"] },
  /** as matmul */
  matmulSlim: {
    code: join(strides, matmulSizes, addFour, matmulSlim),
    bindings: ["step", "read", "read", "write", "read", "read"],
  },
  /** as matmul, and b once more */
  matmulTiled: {
    code: join(strides, matmulSizes, tileLoads, addFour, productTile, tileStores, matmulTiled),
    bindings: ["step", "read", "read", "write", "read"],
  },
  /** as matmul */
  matmulWorkgroup: {
    code: join(strides, matmulSizes, addFour, matmulWorkgroup),
    bindings: ["step", "read", "read", "write"],
  },
  /** slices, partials, out */
  sumSlices: { code: join(strides, sumSlices), bindings: ["step", "read", "write"] },
  /** sizes, a, out */
  unary: { code: join(strides, scalar, unary), bindings: ["step", "read", "write"] },
  /** sizes, a, b, out */
  binary: { code: join(strides, scalar, binary), bindings: ["step", "read", "read", "write"] },
  /** sizes, a, out */
  copy: { code: join(strides, copy), bindings: ["step", "read", "write"] },
  /** sizes, a, out */
  accumulate: { code: join(strides, accumulate), bindings: ["step", "read", "write"] },
  /** sizes, a, b, out */
  softmaxRows: { code: join(strides, crossEntropy, softmaxRows), bindings: ["step", "read", "read", "write"] },
  /** sizes, a, out */
  reduce: { code: join(strides, crossEntropy, reduce), bindings: ["step", "read", "write"] },
} as const satisfies Record<string, Omit<KernelSource, "name">>;

export type TensorKernelName = keyof typeof tensorKernels;

const typedKernels = new Map<string, KernelSource>();

/** What a kernel computes value by value: a function `compute` in front of its code. */
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
  const variant = [...types, ...(compute ? [compute.name] : [])].join(" ");
  const known = typedKernels.get(`${name} ${variant}`);
  if (known) return known;
  const elements = types.map(
    (type, index) => `alias Element${index === types.length - 1 ? "Out" : "AB"[index]!} = ${type};`,
  );
  const enabled = types.includes("f16") ? ["enable f16;"] : [];
  const { code, bindings } = tensorKernels[name];
  const kernel = {
    name,
    variant,
    code: join(...enabled, ...elements, ...(compute ? [compute.wgsl] : []), code),
    bindings,
  };
  typedKernels.set(`${name} ${variant}`, kernel);
  return kernel;
}

/** The kernel of a version of matmul; its quads need subgroups. */
export function matmulKernel(version: ProductVersion, types: readonly DataType[]): KernelSource {
  if (version === "plain") return tensorKernel("matmul", types);
  if (version === "workgroup") return tensorKernel("matmulWorkgroup", types);
  const own = tensorKernel("matmulTiled", types);
  const isQuads = version === "quads" || version === "wideQuads";
  return isQuads ? quadsOf(own) : own;
}

/** The same kernel with the loads of quads. */
const quadsOf = (kernel: KernelSource): KernelSource => ({
  ...kernel,
  variant: `${kernel.variant} quads`,
  code: join(
    subgroups,
    kernel.code.replace(tileLoads, () => quadLoads),
  ),
});
