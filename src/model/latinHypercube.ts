import { requireSeed } from "../graph/initializers.ts";
import { requireInteger } from "../graph/network.ts";
import { orderKey, permute, streams } from "../random.ts";

/**
 * Points that cover each axis evenly at once: Latin hypercube sampling (McKay, Beckman and Conover 1979). Every axis is cut
 * into `count` equal strata, and each stratum of each axis holds one point, at its centre; the strata of an axis are
 * visited in a seeded order of its own.
 * @param count points, 1 to 2²⁰
 * @param axes number of axes
 * @returns [axes][count], each value in (0, 1)
 * @throws InvalidInput
 */
export function latinHypercube(count: number, axes: number, seed = 0): Float64Array[] {
  requireInteger("latinHypercube: count", count, 1, 2 ** 20);
  requireInteger("latinHypercube: axes", axes, 0, 2 ** 16);
  requireSeed("latinHypercube: seed", seed);
  return Array.from({ length: axes }, (_, axis) => {
    const key = orderKey(seed, streams.sampling, axis);
    return Float64Array.from({ length: count }, (_, point) => (permute(point, count, key) + 0.5) / count);
  });
}
