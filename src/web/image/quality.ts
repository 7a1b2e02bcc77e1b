/** Mean of the squared differences of two lists of one length. */
export function meanSquaredDifference(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index]! - b[index]!) ** 2;
  return sum / a.length;
}

/** Peak signal-to-noise ratio in decibels of colours in [0, 1]: 10 log₁₀(1 / mean squared difference); infinite where they are equal. */
export const peakSignalToNoise = (meanSquared: number): number => -10 * Math.log10(meanSquared);
