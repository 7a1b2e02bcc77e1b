import { describe, expect, test } from "vitest";
import { applyEdits, type Edit, editShaders } from "../bench/limits/edits.ts";
import { limitsPictures } from "../bench/limits/pictures.ts";
import { cases, type Subject } from "../bench/limits/plans.ts";
import {
  type AblationRow,
  type LimitsPoint,
  type LimitsRecord,
  readLimitsRecord,
  type TimedAblation,
  writeLimitsRecord,
} from "../bench/limits/record.ts";
import { limitsMarkdown, savedText } from "../bench/limits/report.ts";
import { problemsOf } from "../bench/limits/runLimits.ts";
import { lineThrough, sampleCostOf } from "../bench/limits/sampleCost.ts";
import { summarize } from "../bench/measure/statistics.ts";
import { toJson } from "../bench/race/readRecord.ts";
import { stepOf } from "../bench/race/races.ts";
import { InvalidInput } from "../src/errors.ts";
import { kernelUpdateOf } from "../src/backend/webgpu/emit/emitOptimizer.ts";
import type { KernelSource } from "../src/backend/webgpu/shader.ts";
import { fusedKernels } from "../src/backend/webgpu/fusedKernels.ts";
import { layerKernel } from "../src/backend/webgpu/kernels.ts";
import { matmulKernel } from "../src/backend/webgpu/tensor/matmul.ts";
import { tensorKernel } from "../src/backend/webgpu/tensor/tensorKernels.ts";
import { raceRecord } from "./support/raceRecords.ts";

const edit = (find: string, replace: string, times?: number): Edit => ({
  kernel: "forward",
  find,
  replace,
  ...(times !== undefined && { times }),
});

describe("editing a kernel", () => {
  const code = "let a = x;\nlet b = x;\nlet c = y;\n";

  test("exchanges its texts, one after the other, and leaves other kernels alone", () => {
    const edits = [edit("let c = y;", "let c = $& + x;"), edit("= x;", "= 1.0;", 2)];
    expect(applyEdits("forward", code, edits)).toBe("let a = 1.0;\nlet b = 1.0;\nlet c = $& + x;\n");
    expect(applyEdits("loss", code, edits)).toBe(code);
  });

  test.each([
    ["is missing", edit("let d", ""), 'the text "let d" stands in forward 0 times, not 1: the kernel has changed'],
    [
      "stands there twice",
      edit("= x;", ""),
      'the text "= x;" stands in forward 2 times, not 1: the kernel has changed',
    ],
    [
      "stands there once",
      edit("= y;", "", 2),
      'the text "= y;" stands in forward 1 times, not 2: the kernel has changed',
    ],
  ])("is an error where a text %s", (_, wrong, message) => {
    expect(() => applyEdits("forward", code, [wrong])).toThrow(message);
  });
});

describe("editing the shaders of a device", () => {
  const compiled: string[] = [];
  const create = ({ code }: { code: string }): void => void compiled.push(code);
  const fake = (): GPUDevice => ({ createShaderModule: create }) as unknown as GPUDevice;

  test("hands edited code on, and tells what was compiled", () => {
    const gpu = fake();
    const shaders = editShaders(gpu, [edit("x", "1.0")]);
    gpu.createShaderModule({ label: "loss", code: "x" });
    expect(() => shaders.requireMet()).toThrow("forward was never compiled, of which a part is to be left out");
    gpu.createShaderModule({ label: "forward", code: "x" });
    shaders.requireMet();
    expect(compiled).toEqual(["x", "1.0"]);
    expect([...shaders.kernels]).toEqual(["loss", "forward"]);
    expect(() => gpu.createShaderModule({ label: "forward", code: "y" })).toThrow(/has changed$/);
  });

  test("leaves other devices alone", () => {
    editShaders(fake(), [edit("x", "1.0")]);
    compiled.length = 0;
    fake().createShaderModule({ label: "forward", code: "x" });
    expect(compiled).toEqual(["x"]);
  });
});

