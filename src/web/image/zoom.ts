import type { Raster } from "./fourierFeatures.ts";

/** The part of the picture that is shown: a square window, or as much of it as the picture fills. */
export interface Zoom {
  /** 1 shows the whole picture. */
  readonly factor: number;
  /** Middle of the window, in shares of the picture's width and height. */
  readonly x: number;
  readonly y: number;
}

export const wholeZoom: Zoom = { factor: 1, x: 0.5, y: 0.5 };
const maxFactor = 32;

const between = (least: number, most: number, value: number): number => Math.min(most, Math.max(least, value));

/** A zoom whose window lies within the picture. */
export function fitted({ factor, x, y }: Zoom): Zoom {
  const kept = between(1, maxFactor, factor);
  const half = 0.5 / kept;
  return { factor: kept, x: between(half, 1 - half, x), y: between(half, 1 - half, y) };
}

/** Zooms by `times` so that the point of the window at (x, y), in shares of it, stays where it is. */
export function zoomedAt(zoom: Zoom, times: number, x = 0.5, y = 0.5): Zoom {
  const factor = between(1, maxFactor, zoom.factor * times);
  const keep = 1 / zoom.factor - 1 / factor;
  return fitted({ factor, x: zoom.x + (x - 0.5) * keep, y: zoom.y + (y - 0.5) * keep });
}

/** Moves the window by shares of itself. */
export const moved = (zoom: Zoom, across: number, down: number): Zoom =>
  fitted({ ...zoom, x: zoom.x + across / zoom.factor, y: zoom.y + down / zoom.factor });

/** The points of a window: `detail` times as many each way as the whole picture has pixels. */
export function windowRaster(picture: { width: number; height: number }, zoom: Zoom, detail: number): Raster {
  const longer = Math.max(picture.width, picture.height);
  const { factor, x, y } = fitted(zoom);
  const step = 1 / (longer * factor * detail);
  const left = ((x - 0.5 / factor) * picture.width) / longer;
  const top = ((y - 0.5 / factor) * picture.height) / longer;
  return {
    left: left + step / 2,
    top: top + step / 2,
    step,
    width: picture.width * detail,
    height: picture.height * detail,
  };
}
