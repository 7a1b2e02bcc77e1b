import type { MatmulVariant } from "../../src/backend/webgpu/matmulVariants.ts";
import { fastestOf, ratioOf, type Series } from "../sweeps/series.ts";
import type { Choice } from "./record.ts";

// Whether the variant that the library takes is the fastest one.

export interface VariantSeries extends Series {
  readonly variant: MatmulVariant;
  /** Slices of its sums. */
  readonly splits: number;
}

/** A choice whose ratio to the fastest lies above this, by its lower quartile, is told. */
const toleratedRatio = 1.1;

/**
 * What the library takes against the fastest variant. The variant that it takes, forced upon it, is the same work where its sums
 * are in as many slices: what the two are off from each other is then the noise, which counts in both directions.
 * @param own what the library takes, as it takes it; undefined where that has no times
 * @param variants a series for each variant that has times, in slices of its sums that suit it best
 */
export function judgeChoice(
  own: VariantSeries | undefined,
  variants: readonly VariantSeries[],
): Omit<Choice, "variant"> {
  const [first, ...others] = variants;
  if (!own || !first) return { verdict: "no times" };
  const fastest = fastestOf(first, others);
  const same = variants.find(({ variant, splits }) => variant === own.variant && splits === own.splits);
  const ratio = ratioOf(own, fastest);
  const noise = same && ratioOf(same, own);
  const found = { fastest: fastest.variant, ratio, ...(noise && { noise }) };
  if (fastest === same || ratio.lowerQuartile <= toleratedRatio) return { verdict: "fast enough", ...found };
  const floor = noise ? Math.max(noise.upperQuartile, 1 / noise.lowerQuartile) : 1;
  return { verdict: ratio.lowerQuartile > floor ? "slower" : "within noise", ...found };
}
