import type { Picture } from "./picture.ts";

/** A colour as shares of red, green and blue in [0, 1]. */
type Colour = readonly [number, number, number];

/** Pixels are the mean of so many points each way, so that edges are smooth. */
const pointsPerPixel = 3;

const clampShare = (x: number): number => Math.min(1, Math.max(0, x));
const smoothStep = (from: number, to: number, x: number): number => {
  const t = clampShare((x - from) / (to - from));
  return t * t * (3 - 2 * t);
};
const mix = (a: Colour, b: Colour, share: number): Colour => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];

const horizon = 0.56;
const sun = { x: 0.64, y: 0.4, radius: 0.085 };

const zenith: Colour = [0.1, 0.15, 0.36];
const violet: Colour = [0.46, 0.31, 0.53];
const peach: Colour = [0.99, 0.67, 0.42];
const cream: Colour = [1, 0.93, 0.74];

function skyAt(x: number, y: number): Colour {
  const base = mix(mix(zenith, violet, smoothStep(0, 0.34, y)), peach, smoothStep(0.2, horizon, y));
  const distance = Math.hypot(x - sun.x, y - sun.y);
  const glow = mix(base, cream, 0.75 * Math.exp(-distance * 6));
  return mix(cream, glow, smoothStep(sun.radius - 0.003, sun.radius + 0.003, distance));
}

interface Ridge {
  readonly height: number;
  readonly rise: number;
  readonly frequency: number;
  readonly phase: number;
  readonly colour: Colour;
}

/** From the farthest to the nearest: each darker and rougher than the one behind. */
const ridges: readonly Ridge[] = [
  { height: 0.44, rise: 0.06, frequency: 5, phase: 0.6, colour: [0.62, 0.42, 0.55] },
  { height: 0.51, rise: 0.055, frequency: 7, phase: 2.4, colour: [0.41, 0.3, 0.5] },
  { height: 0.58, rise: 0.05, frequency: 9, phase: 4.4, colour: [0.24, 0.21, 0.41] },
];

function crestAt({ height, rise, frequency, phase }: Ridge, x: number): number {
  const swell = Math.sin(frequency * x + phase);
  const peaks = Math.abs(Math.sin(1.7 * frequency * x + 2 * phase));
  const teeth = 0.12 * Math.sin(5.3 * frequency * x + phase);
  return height - rise * (0.55 * swell + 0.6 * peaks + teeth);
}

/** The bed of the river: its middle and half its width at a height, winding and widening towards the viewer. */
function riverAt(y: number): { middle: number; halfWidth: number } {
  const near = clampShare((y - horizon) / (1 - horizon));
  const middle = 0.52 + (0.05 + 0.17 * near) * Math.sin(1.5 + 8.5 * Math.sqrt(near));
  return { middle, halfWidth: 0.008 + 0.13 * near ** 1.6 };
}

function meadowAt(x: number, y: number): Colour {
  const near = clampShare((y - horizon) / (1 - horizon));
  const rows = 0.5 + 0.5 * Math.sin(40 * (x - 0.5) * (1.2 - 0.7 * near) + 22 * near);
  const field = mix([0.2, 0.25, 0.36], [0.05, 0.11, 0.17], near);
  return mix(field, [0.27, 0.36, 0.3], 0.35 * rows * (1 - 0.5 * near));
}

function groundAt(x: number, y: number): Colour {
  const { middle, halfWidth } = riverAt(y);
  const off = Math.abs(x - middle) / halfWidth;
  const mirrored = skyAt(x, Math.max(0, 2 * horizon - y) * 0.95);
  const ripple = 0.06 * Math.sin(160 * y + 12 * x);
  const water = mix(mirrored, [0.2, 0.3, 0.5], 0.18 + ripple);
  return mix(water, meadowAt(x, y), smoothStep(0.94, 1.06, off));
}

/** The colour at a point; x from left to right and y from top to bottom, in [0, 1]. */
function colourAt(x: number, y: number): Colour {
  const nearest = ridges.findLast((ridge) => y > crestAt(ridge, x));
  const foot = horizon + 0.035 + 0.012 * Math.sin(9 * x + 1);
  if (nearest === ridges.at(-1) && y > foot) return groundAt(x, y);
  if (!nearest) return skyAt(x, y);
  const haze = smoothStep(0, 0.16, y - crestAt(nearest, x));
  return mix(nearest.colour, peach, 0.3 * haze);
}

/** Adds up the points of one row of pixels. */
function drawRow(colours: Float32Array, size: number, row: number): void {
  const points = size * pointsPerPixel;
  for (let down = row * pointsPerPixel; down < (row + 1) * pointsPerPixel; down++) {
    for (let across = 0; across < points; across++) {
      const colour = colourAt((across + 0.5) / points, (down + 0.5) / points);
      const pixel = row * size + Math.floor(across / pointsPerPixel);
      for (let channel = 0; channel < 3; channel++) {
        colours[3 * pixel + channel]! += clampShare(colour[channel]!) / pointsPerPixel ** 2;
      }
    }
  }
}

/** Time after which drawing lets others have a turn. */
const turnMs = 15;

/** A river in its valley at sunset, drawn by code: smooth sky, sharp ridges, fine ripples. */
export async function builtInPicture(size: number): Promise<Picture> {
  const colours = new Float32Array(3 * size * size);
  let startMs = performance.now();
  for (let row = 0; row < size; row++) {
    drawRow(colours, size, row);
    if (performance.now() - startMs < turnMs) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    startMs = performance.now();
  }
  return { name: "River valley", width: size, height: size, colours };
}
