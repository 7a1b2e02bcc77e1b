import { expect, test } from "vitest";
import { contour } from "../src/web/playground/contour.ts";
import { crc32 } from "../src/data/binary/crc32.ts";
import { columnsOf, drawnUnits, gapRow, nextWidth, rowOf } from "../src/web/playground/fold.ts";
import { groupNames, parseGroups } from "../src/web/playground/hiddenGroups.ts";
import { linkTo } from "../src/web/playground/linkDialog.ts";
import { encodeNpz, type NamedArray } from "../src/formats/npz.ts";
import { stepsPerEpoch } from "../src/web/playground/setup.ts";
import { decodeState, defaults } from "../src/web/playground/state.ts";

test("a contour lies where the map has the level, and meets itself from square to square", () => {
  const cells = 21;
  const at = (index: number): number => (index - 10) / 10;
  const circle = Float32Array.from(
    { length: cells * cells },
    (_, index) => Math.hypot(at(index % cells), at(Math.floor(index / cells))) - 0.613,
  );
  const ends = contour(circle, cells, 0);
  const counts = new Map<string, number>();
  for (let place = 0; place < ends.length; place += 2) {
    const [x, y] = [(ends[place]! - 10) / 10, (ends[place + 1]! - 10) / 10];
    expect(Math.abs(Math.hypot(x, y) - 0.613)).toBeLessThan(0.01);
    const key = `${ends[place]!.toFixed(4)} ${ends[place + 1]!.toFixed(4)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(counts.size).toBeGreaterThan(20);
  expect([...counts.values()].every((count) => count === 2)).toBe(true);
  expect(contour(circle, cells, 5)).toEqual([]);
  expect(contour(circle.fill(Number.NaN), cells, 0)).toEqual([]);
});

test("all sixteen squares: every line separates what is above from what is below", () => {
  for (let kind = 0; kind < 16; kind++) {
    for (const weight of [0.2, 5]) {
      const above = (bit: number): number => (kind & bit ? weight : -1);
      const ends = contour(Float32Array.of(above(1), above(2), above(8), above(4)), 2, 0);
      const crossed = [above(1) * above(2), above(2) * above(4), above(4) * above(8), above(8) * above(1)];
      expect(ends).toHaveLength(2 * crossed.filter((product) => product < 0).length);
      for (const end of ends) expect(end >= 0 && end <= 1).toBe(true);
    }
  }
  // A saddle: the middle decides which corners a line cuts off.
  expect(contour(Float32Array.of(3, -1, -1, 3), 2, 0)).toEqual([0.75, 0, 1, 0.25, 0.25, 1, 0, 0.75]);
  expect(contour(Float32Array.of(1, -3, -3, 1), 2, 0)).toEqual([0, 0.25, 0.25, 0, 1, 0.75, 0.75, 1]);
});

test("CRC-32 has its check value", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array())).toBe(0);
});

/** Reads an archive from its end, as readers of zip do. */
function readNpz(bytes: Uint8Array): { name: string; header: string; values: number[] }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 22;
  expect(view.getUint32(end, true)).toBe(0x06054b50);
  let at = view.getUint32(end + 16, true);
  expect(at + view.getUint32(end + 12, true)).toBe(end);
  const text = (from: number, length: number): string => String.fromCharCode(...bytes.subarray(from, from + length));
  return Array.from({ length: view.getUint16(end + 10, true) }, () => {
    expect(view.getUint32(at, true)).toBe(0x02014b50);
    const [crc, size, nameLength, local] = [16, 24, 28, 42].map((place) =>
      place === 28 ? view.getUint16(at + place, true) : view.getUint32(at + place, true),
    ) as [number, number, number, number];
    const name = text(at + 46, nameLength);
    at += 46 + nameLength;
    expect([view.getUint32(local, true), view.getUint32(local + 14, true)]).toEqual([0x04034b50, crc]);
    expect(text(local + 30, nameLength)).toBe(name);
    const start = local + 30 + nameLength;
    const content = bytes.slice(start, start + size);
    expect(crc32(content)).toBe(crc);
    expect(String.fromCharCode(...content.subarray(0, 8))).toBe("\x93NUMPY\x01\x00");
    const headerLength = content[8]! + 256 * content[9]!;
    expect((10 + headerLength) % 64).toBe(0);
    const header = String.fromCharCode(...content.subarray(10, 10 + headerLength));
    return { name, header, values: Array.from(new Float32Array(content.slice(10 + headerLength).buffer)) };
  });
}

test("arrays come back from an npz, with their shapes", () => {
  const arrays: NamedArray[] = [
    { name: "layers.0.weights", shape: [2, 3], values: Float32Array.of(1, -2, 3.5, 0, 1e-30, -1e30) },
    { name: "layers.0.bias", shape: [3], values: Float32Array.of(0.1, 0.2, 0.3) },
    { name: "none", shape: [0], values: new Float32Array() },
  ];
  const read = readNpz(encodeNpz(arrays));
  expect(read.map(({ name }) => name)).toEqual(arrays.map(({ name }) => `${name}.npy`));
  expect(read.map(({ values }) => values)).toEqual(arrays.map(({ values }) => Array.from(values)));
  expect(read[0]!.header).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/);
  expect(read[1]!.header).toContain("'shape': (3,),");
  expect(encodeNpz(arrays)).toEqual(encodeNpz(arrays));
  expect(() => encodeNpz([{ name: "a", shape: [2], values: new Float32Array(3) }])).toThrow(/a: 3 values for \[2\]/);
});

test("wide layers show their first and last neurons, deep networks their first and last layers", () => {
  expect(drawnUnits(16)).toEqual(Array.from({ length: 16 }, (_, unit) => unit));
  const units = drawnUnits(128);
  expect([units.length, units[7], units[8], units[14]]).toEqual([15, 7, 121, 127]);
  const rows = units.map((_, place) => rowOf(place, 113));
  expect(new Set([...rows, gapRow]).size).toBe(16);
  const columns = columnsOf(7, [8, 128, 8, 8, 8, 8, 8, 8, 8], false);
  const told = columns.map((column) => (column.kind === "gap" ? `+${column.layers}` : column.layer));
  expect(told).toEqual([-1, 0, 1, 2, "+3", 6, 7, 8, 9]);
  expect(columns[2]).toMatchObject({ folded: 113, rows: 16 });
  expect(columnsOf(7, [8, 8, 8, 8, 8, 8, 8, 8], true)).toHaveLength(10);
  expect(columnsOf(7, [8, 8, 8, 8, 8, 8, 8], false).every(({ kind }) => kind === "layer")).toBe(true);
});

test("+ and − go by one, and by more where a layer is wide", () => {
  expect([1, 15, 16, 20, 96, 127, 128].map((width) => nextWidth(width, 1, 128))).toEqual([
    2, 16, 20, 24, 128, 128, 128,
  ]);
  expect([128, 100, 20, 17, 16, 2, 1].map((width) => nextWidth(width, -1, 128))).toEqual([96, 96, 16, 16, 15, 1, 1]);
});

test("a link names the controls that it leaves out", () => {
  const link = linkTo("https://example.org/page/#/playground?v=1", { ...defaults, hidden: ["data", "speed"] });
  expect(link).toBe("https://example.org/page/#/playground?v=1&hide=data_speed");
  expect(decodeState(new URLSearchParams(link.split("?")[1])).state.hidden).toEqual(["data", "speed"]);
  expect(parseGroups(groupNames.join("_"))).toEqual(groupNames);
  for (const wrong of ["data_data", "everything", "data,speed", "_"]) expect(parseGroups(wrong)).toBeUndefined();
  const { state, problems } = decodeState(new URLSearchParams("hide=run"));
  expect(state.hidden).toEqual([]);
  expect(problems[0]).toMatch(/hide=run is ignored: expected some of data, painting/);
});

test("an epoch has every training point once", () => {
  const split = (length: number) => ({
    training: Array.from({ length }, () => ({ x1: 0, x2: 0, value: 1 })),
    test: [],
  });
  const counts = [1, 32, 33, 250, 20].map((length) => stepsPerEpoch({ ...defaults, batchSize: 32 }, split(length)));
  expect(counts).toEqual([1, 1, 2, 8, 1]);
});
