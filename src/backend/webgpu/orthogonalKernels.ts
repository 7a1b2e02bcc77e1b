import directions from "../../../shaders/directions.wgsl";
import newtonSchulz, { layouts as products } from "../../../shaders/newtonSchulz.wgsl";
import normalise from "../../../shaders/normalise.wgsl";
import orthogonalise from "../../../shaders/orthogonalise.wgsl";
import sumAtOnce from "../../../shaders/sumAtOnce.wgsl";
import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import { directionCodeOf, type KernelUpdate } from "./emit/emitOptimizer.ts";
import { product, withGradients } from "./kernels.ts";
import { kernelName, type LayerVariant } from "./matmulVariants.ts";
import { kernelOf, type KernelSource } from "./shader.ts";

// The kernels that make matrices orthogonal: src/math/orthogonal.ts.

export const { NewtonSchulz } = products;

/** Returns the kernel that writes the matrices to orthogonalise, with their sums of squares. */
export const directionsKernel = (own: KernelUpdate, network: AnyNetwork): KernelSource =>
  withGradients("directions", directions, own, directionCodeOf(own, network));

/** Divides matrices by their norms. */
export const normaliseKernel: KernelSource = kernelOf("normalise", [normalise]);

/** All iterations of small matrices. */
export const orthogonaliseKernel: KernelSource = kernelOf("orthogonalise", [orthogonalise]);

const variants = product("newtonSchulz", newtonSchulz, sumAtOnce);

/** A product of an iteration of a larger matrix. */
export function newtonSchulzKernel(variant: LayerVariant): KernelSource {
  const { name, parts, variant: kind } = variants[kernelName("newtonSchulz", variant)];
  return kernelOf(name, parts, kind);
}
