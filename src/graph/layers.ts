import { InvalidInput } from "../errors.ts";
import { cos, sin, sqrt } from "../math/expression.ts";
import { type Activation, requireInteger } from "./network.ts";
import type { Layer, Vector } from "./vector.ts";

/** A layer that applies an activation function. */
export const activate =
  (activation: Activation) =>
  (x: Vector): Vector =>
    x.activate(activation);

/**
 * x + layers(x) (He et al. 2016).
 * @throws InvalidInput where the layers change the width
 */
export const residual =
  (...layers: readonly Layer[]) =>
  (x: Vector): Vector => {
    const y = x.pipe(...layers);
    if (y.width === x.width) return x.plus(y);
    throw new InvalidInput({
      place: "network: residual",
      expected: `layers that return vectors of width ${x.width}, that of their input`,
      got: `width ${y.width}`,
      fix: `end the layers with dense(${x.width})`,
    });
  };

/** The input followed by what layers make of it: [x, layers(x)]. */
export const concat =
  (...layers: readonly Layer[]) =>
  (x: Vector): Vector =>
    x.concat(x.pipe(...layers));

/**
 * Layer normalisation (Ba et al. 2016), as `torch.nn.LayerNorm`: (x − mean) / √(variance + epsilon) · scale + shift over the units
 * of a sample, with the biased variance. Scale starts at 1, shift at 0.
 */
export const layerNorm =
  ({ epsilon = 1e-5 }: { readonly epsilon?: number } = {}) =>
  (x: Vector): Vector => {
    if (!(epsilon > 0)) {
      const fix = "pass 1e-5, for example";
      throw new InvalidInput({
        place: "network: layerNorm: epsilon",
        expected: "a number above 0",
        got: String(epsilon),
        fix,
      });
    }
    const centred = x.minus(x.mean());
    const variance = centred.times(centred).mean();
    const { scale, shift } = x.parameters({ scale: "ones", shift: "zeros" });
    return centred.map(
      (c, variance, scale, shift) =>
        c!
          .over(sqrt(variance!.plus(epsilon)))
          .times(scale!)
          .plus(shift!),
      variance,
      scale,
      shift,
    );
  };

/**
 * Dropout (Srivastava et al. 2014), as `torch.nn.Dropout`: while training each value is 0 with probability `rate`, and divided by
 * 1 − rate otherwise; predictions and scores use every value. The same seed and step draw the same values on every device.
 * @throws InvalidInput unless 0 ≤ rate < 1
 */
export const dropout =
  (rate: number) =>
  (x: Vector): Vector =>
    x.dropout(rate);

/**
 * Gaussian noise, as Keras's `GaussianNoise`: while training a normal number of mean 0 is added to each value; predictions and scores
 * take the values as they are. The same seed and step draw the same noise on every device.
 * @param deviation standard deviation of the noise
 * @throws InvalidInput where it is below 0
 */
export const gaussianNoise =
  (deviation: number) =>
  (x: Vector): Vector =>
    x.noise(deviation);

/** Which column of the data an embedding replaces, and by what. */
export interface EmbeddingOptions {
  /** Column of the vector, from 0, that holds numbers of categories, from 0. */
  readonly column: number;
  readonly categories: number;
  /** Values per category. */
  readonly width: number;
  /** Category 0 stands for unknown ones: its row starts at 0, and stays there where no sample trains it. */
  readonly hasUnknown?: boolean;
}

/**
 * An embedding of a category, as `torch.nn.Embedding`: the column is removed, and the category's row of a trained table
 * [categories, width] is put behind the other columns. The table starts from a normal distribution
 * of deviation 1 / √width.
 * @throws InvalidInput where the column is computed by a layer before it
 */
export const embedding =
  ({ column, categories, width, hasUnknown }: EmbeddingOptions) =>
  (x: Vector): Vector => {
    requireInteger("network: embedding: column", column, 0, x.width - 1);
    const row = x.slice(column, column + 1).lookup(categories, width, hasUnknown);
    const others = [
      ...(column > 0 ? [x.slice(0, column)] : []),
      ...(column + 1 < x.width ? [x.slice(column + 1)] : []),
    ];
    const [first = row, ...rest] = [...others, row];
    return first.concat(...rest);
  };

/**
 * Fourier features of every value, as in NeRF (Mildenhall et al. 2020): sin(2ᵏ π x) and cos(2ᵏ π x) for k = 0 … octaves − 1. For
 * inputs from −1 to 1: with them a network learns fine detail.
 * @returns a layer whose output is 2 · octaves times as wide as its input
 */
export const fourierFeatures =
  (octaves: number) =>
  (x: Vector): Vector => {
    requireInteger("network: fourierFeatures: octaves", octaves, 1, 24); // 2²⁴ waves are more than f32 inputs can tell apart
    const waves = Array.from({ length: octaves }, (_, k) => Math.PI * 2 ** k);
    const parts = waves.flatMap((wave) => [sin, cos].map((f) => x.map((value) => f(value!.times(wave)))));
    return parts[0]!.concat(...parts.slice(1));
  };
