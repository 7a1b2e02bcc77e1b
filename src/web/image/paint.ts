import type { AnyNetwork, FloatArray, Model } from "../../index.ts";
import { fourierFeatures, type Raster, rowsOf } from "./fourierFeatures.ts";

/** Features that are made at once: more would hold memory for no gain. */
const stripFloats = 2 ** 22;
/** Features that are kept for the next painting of the same raster. */
const keptFloats = 2 ** 24;

const isSame = (a: Raster, b: Raster): boolean =>
  a.left === b.left && a.top === b.top && a.step === b.step && a.width === b.width && a.height === b.height;

/** Colours [points, 3] to pixels from `at` on. */
function writePixels(pixels: Uint8ClampedArray, at: number, colours: FloatArray): void {
  for (let point = 0; point < colours.length / 3; point++) {
    const pixel = 4 * (at + point);
    pixels[pixel] = 255 * colours[3 * point]!;
    pixels[pixel + 1] = 255 * colours[3 * point + 1]!;
    pixels[pixel + 2] = 255 * colours[3 * point + 2]!;
    pixels[pixel + 3] = 255;
  }
}

/** Asks a network for the colours of rasters, strip by strip. */
export class Painter {
  readonly frequencies: Float64Array;
  #raster: Raster | undefined;
  #features: Float32Array | undefined;

  constructor(frequencies: Float64Array) {
    this.frequencies = frequencies;
  }

  #strip(raster: Raster, first: number, rows: number): Float32Array {
    const isWhole = rows >= raster.height;
    if (isWhole && this.#features && this.#raster && isSame(raster, this.#raster)) return this.#features;
    const features = fourierFeatures(this.frequencies, rowsOf(raster, first, first + rows));
    if (isWhole && features.length <= keptFloats) [this.#raster, this.#features] = [raster, features];
    return features;
  }

  /** The network's colours at each point, as pixels. */
  async paint(model: Model<AnyNetwork>, raster: Raster): Promise<Uint8ClampedArray<ArrayBuffer>> {
    const { width, height } = raster;
    const pixels = new Uint8ClampedArray(4 * width * height);
    const rows = Math.max(1, Math.floor(stripFloats / (width * this.frequencies.length)));
    for (let first = 0; first < height; first += rows) {
      writePixels(pixels, first * width, await model.predict(this.#strip(raster, first, rows)));
    }
    return pixels;
  }
}
