// What the view of an image and its worker say to each other, beside what every session says.

import type { Raster } from "./fourierFeatures.ts";

/** What the worker draws. */
export interface ImageOptions {
  /** [waves, 2]; the same as long as the training continues. */
  readonly frequencies: Float64Array;
  /** The picture's own size in pixels. */
  readonly width: number;
  readonly height: number;
  /** Where to ask the network for colours. */
  readonly raster: Raster;
}

/** What the network paints. */
export interface Painting {
  /** [height, width, 4] as `ImageData` takes it. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  readonly raster: Raster;
}

export interface ImageFrame {
  /** Undefined where drawing would take more than its share of the time. */
  readonly painting: Painting | undefined;
  /** Mean squared error over all pixels of the picture; undefined where it was not computed for this frame. */
  readonly meanSquared: number | undefined;
}
