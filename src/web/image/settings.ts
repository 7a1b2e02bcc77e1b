import { type Fields, initialValues, readValues, type Values, writeValues } from "../numberFields.ts";

export type ImageSetting = "side" | "waves" | "scale" | "width" | "depth" | "rate" | "batch" | "seed";

/** What decides how a picture is learned. */
export type ImageSettings = Values<ImageSetting>;

/** A picture's longer side is at most so many pixels. */
export const maxSide = 256;

export const imageFields: Fields<ImageSetting> = {
  side: { label: "Pixels, longer side", minimum: 32, maximum: maxSide, initial: 96, whole: true },
  waves: {
    label: "Fourier features",
    minimum: 4,
    maximum: 128,
    initial: 16,
    powers: true,
    hint: "Number of random waves; each gives a sine and a cosine input",
  },
  scale: {
    label: "Detail",
    minimum: 1,
    maximum: 64,
    initial: 8,
    logarithmic: true,
    hint: "Highest frequency, in waves across the picture. Low: smooth and blurred. High: sharp, then noisy",
  },
  width: { label: "Neurons per layer", minimum: 4, maximum: 128, initial: 16, powers: true },
  depth: { label: "Hidden layers", minimum: 1, maximum: 6, initial: 2, whole: true },
  rate: { label: "Learning rate", minimum: 1e-4, maximum: 0.1, initial: 0.01, logarithmic: true },
  batch: { label: "Pixels per step", minimum: 64, maximum: 16_384, initial: 256, powers: true },
  seed: { label: "Seed", minimum: 0, maximum: 999_999, initial: 1, whole: true },
};

/** Sizes to choose from, from what a processor learns in seconds to what keeps a GPU busy. */
export const sizes = {
  small: initialValues(imageFields),
  medium: { ...initialValues(imageFields), side: 128, waves: 32, scale: 12, width: 32, batch: 512 },
  large: {
    ...initialValues(imageFields),
    side: 256,
    waves: 64,
    scale: 24,
    width: 64,
    depth: 3,
    rate: 0.005,
    batch: 4096,
  },
} as const satisfies Record<string, ImageSettings>;
export type SizeName = keyof typeof sizes;

/** Settings that make a size; the others are the reader's in any size. */
const sizing = ["side", "waves", "scale", "width", "depth", "batch"] as const satisfies ImageSetting[];

/** The size whose settings these are; undefined where they are the reader's own. */
export const sizeOf = (settings: ImageSettings): SizeName | undefined =>
  (Object.keys(sizes) as SizeName[]).find((name) => sizing.every((key) => sizes[name][key] === settings[key]));

/** What an address asks for: settings on top of a size, where it names one. */
export interface ImageAddress {
  /** Undefined: whatever suits the device. */
  readonly size: SizeName | undefined;
  readonly own: Partial<ImageSettings>;
  readonly rejected: readonly string[];
}

export function readImageAddress(params: URLSearchParams): ImageAddress {
  const named = params.get("size");
  const isSize = named !== null && Object.hasOwn(sizes, named);
  const { values, rejected } = readValues(imageFields, params);
  const size = isSize ? (named as SizeName) : undefined;
  return {
    size,
    own: values,
    rejected: named === null || isSize ? rejected : [...rejected, `size=${named.slice(0, 20)}`],
  };
}

/** The size's name and what differs from it. */
export function writeImageAddress(settings: ImageSettings): URLSearchParams {
  const size = sizeOf(settings) ?? "small";
  const differs = Object.entries(settings).filter(([name, value]) => sizes[size][name as ImageSetting] !== value);
  const params = new URLSearchParams({ size });
  writeValues(Object.fromEntries(differs), params);
  return params;
}
