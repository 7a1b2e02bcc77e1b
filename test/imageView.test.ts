import { expect, test } from "vitest";
import { builtInPicture } from "../src/web/image/builtInPicture.ts";
import { drawFrequencies, fourierFeatures, rowsOf, wholePicture } from "../src/web/image/fourierFeatures.ts";
import { meanSquaredDifference, peakSignalToNoise } from "../src/web/image/quality.ts";
import { imageFields, readImageAddress, sizeOf, sizes, writeImageAddress } from "../src/web/image/settings.ts";
import { fitted, moved, wholeZoom, windowRaster, zoomedAt } from "../src/web/image/zoom.ts";
import { takes, trackOf } from "../src/web/numberFields.ts";

const address = (text: string) => readImageAddress(new URLSearchParams(text));

test("the built-in picture is the same at every size", () => {
  const coarse = builtInPicture(16);
  const fine = builtInPicture(48);
  expect(coarse.colours).toHaveLength(16 * 16 * 3);
  expect([...fine.colours].every((value) => value >= 0 && value <= 1)).toBe(true);
  const mean = ({ colours }: { colours: Float32Array }) => colours.reduce((sum, value) => sum + value) / colours.length;
  expect(mean(coarse)).toBeCloseTo(mean(fine), 2);
});

test("the built-in picture has sky above, ground below and a sun", () => {
  const { colours } = builtInPicture(64);
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

test("frequencies have the spread asked for, and the seed decides them", () => {
  const frequencies = drawFrequencies(2000, 4, 3);
  const spread = Math.sqrt(frequencies.reduce((sum, value) => sum + value * value, 0) / 4000);
  expect(spread).toBeGreaterThan(3.8);
  expect(spread).toBeLessThan(4.2);
  expect(drawFrequencies(8, 4, 3)).toEqual(frequencies.slice(0, 16));
  expect(drawFrequencies(8, 4, 4)).not.toEqual(frequencies.slice(0, 16));
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
  const settings = { ...sizes.large, scale: 2.5, seed: 9, width: 32 };
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
