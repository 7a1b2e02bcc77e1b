// The diverging scale of the page, as bytes for canvases.

const steps = 256;

/** Colours from −1 to 1 in 256 steps, each four bytes as a canvas keeps them. */
export type ColorRamp = Uint32Array;

type Rgb = readonly [red: number, green: number, blue: number];

/** What a custom property of colour is in the theme shown now. */
function colorOf(host: Element, name: string): Rgb {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  host.append(probe);
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g) ?? [];
  probe.remove();
  return [Number(parts[0] ?? 0), Number(parts[1] ?? 0), Number(parts[2] ?? 0)];
}

const mix = (low: Rgb, high: Rgb, share: number): Rgb => [
  low[0] + share * (high[0] - low[0]),
  low[1] + share * (high[1] - low[1]),
  low[2] + share * (high[2] - low[2]),
];

/** A custom property of colour as canvases take it: `light-dark()` resolved. */
export function themeColor(host: Element, name: string): string {
  const [red, green, blue] = colorOf(host, name);
  return `rgb(${red} ${green} ${blue})`;
}

/** Ramps of a theme: full colours for points, softer ones for maps, on which points stand out. */
export interface Ramps {
  readonly points: ColorRamp;
  readonly maps: ColorRamp;
  /** Around points to learn from, and around points to be tested on. */
  readonly rim: string;
  readonly testRim: string;
}

/** Share of the full colour that a map has at −1 and 1. */
const mapShare = 0.68;

/** The ramps of the theme that is shown now. */
export function rampsOf(host: Element): Ramps {
  const zero = colorOf(host, "--zero");
  const [negative, positive] = [colorOf(host, "--negative"), colorOf(host, "--positive")];
  return {
    points: createRamp(negative, zero, positive),
    rim: themeColor(host, "--card"),
    testRim: themeColor(host, "--ink"),
    maps: createRamp(mix(zero, negative, mapShare), zero, mix(zero, positive, mapShare)),
  };
}

/** Between the colours of negative, zero and positive numbers. */
export function createRamp(negative: Rgb, zero: Rgb, positive: Rgb): ColorRamp {
  return Uint32Array.from({ length: steps }, (_, step) => {
    const value = (2 * step) / (steps - 1) - 1;
    const [red, green, blue] = value < 0 ? mix(zero, negative, -value) : mix(zero, positive, value);
    return new DataView(Uint8Array.of(red, green, blue, 255).buffer).getUint32(0, true);
  });
}

/** Colour of a value, cut to −1 … 1; of one that is no number, of zero. */
export function colorAt(ramp: ColorRamp, value: number): number {
  if (!(value > -1)) return ramp[Number.isNaN(value) ? steps / 2 : 0]!;
  return ramp[value < 1 ? Math.floor(((value + 1) / 2) * (steps - 1) + 0.5) : steps - 1]!;
}

/** As CSS writes it. */
export const cssColor = (color: number): string => `rgb(${color & 255} ${(color >> 8) & 255} ${(color >> 16) & 255})`;

/** Paints values, row by row, over a whole canvas of as many pixels. */
export function paintValues(canvas: HTMLCanvasElement, values: ArrayLike<number>, ramp: ColorRamp): void {
  const { width, height } = canvas;
  // kept in memory rather than on the GPU: every pixel comes from here, many times a second
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let at = 0; at < pixels.length; at++) pixels[at] = colorAt(ramp, values[at]!);
  context.putImageData(image, 0, 0);
}