/** Kernels that the work of a case may be done by, whatever the device has. */
function sourcesOf(subject: Subject): KernelSource[] {
  const f32s = ["f32", "f32", "f32"] as const;
  if (subject.kind === "product") {
    const { m, n } = subject.shape;
    if (m <= 4 && n <= 4) return [tensorKernel({ name: "matmulSlim", types: f32s })];
    return (["wideTiled", "wideQuads"] as const).map((variant) => tensorKernel(matmulKernel(variant, f32s)));
  }
  const { widths, batchSize, members, strategy } = subject;
  if (strategy === "members") {
    const { network, optimizer } = stepOf({ widths, activation: "sigmoid", batchSize, members });
    return [fusedKernels.trainMembers(network, kernelUpdateOf(optimizer))];
  }
  const products = ["forwardTiled", "backwardInputsTiled", "backwardWeightsTiled"] as const;
  const quads = ["forwardQuads", "backwardInputsQuads", "backwardWeightsQuads"] as const;
  return [...products, ...quads].map((name) => layerKernel(name));
}

describe("cases", () => {
  const points = cases.flatMap((each) => each.points);

  test("have names of their own, and a point for a quick run", () => {
    expect(cases.map(({ name }) => name)).toEqual(["networks", "products", "slim", "layer"]);
    expect(new Set(points.map(({ name }) => name)).size).toBe(points.length);
    for (const each of cases) expect(each.points.some(({ isQuick }) => isQuick)).toBe(true);
  });

  test.each(points)("$name: every ablation finds its texts in the kernels of today, and changes them", (point) => {
    const sources = sourcesOf(point.subject);
    expect(new Set(point.ablations.map(({ name }) => name)).size).toBe(point.ablations.length);
    for (const { edits, batchSize } of point.ablations) {
      expect(edits.length > 0 || batchSize !== undefined).toBe(true);
      for (const each of edits) {
        const own = sources.filter(({ name }) => name === each.kernel);
        expect(own.length).toBeGreaterThan(0);
        for (const { name, code } of own) expect(applyEdits(name, code, [each])).not.toBe(code);
      }
      for (const { name, code } of sources) applyEdits(name, code, edits);
    }
  });
});

function timed(ablation: string, samples: number[], own: Partial<TimedAblation> = {}): TimedAblation {
  const ratio = summarize(samples.map((ms) => ms / 10));
  const sentence = `what ${ablation} is`;
  return { status: "timed", ablation, sentence, runsPerBlock: 32, samples, summary: summarize(samples), ratio, ...own };
}

const rows: AblationRow[] = [
  timed("everything", [10, 10, 10], { batchSize: 4, check: { deviation: 1e-6, bound: 1e-5 } }),
  timed("everything again", [10.4, 9.9, 10], { batchSize: 4 }),
  timed("no exponential", [8, 8.4, 7.8], { batchSize: 4 }),
  timed("1 sample", [4, 4, 4], { batchSize: 1 }),
  timed("2 samples", [6, 6, 6], { batchSize: 2 }),
];

const pointOf = (own: readonly AblationRow[]): LimitsPoint => ({
  name: "2-2-2-1-x1000",
  x: 1000,
  description: "a training step of 1,000 networks",
  run: "step",
  kernels: ["trainMembers"],
  work: { flops: 1e6, networks: 1000 },
  rows: [...own],
});

const { machine } = raceRecord([]);
const recordOf = (own: readonly AblationRow[]): LimitsRecord => ({
  schemaVersion: 1,
  bench: "limits",
  machine: { ...machine, host: "node", hostVersion: "Node v20.20.2" },
  protocol: { blocks: 10, blockMs: 100 },
  ceilings: { flopsPerSecond: 1e9, bytesPerSecond: 2e9, emptyNs: 10_000, dependentNs: 12_000 },
  sweeps: [{ name: "networks", title: "Many tiny networks", axis: "networks", points: [pointOf(own)] }],
  problems: [],
});
const record = recordOf(rows);

