import lbfgs, { layouts } from "../../../shaders/lbfgs.wgsl";
import { blockOf, type Values } from "./layout.ts";
import { kernelOf } from "./shader.ts";

/** The kernel that ends a step of L-BFGS. */
export const lbfgsKernel = kernelOf("lbfgs", [lbfgs]);

/** `LbfgsSizes` of shaders/lbfgs.wgsl. */
export const lbfgsSizes = (sizes: Values): ArrayBuffer => blockOf(layouts.LbfgsSizes, sizes);
