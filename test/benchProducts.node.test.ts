import { describe, expect, test } from "vitest";
import { summarize } from "../bench/measure/statistics.ts";
import { judgeChoice, type VariantSeries } from "../bench/products/judge.ts";
import { productsPictures } from "../bench/products/pictures.ts";
import {
  type Choice,
  type FailedVariant,
  type ProductsPoint,
  type ProductsRecord,
  readProductsRecord,
  type TimedVariant,
  type VariantRow,
  writeProductsRecord,
} from "../bench/products/record.ts";
import { productsMarkdown } from "../bench/products/report.ts";
import { problemsOf } from "../bench/products/runClasses.ts";
import { slotsToTry } from "../bench/products/runPoint.ts";
import { classes, type MatmulShape } from "../bench/products/shapes.ts";
import { checkProduct, factorsOf, faultOf, truthOf } from "../bench/products/truth.ts";
import { refusalOf, variantNames } from "../bench/products/variants.ts";
import { toJson } from "../bench/race/readRecord.ts";
import { InvalidInput } from "../src/errors.ts";
import type { MatmulVariant } from "../src/backend/webgpu/matmulVariants.ts";
import { raceRecord } from "./support/raceRecords.ts";

const series = (variant: MatmulVariant, ...ms: (number | undefined)[]): VariantSeries => ({
  variant,
  splits: 1,
  blocks: ms.map((each) => (each === undefined ? undefined : { ms: each })),
});

describe("what the library takes", () => {
  const own = series("quads", 2, 2.2, 1.8);
  const others = [series("plain", 30, 33, 27), series("tiled", 1, 1.1, 0.9)];

  test("is slower where the lower quartile of its ratio to the fastest is above 1.1 and the noise", () => {
    const steady = series("quads", 2, 2.2, 1.8);
    expect(judgeChoice(own, [...others, steady])).toMatchObject({
      verdict: "slower",
      fastest: "tiled",
      ratio: { median: 2 },
      noise: { median: 1 },
    });
    for (const restless of [series("quads", 5, 5.5, 4.5), series("quads", 5, 1.1, 0.72)]) {
      expect(judgeChoice(own, [...others, restless])).toMatchObject({
        verdict: "within noise",
        fastest: "tiled",
      });
    }
  });

  test("is fast enough up to 1.1 by the lower quartile, whatever the median", () => {
    const near = series("tiled", 2 / 1.05, 2.2 / 1.09, 1.8 / 2);
    expect(judgeChoice(own, [near])).toMatchObject({ verdict: "fast enough", ratio: { median: 1.09 } });
  });

  test("is no slower than itself, unless it was cut into other slices", () => {
    const same = [series("quads", 1, 1.1, 0.9), series("plain", 30)];
    expect(judgeChoice(own, same)).toMatchObject({ verdict: "fast enough", fastest: "quads" });
    const cut = judgeChoice({ ...own, splits: 4 }, same);
    expect(cut).toMatchObject({ verdict: "slower", fastest: "quads", ratio: { median: 2 } });
    expect(cut.noise).toBeUndefined();
  });

  test("may have no times, or nobody", () => {
    expect(judgeChoice(undefined, others)).toEqual({ verdict: "no times" });
    expect(judgeChoice(own, [])).toEqual({ verdict: "no times" });
  });
});