describe("the record", () => {
  test("is read as it was written", () => {
    expect(readLimitsRecord(writeLimitsRecord(record), "limits.json")).toEqual(JSON.parse(toJson(record)));
  });

  test.each([
    ["a field that is missing", { ...record, protocol: undefined }],
    ["a state that there is none of", recordOf([{ ...rows[0]!, status: "fast" } as unknown as AblationRow])],
    ["the record of a race", raceRecord([])],
    ["a version to come", { ...record, schemaVersion: 99 }],
  ])("refuses %s", (_, wrong) => {
    expect(() => readLimitsRecord(JSON.stringify(wrong), "x.json")).toThrow(InvalidInput);
  });

  test("has problems where an ablation failed, or the whole is wrong or faster than the adapter can be", () => {
    const own: AblationRow[] = [
      timed("everything", [0.5]),
      timed("loads only", [0.1]),
      { status: "failed", ablation: "no data", sentence: "", reason: "the kernel has changed" },
    ];
    expect(problemsOf(recordOf(own).sweeps, record.ceilings)).toEqual([
      "networks: 2-2-2-1-x1000: everything at 200 % of the arithmetic ceiling measured in this run",
      "networks: 2-2-2-1-x1000: no data failed: the kernel has changed",
    ]);
    const wrong: AblationRow = { status: "wrong", ablation: "everything", sentence: "", reason: "differs" };
    expect(problemsOf(recordOf([wrong]).sweeps, undefined)).toEqual([
      "networks: 2-2-2-1-x1000: everything wrong: differs",
    ]);
    expect(problemsOf(record.sweeps, record.ceilings)).toEqual([]);
  });
});

describe("what a step and a sample cost", () => {
  test("is the line through the sizes of the batch, the whole kernel's alone", () => {
    const cost = sampleCostOf(pointOf(rows))!;
    expect(cost.batchSizes).toEqual([1, 2, 4]);
    expect(cost.stepMs).toBeCloseTo(0.002, 12);
    expect(cost.sampleMs).toBeCloseTo(0.002, 12);
  });

  test("is unknown with one size", () => {
    expect(sampleCostOf(pointOf(rows.slice(0, 3)))).toBeUndefined();
    expect(sampleCostOf(pointOf([]))).toBeUndefined();
  });

  test("least squares weigh all points alike", () => {
    expect(
      lineThrough([
        [0, 1],
        [1, 2],
        [2, 6],
      ]),
    ).toEqual({ intercept: 0.5, slope: 2.5 });
    expect(
      lineThrough([
        [3, 1],
        [3, 2],
      ]),
    ).toBeUndefined();
  });
});

describe("Markdown", () => {
  const text = limitsMarkdown(record);
  const lineOf = (start: string): string => text.split("\n").find((line) => line.startsWith(start)) ?? "";

  test("tells what each part saves, with quartiles, and of the whole how right it is", () => {
    expect(lineOf("| no exponential ")).toMatch(/\| +8\.00 ms \(7\.90 … 8\.20\) \| +20 % \(18 … 21\) \|$/);
    expect(lineOf("| everything ")).toMatch(/\| +10\.0 ms \(10\.0 … 10\.0\) \| +\|$/);
    expect(text).toContain("100 MFLOP/s of arithmetic by formula, 10 % of the ceiling measured in this run");
    expect(text).toContain("off from float64 by 10 % of what it may be. Kernels: trainMembers.");
    expect(text).toContain("Of one network a step takes 2.00 µs, and each sample 2.00 µs more");
  });

  test("tells what takes longer as a negative share", () => {
    expect(savedText(timed("8 samples", [19, 18, 20]))).toBe("−90 % (−95 … −85)");
  });

  test("tells why a part has no time", () => {
    const failed: AblationRow = { status: "failed", ablation: "no data", sentence: "s", reason: "has | changed" };
    expect(limitsMarkdown(recordOf([...rows, failed]))).toContain(String.raw`**failed**: has \| changed`);
  });
});

test("pictures have a bar for each row", () => {
  const [picture] = limitsPictures(record);
  expect(picture!.name).toBe("networks");
  expect(picture!.svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(picture!.svg).not.toMatch(/var\(--race|NaN|undefined/);
  for (const words of ["no exponential", "8.00 ms · saves 20 % (18 … 21)"]) expect(picture!.svg).toContain(words);
});
