import { expect, test } from "vitest";
import { decodeModel, decodeSafetensors } from "../src/data.ts";
import { acquire, createModel, network } from "../src/index.ts";
import { builtInPicture } from "../src/web/image/builtInPicture.ts";
import { Curve } from "../src/web/image/curve.ts";
import { drawFrequencies, fourierFeatures, rowsOf, wholePicture } from "../src/web/image/fourierFeatures.ts";
import { sessionSettings } from "../src/web/image/learning.ts";
import { encodeImageModel } from "../src/web/image/modelFile.ts";
import { Painter } from "../src/web/image/paint.ts";
import { meanSquaredDifference, peakSignalToNoise } from "../src/web/image/quality.ts";
import { coloursOf, scaledSize } from "../src/web/image/readPicture.ts";
import { imageFields, readImageAddress, sizeOf, sizes, writeImageAddress } from "../src/web/image/settings.ts";
import { fitted, moved, wholeZoom, windowRaster, zoomedAt } from "../src/web/image/zoom.ts";
import { takes, trackOf } from "../src/web/numberFields.ts";

const address = (text: string) => readImageAddress(new URLSearchParams(text));

test("the built-in picture is the same at every size", async () => {
  const coarse = await builtInPicture(16);
  const fine = await builtInPicture(48);
  expect(coarse.colours).toHaveLength(16 * 16 * 3);
  expect([...fine.colours].every((value) => value >= 0 && value <= 1)).toBe(true);
  const mean = ({ colours }: { colours: Float32Array }) => colours.reduce((sum, value) => sum + value) / colours.length;
  expect(mean(coarse)).toBeCloseTo(mean(fine), 2);
});

test("the built-in picture has sky above, ground below and a sun", async () => {
  const { colours } = await builtInPicture(64);
  const brightness = (x: number, y: number) =>
    colours.subarray(3 * (64 * y + x), 3 * (64 * y + x) + 3).reduce((a, b) => a + b);
  expect(brightness(41, 24)).toBeGreaterThan(2.4);
  expect(brightness(2, 1)).toBeLessThan(1);
  expect(brightness(2, 62)).toBeLessThan(1);
});

test("features are sine and cosine of each wave at each point", () => {
  const frequencies = drawFrequencies(5, 3, 7);
  const raster = wholePicture({ width: 40, height: 25 });
  const features = fourierFeatures(frequencies, raster);
  expect(features).toHaveLength(40 * 25 * 10);
  let worst = 0;
  for (let point = 0; point < 1000; point++) {
    const x = ((point % 40) + 0.5) / 40;
    const y = (Math.floor(point / 40) + 0.5) / 40;
    for (let wave = 0; wave < 5; wave++) {
      const angle = 2 * Math.PI * (frequencies[2 * wave]! * x + frequencies[2 * wave + 1]! * y);
      worst = Math.max(worst, Math.abs(features[10 * point + 2 * wave]! - Math.sin(angle)));
      worst = Math.max(worst, Math.abs(features[10 * point + 2 * wave + 1]! - Math.cos(angle)));
    }
  }
  expect(worst).toBeLessThan(1e-6);
});

test("waves reach from less than one to the finest, and the seed decides them", () => {
  const frequencies = drawFrequencies(64, 20, 3);
  const magnitudes = Array.from({ length: 64 }, (_, wave) =>
    Math.hypot(frequencies[2 * wave]!, frequencies[2 * wave + 1]!),
  );
  expect(magnitudes).toEqual(magnitudes.toSorted((a, b) => a - b));
  expect(magnitudes[0]).toBeGreaterThanOrEqual(0.3);
  expect(magnitudes[0]).toBeLessThan(0.35);
  expect(magnitudes[63]).toBeGreaterThan(18);
  expect(magnitudes[63]).toBeLessThanOrEqual(20);
  expect(drawFrequencies(64, 20, 3)).toEqual(frequencies);
  expect(drawFrequencies(64, 20, 4)).not.toEqual(frequencies);
});

test("strips of a raster make up the whole", () => {
  const frequencies = drawFrequencies(4, 2, 1);
  const raster = wholePicture({ width: 9, height: 7 }, 2);
  const whole = fourierFeatures(frequencies, raster);
  const strips = [0, 4, 8, 12].map((row) => fourierFeatures(frequencies, rowsOf(raster, row, row + 4)));
  expect(strips.reduce((total, { length }) => total + length, 0)).toBe(whole.length);
  let at = 0;
  for (const strip of strips) {
    for (let index = 0; index < strip.length; index++) expect(strip[index]).toBeCloseTo(whole[at + index]!, 5);
    at += strip.length;
  }
});

test("quality is measured in decibels", () => {
  const a = Float32Array.of(0, 0.5, 1, 0.25);
  const b = Float32Array.of(0.1, 0.4, 0.9, 0.35);
  expect(meanSquaredDifference(a, b)).toBeCloseTo(0.01, 6);
  expect(peakSignalToNoise(0.01)).toBeCloseTo(20, 9);
  expect(peakSignalToNoise(0)).toBe(Infinity);
});