/** Straight from the definition, element by element. */
function productOf(shape: MatmulShape, a: Float32Array, b: Float32Array): Float32Array {
  const { batch = 1, m, n, k, transposeA, transposeB } = shape;
  return Float32Array.from({ length: batch * m * n }, (_, at) => {
    const [matrix, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
    let sum = 0;
    for (let i = 0; i < k; i++) {
      const left = transposeA ? i * m + row : row * k + i;
      const right = transposeB ? column * k + i : i * n + column;
      sum += a[matrix * m * k + left]! * b[matrix * k * n + right]!;
    }
    return sum;
  });
}

describe("the truth", () => {
  const orders = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));

  test.each(orders)("is the product, of every order of its factors: %o", (order) => {
    for (const batch of [undefined, 3]) {
      const shape = { m: 5, n: 7, k: 11, ...order, ...(batch !== undefined && { batch }) };
      const { a, b } = factorsOf(shape);
      const out = productOf(shape, a, b);
      const found = checkProduct(out, shape, truthOf(shape, { a, b }));
      expect(found).toMatchObject({ entries: out.length, isSample: false, notFinite: 0, bound: 4 });
      expect(found.deviation).toBeLessThanOrEqual(1); // one rounding to float32
      expect(faultOf(found)).toBeUndefined();
    }
  });

  const shape = { m: 5, n: 7, k: 64, transposeA: false, transposeB: false };
  const factors = factorsOf(shape);
  const truth = truthOf(shape, factors);

  test("finds a wrong entry, wherever it is, and values that were not written", () => {
    for (const at of [0, 17, 34]) {
      const out = productOf(shape, factors.a, factors.b);
      out[at]! += 1e-3;
      expect(faultOf(checkProduct(out, shape, truth))).toMatch(/^differs from float64 by /);
      out[at] = Number.NaN;
      expect(faultOf(checkProduct(out, shape, truth))).toBe("1 of its values are not finite");
    }
  });

  test("finds a product of other matrices", () => {
    const transposed = productOf({ ...shape, transposeB: true }, factors.a, factors.b);
    expect(faultOf(checkProduct(transposed, shape, truth))).toMatch(/^differs/);
  });

  test("is a sample with both ends where the whole would take too long, and all values are still looked at", () => {
    const large = { m: 1024, n: 512, k: 512, transposeA: false, transposeB: false };
    const drawn = factorsOf(large);
    const sampled = truthOf(large, drawn);
    expect([sampled.isSample, sampled.entries.length]).toEqual([true, 200]);
    expect([sampled.entries[0], sampled.entries.at(-1)]).toEqual([0, 1024 * 512 - 1]);
    const out = new Float32Array(1024 * 512);
    for (const [at, entry] of sampled.entries.entries()) out[entry] = sampled.sums[at]!;
    expect(faultOf(checkProduct(out, large, sampled))).toBeUndefined();
    out[sampled.entries.find((entry, at) => at > 0 && entry > 0)! - 1] = Number.NaN;
    expect(faultOf(checkProduct(out, large, sampled))).toMatch(/not finite/);
  });

  test("leaves to chance what millions of short sums may have, and no more", () => {
    const check = { entries: 9, isSample: false, notFinite: 0, bound: 4 };
    expect(faultOf({ ...check, deviation: 5.7 })).toBeUndefined();
    expect(faultOf({ ...check, deviation: 8.1 })).toMatch(/^differs from float64 by 8\.10 /);
    expect(faultOf({ ...check, bound: 100, deviation: 101 })).toMatch(/^differs/);
  });

  test("the bound grows with the sums", () => {
    const long = { ...shape, k: 5000 };
    const drawn = factorsOf(long);
    expect(checkProduct(productOf(long, drawn.a, drawn.b), long, truthOf(long, drawn)).bound).toBe(500);
  });
});

describe("slices to try", () => {
  const shape = { m: 2, n: 2, transposeA: true, transposeB: false };

  test("are powers of four with what the library takes, none below 512 products", () => {
    expect(slotsToTry({ ...shape, k: 1024 }, 1)).toEqual([1]);
    expect(slotsToTry({ ...shape, k: 2048 }, 3)).toEqual([1, 3, 4]);
    expect(slotsToTry({ ...shape, k: 2 ** 20 }, 64)).toEqual([1, 4, 16, 64, 256, 1024]);
  });

  test("keep their partial results small", () => {
    expect(slotsToTry({ ...shape, m: 1024, n: 1024, k: 2 ** 20 }, 1)).toEqual([1, 4, 16]);
  });
});

function timed(variant: MatmulVariant, samples: number[], own: Partial<TimedVariant> = {}): TimedVariant {
  return {
    status: "timed",
    variant,
    isLibrary: false,
    splits: 1,
    check: { entries: 4096, isSample: false, notFinite: 0, deviation: 0.5, bound: 4 },
    productsPerBlock: 64,
    samples,
    summary: summarize(samples),
    ...own,
  };
}

