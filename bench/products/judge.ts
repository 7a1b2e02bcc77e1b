import type { MatmulVariant } from "../../src/backend/webgpu/matmulVariants.ts";
import { fastestOf, ratioOf, type Series } from "../sweeps/series.ts";
import type { Choice } from "./record.ts";

// Whether the version that the library takes is the fastest one.

export interface VersionSeries extends Series {
  readonly version: MatmulVariant;
  /** Slices of its sums. */
  readonly slots: number;
}

/** A choice whose ratio to the fastest lies above this, by its lower quartile, is told. */
const toleratedRatio = 1.1;

/**
 * What the library takes against the fastest version. The version that it takes, forced upon it, is the same work where its sums
 * are in as many slices: what the two are off from each other is then the noise, which counts in both directions.
 * @param own what the library takes, as it takes it; undefined where that has no times
 * @param versions a series for each version that has times, in slices of its sums that suit it best
 */
export function judgeChoice(
  own: VersionSeries | undefined,
  versions: readonly VersionSeries[],
): Omit<Choice, "version"> {
  const [first, ...others] = versions;
  if (!own || !first) return { verdict: "no times" };
  const fastest = fastestOf(first, others);
  const same = versions.find(({ version, slots }) => version === own.version && slots === own.slots);
  const ratio = ratioOf(own, fastest);
  const noise = same && ratioOf(same, own);
  const found = { fastest: fastest.version, ratio, ...(noise && { noise }) };
  if (fastest === same || ratio.lowerQuartile <= toleratedRatio) return { verdict: "fast enough", ...found };
  const floor = noise ? Math.max(noise.upperQuartile, 1 / noise.lowerQuartile) : 1;
  return { verdict: ratio.lowerQuartile > floor ? "slower" : "within noise", ...found };
}
