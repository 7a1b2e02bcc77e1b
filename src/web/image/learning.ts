// What a picture and settings mean for the session that learns it.

import { adam, dense, type NetworkOptions } from "../../index.ts";
import type { SessionSettings } from "../worker/protocol.ts";
import { drawFrequencies, type Raster } from "./fourierFeatures.ts";
import type { Picture } from "./picture.ts";
import type { ImageOptions } from "./protocol.ts";
import type { ImageSettings } from "./settings.ts";

/** (x, y) as sines and cosines → red, green and blue in (0, 1). */
export function imageNetwork({ waves, width, depth }: ImageSettings): NetworkOptions {
  const hidden = Array.from({ length: depth }, () => dense(width, "relu"));
  return { inputs: 2 * waves, layers: [...hidden, dense(3, "sigmoid")], loss: "meanSquaredError" };
}

const frequenciesOf = ({ waves, scale, seed }: ImageSettings): Float64Array => drawFrequencies(waves, scale, seed);

/** Everything but the inputs, which the worker makes. */
export function sessionSettings(
  settings: ImageSettings,
  { width, height, colours }: Picture,
  raster: Raster,
): SessionSettings<ImageOptions> {
  return {
    network: imageNetwork(settings),
    data: { inputs: new Float32Array(), targets: colours },
    optimizer: adam({ learningRate: settings.rate }),
    batchSize: settings.batch,
    seed: settings.seed,
    orderSeed: settings.seed,
    options: { frequencies: frequenciesOf(settings), width, height, raster },
  };
}