const ofLibrary = (variant: MatmulVariant, samples: number[]): TimedVariant =>
  timed(variant, samples, { isLibrary: true });

const failed = (variant: MatmulVariant, status: FailedVariant["status"], reason: string): FailedVariant => ({
  status,
  variant,
  isLibrary: false,
  reason,
});

function pointAt(x: number, rows: readonly VariantRow[], choice: Choice): ProductsPoint {
  const shape = { m: 2, n: 2, k: x, transposeA: true, transposeB: false };
  const work = { flops: 1e6, bytes: 4e3 };
  return { name: `tn-2x2x${x}`, x, description: `(${x} × 2)ᵀ · ${x} × 2`, shape, work, choice, rows: [...rows] };
}

const ratioOfTwo = summarize([2, 2, 2]);
const points: ProductsPoint[] = [
  pointAt(
    512,
    [
      ofLibrary("quads", [1, 1.2]),
      timed("plain", [10, 12]),
      timed("quads", [1, 1.2]),
      failed("tiled", "slow", "7.0 s"),
    ],
    { variant: "quads", verdict: "fast enough", fastest: "quads", ratio: summarize([1, 1]), noise: summarize([1, 1]) },
  ),
  pointAt(
    4096,
    [
      ofLibrary("quads", [2, 2.4]),
      timed("plain", [10, 12]),
      timed("tiled", [1, 1.2], { splits: 4 }),
      timed("quads", [2, 2.4]),
      failed("wideQuads", "cannot", "no | quads"),
    ],
    { variant: "quads", verdict: "slower", fastest: "tiled", ratio: ratioOfTwo },
  ),
  {
    ...pointAt(16_384, [], { variant: "quads", verdict: "no times" }),
    leftOut: "a product takes 4.00 s on this software adapter",
  },
];
const { machine } = raceRecord([]);
const record: ProductsRecord = {
  schemaVersion: 2,
  bench: "products",
  machine: { ...machine, host: "node", hostVersion: "Node v20.20.2" },
  protocol: { blocks: 10, blockMs: 100 },
  ceilings: { flopsPerSecond: 1e10, bytesPerSecond: 2e9, emptyNs: 10_000, dependentNs: 12_000 },
  sweeps: [{ name: "gradients2", title: "Gradients", axis: "rows", points }],
  problems: [],
};
const withPoint = (point: ProductsPoint): ProductsRecord => ({
  ...record,
  sweeps: [{ ...record.sweeps[0]!, points: [point] }],
});

describe("the record", () => {
  test("is read as it was written", () => {
    expect(readProductsRecord(writeProductsRecord(record), "products.json")).toEqual(JSON.parse(toJson(record)));
  });

  test.each([
    ["a variant that there is none of", withPoint({ ...points[0]!, rows: [timed("fast" as MatmulVariant, [1])] })],
    ["a field that is missing", { ...record, protocol: undefined }],
    ["the record of a race", raceRecord([])],
    ["a variant to come", { ...record, schemaVersion: 99 }],
  ])("refuses %s", (_, wrong) => {
    expect(() => readProductsRecord(JSON.stringify(wrong), "x.json")).toThrow(InvalidInput);
  });

  test("refuses a figure that is no number", () => {
    const broken = withPoint({ ...points[0]!, x: Number.NaN });
    expect(() => writeProductsRecord(broken)).toThrow(/writeProductsRecord: sweeps\.0\.points\.0\.x/);
  });

  test("has problems where a variant is wrong, fails, or is faster than the adapter can be", () => {
    const rows = [
      failed("plain", "wrong", "differs"),
      failed("quads", "failed", "no memory"),
      failed("wideQuads", "cannot", "no quads"),
      failed("wideTiled", "slow", "9 s"),
      timed("tiled", [0.05]),
    ];
    const sweeps = [{ ...record.sweeps[0]!, points: [{ ...points[0]!, rows }] }];
    expect(problemsOf(sweeps, record.ceilings)).toEqual([
      "gradients2: tn-2x2x512: plain wrong: differs",
      "gradients2: tn-2x2x512: quads failed: no memory",
      "gradients2: tn-2x2x512: tiled at 200 % of the arithmetic ceiling measured in this run",
    ]);
    expect(problemsOf(record.sweeps, record.ceilings)).toEqual([]);
  });
});

