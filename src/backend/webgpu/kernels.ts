import backwardInputs from "../../../shaders/backwardInputs.wgsl";
import backwardWeights from "../../../shaders/backwardWeights.wgsl";
import sampleBatch from "../../../shaders/sampleBatch.wgsl";
import forward from "../../../shaders/forward.wgsl";
import gatherRows, { layouts as page } from "../../../shaders/gatherRows.wgsl";
import loss from "../../../shaders/loss.wgsl";
import lossElementwise from "../../../shaders/lossElementwise.wgsl";
import lossSoftmax from "../../../shaders/lossSoftmax.wgsl";
import lossWeighted from "../../../shaders/lossWeighted.wgsl";
import plainMatmul from "../../../shaders/plainMatmul.wgsl";
import quadLoads from "../../../shaders/quadLoads.wgsl";
import scalar from "../../../shaders/scalar.wgsl";
import score, { layouts as scoring } from "../../../shaders/score.wgsl";
import scoreElementwise from "../../../shaders/scoreElementwise.wgsl";
import storeInLoop from "../../../shaders/storeInLoop.wgsl";
import scoreSoftmax from "../../../shaders/scoreSoftmax.wgsl";
import tiledMatmul from "../../../shaders/tiledMatmul.wgsl";
import sumAtOnce from "../../../shaders/sumAtOnce.wgsl";
import sumInBlocks from "../../../shaders/sumInBlocks.wgsl";
import tileLoads from "../../../shaders/tileLoads.wgsl";
import clippedUpdate from "../../../shaders/clippedUpdate.wgsl";
import gradientSquares, { layouts as squareLayouts } from "../../../shaders/gradientSquares.wgsl";
import update from "../../../shaders/update.wgsl";
import wholeUpdate from "../../../shaders/wholeUpdate.wgsl";
import { type Activation, type Loss, takesLogits, isRowWise } from "../../graph/network.ts";
import { emitActivation, emitLoss } from "./emit/emitFunctions.ts";
import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import { type KernelUpdate, updateCode } from "./emit/emitOptimizer.ts";
import { blockOf } from "./layout.ts";
import { kernelOf, type KernelSource, type Shader } from "./shader.ts";

export const { Score } = scoring;

/** `Page` of shaders/gatherRows.wgsl. */
export const pageBlock = (firstRow: number, pageRows: number, width: number): ArrayBuffer =>
  blockOf(page.Page, { firstRow, pageRows, width });

/** Shaders and variant of a kernel. */
interface Parts {
  /** Its label. */
  readonly name: string;
  readonly parts: readonly Shader[];
  readonly variant?: string;
}

/** A product of a layer in all variants. */
export function product<Name extends string>(
  name: Name,
  operation: Shader,
  sums: Shader,
): Record<`${Name}${"" | "Tiled" | "Quads"}`, Parts> {
  const tiled = [operation, tiledMatmul, sums, storeInLoop];
  const variants: Record<string, Parts> = {
    [name]: { name, parts: [operation, plainMatmul] },
    [`${name}Tiled`]: { name: `${name}Tiled`, parts: [...tiled, tileLoads] },
    [`${name}Quads`]: { name: `${name}Tiled`, parts: [...tiled, quadLoads], variant: "quads" },
  };
  return variants;
}

/** Every dispatched kernel of the layered strategy. Those of quads need subgroups. */
const shaders = {
  ...product("forward", forward, sumAtOnce),
  ...product("backwardInputs", backwardInputs, sumAtOnce),
  ...product("backwardWeights", backwardWeights, sumInBlocks),
  loss: { name: "loss", parts: [loss] },
  sampleBatch: { name: "sampleBatch", parts: [sampleBatch] },
  score: { name: "score", parts: [score] },
  gatherRows: { name: "gatherRows", parts: [gatherRows] },
} as const satisfies Record<string, Parts>;

export type KernelName = keyof typeof shaders;