test("a window shows the part of the picture that it is zoomed to", () => {
  const picture = { width: 80, height: 40 };
  expect(windowRaster(picture, wholeZoom, 1)).toEqual(wholePicture(picture));
  const quarter = windowRaster(picture, { factor: 2, x: 0.75, y: 0.25 }, 1);
  expect(quarter.step).toBeCloseTo(1 / 160, 12);
  expect(quarter.left - quarter.step / 2).toBeCloseTo(0.5, 12);
  expect(quarter.top - quarter.step / 2).toBeCloseTo(0, 12);
  expect([quarter.width, quarter.height]).toEqual([80, 40]);
});

test("zooming keeps the point under the pointer, and windows stay within the picture", () => {
  const before = fitted({ factor: 2, x: 0.4, y: 0.6 });
  const after = zoomedAt(before, 3, 0.2, 0.9);
  const pointOf = ({ factor, x }: typeof before) => x + (0.2 - 0.5) / factor;
  expect(pointOf(after)).toBeCloseTo(pointOf(before), 12);
  expect(zoomedAt(after, 0)).toEqual(wholeZoom);
  expect(moved({ factor: 4, x: 0.5, y: 0.5 }, 100, -100)).toEqual({ factor: 4, x: 0.875, y: 0.125 });
});

test("settings of an image survive the address", () => {
  for (const size of ["small", "medium", "large"] as const) {
    expect(sizeOf(sizes[size])).toBe(size);
    expect(String(writeImageAddress(sizes[size]))).toBe(`size=${size}`);
  }
  const settings = { ...sizes.large, rate: 0.02, seed: 9, width: 32 };
  const { size, own, rejected } = readImageAddress(writeImageAddress(settings));
  expect({ ...sizes[size!], ...own }).toEqual(settings);
  expect(rejected).toEqual([]);
});

test("what an address says wrongly is named and left out", () => {
  const { size, own, rejected } = address("size=huge&width=abc&depth=2.5&waves=20&rate=0.02&seed=");
  expect(size).toBeUndefined();
  expect(own).toEqual({ rate: 0.02 });
  expect(rejected).toEqual(["waves=20", "width=abc", "depth=2.5", "seed=", "size=huge"]);
});

test("every slider reaches its ends and its start", () => {
  for (const field of Object.values(imageFields)) {
    const track = trackOf(field);
    expect(track.toValue(0)).toBeCloseTo(field.minimum, 12);
    expect(track.toValue(track.steps)).toBeCloseTo(field.maximum, 12);
    expect(takes(field, track.toValue(track.toPlace(field.initial)))).toBe(true);
    expect(track.toValue(track.toPlace(field.initial)) / field.initial || 1).toBeCloseTo(1, 1);
  }
});

test("pictures keep their shape and are never enlarged", () => {
  expect(scaledSize(4000, 3000, 96)).toEqual({ width: 96, height: 72 });
  expect(scaledSize(3000, 4000, 96)).toEqual({ width: 72, height: 96 });
  expect(scaledSize(40, 30, 96)).toEqual({ width: 40, height: 30 });
  expect(scaledSize(10_000, 1, 96)).toEqual({ width: 96, height: 1 });
  expect(coloursOf(Uint8ClampedArray.of(0, 51, 255, 255, 102, 0, 0, 255))).toEqual(
    Float32Array.of(0, 0.2, 1, 0.4, 0, 0),
  );
});

test("a curve of any length keeps means of equal stretches", () => {
  const curve = new Curve();
  const losses = Float32Array.from({ length: 5000 }, (_, step) => step);
  for (let at = 0; at < 5000; at += 37) curve.add(losses.subarray(at, at + 37));
  const { steps, means } = curve.stretches;
  expect(steps.length).toBeLessThan(512);
  expect(steps.length).toBeGreaterThan(200);
  const size = steps[0]!;
  for (const [index, mean] of means.entries()) expect(mean).toBe((index + 0.5) * size - 0.5);
  curve.cutAt(steps[10]!);
  expect(curve.stretches.steps).toEqual(steps.slice(0, 11));
});

test("a curve leaves out what is not finite", () => {
  const curve = new Curve();
  curve.add([1, Number.NaN, 3]);
  expect(curve.stretches.means).toEqual([1, Number.NaN, 3]);
});

test("the picture is the network's output at each point, and its file says how to evaluate it", async () => {
  const picture = { name: "grey", width: 6, height: 4, colours: new Float32Array(72).fill(0.5) };
  const settings = { ...sizes.small, waves: 8, width: 4 };
  const raster = wholePicture(picture, 2);
  const { network: shape, options } = sessionSettings(settings, picture, raster);
  const device = await acquire({ device: "reference" });
  const model = await createModel(network(shape), { device, seed: 5 });
  const pixels = await new Painter(options.frequencies).paint(model, raster);
  const colours = await model.predict(fourierFeatures(options.frequencies, raster));
  expect(pixels).toHaveLength(12 * 8 * 4);
  for (let pixel = 0; pixel < 96; pixel++) {
    const expected = [0, 1, 2].map((channel) => Math.round(255 * colours[3 * pixel + channel]!));
    expect([...pixels.subarray(4 * pixel, 4 * pixel + 4)]).toEqual([...expected, 255]);
  }
  const parameters = await model.readParameters();
  const file = encodeImageModel({ network: shape, parameters, ...options });
  expect(decodeModel(file, "file").parameters).toEqual(Float32Array.from(parameters));
  const pairs = JSON.parse(decodeSafetensors(file, "file").metadata.get("fourierFrequencies")!) as number[][];
  expect(pairs.flat()).toEqual([...options.frequencies]);
  model.dispose();
  device.dispose();
});
