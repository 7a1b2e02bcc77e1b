// Shapes that kernels are tried on.

import fc from "fast-check";
import type { LayerVariant } from "../../src/backend/webgpu/matmulVariants.ts";
import { type ActivationName, dense, type LayerShape, type Network, network } from "../../src/graph/network.ts";
import { shareOf } from "./share.ts";

/** One, the register tiles ± 1, the workgroup ± 1, and sizes that divide by nothing. */
export const oddSizes = fc.constantFrom(1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65);
export const memberCounts = fc.constantFrom(1, 2, 5);

/** Every variant of a product. */
export const variants = [
  "plain",
  "tiled",
  "wideTiled",
  "quads",
  "wideQuads",
] as const satisfies readonly LayerVariant[];

/** A layer with neighbours on both sides, so that its parameters start and end inside a member's. */
export function middleLayer(fanIn: number, fanOut: number, activation: ActivationName = "identity") {
  const layers = [dense(fanIn, "tanh"), dense(fanOut, activation), dense(2)];
  const whole: Network = network({ inputs: 2, layers, loss: "squaredError" });
  return { network: whole, layer: whole.layers[1] as LayerShape };
}

/** The only layer of a network: its dOutputs carry the samples' losses in one more column. */
export function lastLayer(fanIn: number, fanOut: number, activation: ActivationName = "identity") {
  const layers = [dense(fanIn, "tanh"), dense(fanOut, activation)];
  const whole: Network = network({ inputs: 2, layers, loss: "squaredError" });
  return { network: whole, layer: whole.layers[1] as LayerShape };
}

/** Row length of a layer's gradients: that of the last layer carries the sample's loss as well. */
export const gradientColumnsOf = ({ layers }: Network, { index, fanOut }: LayerShape): number =>
  index === layers.length - 1 ? fanOut + 1 : fanOut;

/** Settings of a property that needs no GPU: the same cases in every run. */
export const allCases = (numRuns: number, examples: unknown[] = []) =>
  ({ seed: 20_240_229, numRuns, examples, endOnFailure: true }) as const;

/** Settings of a property of kernels: the first tenth of the cases where a host takes the smaller share. */
export const cases = (numRuns: number, examples: unknown[] = []) => allCases(shareOf(numRuns), examples);