/** Parameters of layer kernels. */
export interface LayerFunctions {
  /** For forward, backwardInputs and loss: activation of the layer whose outputs they read. */
  readonly activation?: Activation;
  /** Of loss and score. */
  readonly loss?: Loss;
  /** Of forward: whether the values of another node are added, which the last binding has. */
  readonly adds?: boolean | undefined;
  /** Of loss: whether targets carry weights. */
  readonly isWeighted?: true | undefined;
}

/** Parameters of loss kernels. */
const lossesOf: Partial<Record<KernelName, { readonly elementwise: Shader; readonly softmax: Shader }>> = {
  loss: { elementwise: lossElementwise, softmax: lossSoftmax },
  score: { elementwise: scoreElementwise, softmax: scoreSoftmax },
};

function lossParts(kernel: KernelName, of: Loss, isWeighted?: true): (Shader | string)[] {
  const { elementwise, softmax } = isWeighted ? { ...lossesOf[kernel]!, elementwise: lossWeighted } : lossesOf[kernel]!;
  return isRowWise(of) ? [softmax] : [scalar, elementwise, emitLoss(of), `const COUNTS_SIGNS = ${takesLogits(of)};`];
}

const withoutResidual = "fn withResidual(output: u32, value: f32) -> f32 { return value; }";

const residualBinding = forward.bindings.length;
const withResidual = `
@group(0) @binding(${residualBinding}) var<storage, read> residual: array<f32>;
fn withResidual(output: u32, value: f32) -> f32 { return value + residual[output]; }
`;

/** A kernel of layers with the functions of an activation and of a loss. */
export function layerKernel(
  kernel: KernelName,
  { activation, adds = false, loss: own, isWeighted }: LayerFunctions = {},
): KernelSource {
  const { name, parts, variant }: Parts = shaders[kernel];
  const functions: (Shader | string)[] = [
    ...(activation === undefined ? [] : [scalar, emitActivation(activation)]),
    ...(own === undefined ? [] : lossParts(kernel, own, isWeighted)),
    ...(parts[0] === forward ? [adds ? withResidual : withoutResidual] : []),
  ];
  const choices = [variant, activation, own, ...(isWeighted || adds ? [isWeighted, adds] : [])];
  const made = kernelOf(name, [...parts, ...functions], functions.length === 0 ? variant : JSON.stringify(choices));
  return adds ? { ...made, bindings: [...made.bindings, "read"] } : made;
}

/** A kernel that takes gradients as an update does, clipped where it clips by norm: then the binding behind its own has the sums of squares. */
export function withGradients(name: string, shader: Shader, { clipsNorm }: KernelUpdate, code: string): KernelSource {
  if (!clipsNorm) return kernelOf(name, [shader, wholeUpdate, scalar, code], code);
  const kernel = kernelOf(name, [shader, clippedUpdate, scalar, code], code);
  return { ...kernel, bindings: [...kernel.bindings, "read"] };
}

/**
 * The kernel that applies an optimizer to the parameters of a network.
 * @param matrices the function `isMatrixAt`, of optimizers that make matrices orthogonal: the last binding has what became of them
 */
export function updateKernel(own: KernelUpdate, network: AnyNetwork, matrices?: string): KernelSource {
  const code = updateCode(own, network);
  if (matrices === undefined) return withGradients("update", update, own, code);
  const binding = update.bindings.length + (own.clipsNorm ? 1 : 0);
  const orthogonal = `@group(0) @binding(${binding}) var<storage, read> orthogonal: array<f32>;\n`;
  const kernel = withGradients("update", update, own, [code, matrices, orthogonal].join("\n"));
  return { ...kernel, bindings: [...kernel.bindings, "read"] };
}

/** The kernel that adds up squares of gradients, before those that are clipped by norm are applied. */
export const squaresKernel: KernelSource = kernelOf("gradientSquares", [gradientSquares]);

/** `GradientSizes` of shaders/gradientSquares.wgsl. */
export const gradientSizes = (sizes: Record<"members" | "parameterCount" | "splits" | "blocks", number>): ArrayBuffer =>
  blockOf(squareLayouts.GradientSizes, sizes);