describe("Markdown", () => {
  const text = productsMarkdown(record);
  const lineOf = (start: string): string => text.split("\n").find((line) => line.startsWith(start)) ?? "";

  test("marks the fastest and what the library takes, and says who has no times", () => {
    expect(lineOf("| tiled ")).toMatch(/\| +slow \| +\*\*909 MFLOP\/s in 4\*\* \| +– \|$/);
    expect(lineOf("| quads ")).toMatch(/\| +\*\*909 MFLOP\/s\*\* ◂ \| +455 MFLOP\/s ◂ \| +– ◂ \|$/);
    expect(text).toContain("- tiled: too slow to be timed at rows 512: 7.0 s");
    expect(text).toContain(String.raw`- wideQuads: cannot run at rows 4,096: no \| quads`);
    expect(text).toContain("- left out at rows 16,384: a product takes 4.00 s on this software adapter");
  });

  test("says where the library does not take the fastest", () => {
    expect(text).toContain(
      "- gradients2 at rows 4,096: the library takes quads, which takes 2.00 (2.00 … 2.00) times as long as tiled in 4.",
    );
    expect(text).not.toContain("gradients2 at rows 512: the library");
    expect(lineOf("| gradients2 ")).toMatch(/\| +3 \| +1 \| +0 \| +1 \| +1 \| +2\.00 \|$/);
  });
});

test("pictures show a line per variant, and rings where the library is", () => {
  const [picture] = productsPictures(record);
  expect(picture!.name).toBe("gradients2");
  expect(picture!.svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(picture!.svg).not.toMatch(/var\(--race|NaN|undefined/);
  for (const words of ["a value each", "16 × 4 values each", "ring: what the library takes", "too slow at rows 512"]) {
    expect(picture!.svg).toContain(words);
  }
  expect(picture!.svg.match(/<circle[^>]* r="9"/g)).toHaveLength(2);
  expect(picture!.svg).toContain("4,096: tiled the fastest with 909 MFLOP/s, the library takes quads");
});

describe("classes", () => {
  test("have names of their own, and points in order, some of them for a quick run", () => {
    expect(new Set(classes.map(({ name }) => name)).size).toBe(classes.length);
    for (const { points: all } of classes) {
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      expect(all.map(({ x }) => x)).toEqual(all.map(({ x }) => x).toSorted((a, b) => a - b));
      expect(all.some(({ isQuick }) => isQuick)).toBe(true);
    }
  });

  test("reach as far as they say", () => {
    const ends = classes.map(({ name, points: all }) => [name, all[0]!.x, all.at(-1)!.x, all.length]);
    expect(ends).toEqual([
      ["nn", 64, 1024, 5],
      ["nt", 128, 512, 3],
      ["tn", 128, 512, 3],
      ["tt", 128, 512, 3],
      ["tall", 1024, 262_144, 5],
      ["short", 4, 64, 5],
      ["gradients64", 1024, 262_144, 5],
      ["gradients2", 2 ** 12, 2 ** 20, 5],
      ["gradients784", 512, 8192, 5],
      ["matrixVector", 256, 2048, 4],
      ["vectorMatrix", 256, 2048, 4],
      ["batched16", 64, 16_384, 5],
      ["batched4", 64, 16_384, 5],
    ]);
    const last = classes.at(-1)!.points.at(-1)!;
    expect(last.shape).toEqual({ batch: 16_384, m: 4, n: 4, k: 4, transposeA: false, transposeB: false });
    expect(last.description).toBe("16,384 × [4 × 4 · 4 × 4]");
  });
});

test("variants of quads need a device that has them", () => {
  const refused = variantNames.filter((variant) => refusalOf({ hasQuads: false }, variant) !== undefined);
  expect(refused).toEqual(["quads", "wideQuads"]);
  expect(variantNames.filter((variant) => refusalOf({ hasQuads: true }, variant) !== undefined)).toEqual([]);
});
