import { parseHTML } from "linkedom";
import Papa from "papaparse";
import { describe, expect, test } from "vitest";
import { summarize } from "../bench/measure/statistics.ts";
import type { RaceRecord } from "../bench/race/record.ts";
import { units } from "../bench/race/units.ts";
import { contenders } from "../bench/contenders/table.ts";
import { barChart, comparisonChart, loadChart, type Side, sweepChart } from "../bench/report/charts.ts";
import { toCsv } from "../bench/report/csv.ts";
import { logTicks, thinned } from "../bench/report/frame.ts";
import { toMarkdown } from "../bench/report/markdown.ts";
import { namesOf } from "../bench/report/order.ts";
import { paintOf } from "../bench/report/palette.ts";
import { readmeTable } from "../bench/report/readmeTable.ts";
import { shorten, spread, textWidth, wrap } from "../bench/report/textLayout.ts";
import { picturesOf } from "../bench/report/writePictures.ts";
import { failedRow, point, raceRecord, timedRow } from "./support/raceRecords.ts";

const base = [1, 2, 4];
const thalweg = timedRow(base, base, { contender: "thalweg", notes: ["fewer blocks"] });
const again = timedRow([1.1, 2.1, 3.9], base, { contender: "thalweg", isNoise: true });
const slow = timedRow([30, 50, 80], base, { contender: "tfjs-webgpu", settings: { unroll: 4 } });
const { counts: _counts, gpu: _gpu, ...onCpu } = timedRow([0.3, 0.4, 0.6], base, { contender: "plain-js" });
const reason = "Binding size | 150994944 exceeds <limit>";
const broken = failedRow("jax-js-webgpu", "failed", reason);
const absent = failedRow("onnxruntime-webgpu", "absent", "cannot train");
const wrong = { ...failedRow("tfjs-wasm", "wrong", "differs from float64"), check: { ...slow.check, passed: false } };

const one = point(64, [thalweg, again, slow, onCpu, broken, absent], { description: "64 × 64" });
const sweep = {
  name: "tiny",
  title: "One training step",
  axis: "batch",
  points: [
    point(4, [thalweg, again, slow, onCpu, absent]),
    point(1024, [thalweg, again, onCpu, broken, wrong, absent]),
    point(65_536, [thalweg, again, slow, onCpu, wrong, absent]),
  ],
};
const products = { name: "products", title: "Products", axis: "", points: [one] };
const loaded = { scriptBytes: 50_000, scriptGzipBytes: 20_000, wasmBytes: 0, wasmGzipBytes: 0 };
const load: NonNullable<RaceRecord["load"]> = [
  { contender: "tfjs-webgpu", label: "tfjs", samples: [900, 950], summary: summarize([900, 950]), ...loaded },
  { contender: "thalweg", label: "thalweg", samples: [90, 110], summary: summarize([90, 110]), ...loaded },
  { contender: "jax-js-webgpu", label: "jax-js", reason: "404" },
];
const record = raceRecord([sweep, products], { load });

/** Cells of the table lines that begin with a name. */
const linesOf = (text: string, name: string): string[][] =>
  text
    .split("\n")
    .filter((line) => line.startsWith(`| ${name}`))
    .map((line) =>
      line
        .replaceAll(String.raw`\|`, "¦")
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

describe("Markdown", () => {
  const text = toMarkdown(record);
  const pointPart = text.slice(text.indexOf("## Products"));
  const sweepPart = text.slice(text.indexOf("## One training step"), text.indexOf("## Products"));

  test("names every contender, and why it has no times", () => {
    for (const { label } of [thalweg, slow, onCpu, broken, absent, wrong]) expect(text).toContain(label);
    expect(pointPart).toContain(String.raw`**failed**: Binding size \| 150994944 exceeds &lt;limit>`);
    expect(text).toContain("tfjs-wasm, as it comes: **wrong**: differs from float64 (batch 1,024, 65,536)");
    expect(text).toContain("- onnxruntime-webgpu, as it comes: **absent**: cannot train\n");
    expect(text).toContain("ratios between WebGPU contenders may not carry over to hardware");
    expect(toMarkdown(raceRecord([], { machine: { ...record.machine, kind: "gpu" } }))).not.toContain("carry over");
  });

  test("the fastest first, the noise floor and failures last", () => {
    const names = pointPart.split("\n").filter((line) => /^\| [_a-z]/.test(line));
    const order = names.slice(1, 7).map((line) => line.slice(2).split(",")[0]!.trim());
    expect(order).toEqual([
      "plain-js",
      "thalweg",
      "tfjs-webgpu",
      "_thalweg",
      "jax-js-webgpu",
      "onnxruntime-webgpu", //
    ]);
  });

  test("figures of a point", () => {
    const [times, calls] = linesOf(pointPart, "tfjs-webgpu,");
    expect(times).toEqual([
      "tfjs-webgpu, as it comes",
      "50.0 ms (40.0 … 65.0)",
      "25.0 (22.5 … 27.5)",
      "25.0 ms",
      "40.0 MFLOP/s",
      "3.1 %",
      "8.2e-8 after 100",
      "3.1e-6 after 4,096",
      "12.5 ms",
      "48.3 ms",
    ]);
    expect(calls!.slice(1)).toEqual(["10,000", "15.6", "15.6", "0", "2,000", "0", "256 kB", "15.6"]);
    expect(linesOf(pointPart, "plain-js")).toHaveLength(1); // it calls no WebGPU
    expect(pointPart).toContain("- tfjs-webgpu, as it comes: unroll 4");
  });

  test("a sweep is a matrix of medians and one of ratios", () => {
    const [medians, ratios, noise] = [
      ...linesOf(sweepPart, "tfjs-webgpu,"),
      ...linesOf(sweepPart, "thalweg, as it comes, again"),
    ];
    expect(medians!.slice(1)).toEqual(["50.0 ms", "", "50.0 ms"]);
    expect(ratios!.slice(1)).toEqual(["25.0", "", "25.0"]);
    expect(noise).toBeDefined();
    expect(linesOf(sweepPart, "plain-js, as it comes")[0]!.slice(1)).toEqual([
      "**400 µs**",
      "**400 µs**",
      "**400 µs**",
    ]);
    expect(linesOf(sweepPart, "tfjs-wasm,")[0]!.slice(1)).toEqual(["", "wrong", "wrong"]);
    expect(text).toContain("Calls of WebGPU per 1,000 steps at batch 1,024:");
  });

  test("tables have as many cells in every line", () => {
    const blocks = text
      .trimEnd()
      .split("\n\n")
      .filter((part) => part.startsWith("|"));
    expect(blocks.length).toBeGreaterThan(5);
    for (const part of blocks) {
      const cells = part.split("\n").map((line) => line.replaceAll(String.raw`\|`, "").split("|").length);
      expect(new Set(cells).size, part).toBe(1);
    }
  });

  test("load times", () => {
    const part = text.slice(text.indexOf("## From opening a page"));
    expect(linesOf(part, "t").map(([name, time]) => [name, time])).toEqual([
      ["thalweg", "100 ms (95.0 … 105)"],
      ["tfjs", "925 ms (913 … 938)"],
    ]);
    expect(part).toContain("**failed**: 404");
  });
});

describe("CSV", () => {
  const { data, errors } = Papa.parse<Record<string, string>>(toCsv(record), { header: true, skipEmptyLines: true });

  test("parses back, a line per sample", () => {
    expect(errors).toEqual([]);
    const own = data.filter((line) => line.point === "b4" && line.contender === "tfjs-webgpu");
    expect(own.filter(({ series }) => series === "round").map(({ ms }) => Number(ms))).toEqual(slow.samples);
    expect(own.filter(({ series }) => series === "round").map(({ ratio }) => Number(ratio))).toEqual(slow.ratios);
    expect(own.filter(({ series }) => series === "gpu").map(({ ms }) => Number(ms))).toEqual(slow.gpu!.samples);
    expect(data.filter(({ isNoise }) => isNoise === "true")).toHaveLength(4 * again.samples.length + 4);
    expect(data.filter(({ series }) => series === "load")).toHaveLength(4);
  });

  test("a contender without times has a line with the reason", () => {
    const lines = data.filter(({ contender, race }) => contender === "jax-js-webgpu" && race === "tiny");
    expect(lines).toMatchObject([{ status: "failed", x: "1024", ms: "", reason }]);
  });
});

describe("charts", () => {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const options = { document, width: 900, theme: "light" } as const;
  const textsOf = (svg: Element): string[] => [...svg.querySelectorAll("text")].map((text) => text.textContent ?? "");

  test.each([390, 900])("bars of %i pixels name all, the fastest first, failures with their reason", (width) => {
    const svg = barChart(one, units.time, { ...options, width });
    const all = textsOf(svg).join("\n");
    expect(all).toMatch(/failed: Binding size/);
    expect(all).toContain("absent: cannot train");
    for (const value of ["400 µs · 0.200 ×", "2.00 ms · 1.00 ×", "50.0 ms · 25.0 ×"]) expect(all).toContain(value);
    expect(svg.getAttribute("role")).toBe("img");
    expect(svg.getAttribute("aria-label")).toMatch(/plain-js, .*400 µs.*thalweg, .*tfjs-webgpu, .*jax-js.*failed/);
    expect(svg.getAttribute("width")).toBe(String(width));
  });

  test("bars within a factor of 100, dots on a log axis beyond it", () => {
    const near = barChart({ ...one, rows: [thalweg, slow] }, units.time, options);
    const far = barChart(one, units.time, options);
    expect([near, far].map((svg) => svg.querySelectorAll("rect").length)).toEqual([2, 0]);
    expect(textsOf(near).join(" ")).not.toContain("log axis");
    expect(textsOf(far).join(" ")).toContain("on a log axis");
  });

  test("rates turn the order of quartiles and the ratio, not the order of contenders", () => {
    const all = textsOf(barChart(one, units.flops, options)).join("\n");
    expect(all).toContain("40.0 MFLOP/s · 0.0400 ×");
    expect(all).toContain("more is better");
    expect(all.indexOf("40.0 MFLOP/s")).toBeGreaterThan(all.indexOf("5.00 GFLOP/s"));
  });

  test("a point where all failed, or the base has, is drawn all the same", () => {
    expect(textsOf(barChart({ ...one, rows: [broken, absent] }, units.time, options)).join(" ")).toContain(
      "cannot train",
    );
    const orphan = timedRow([3, 4, 5], base, { contender: "tfjs-webgpu" });
    const all = textsOf(barChart({ ...one, rows: [wrong, orphan] }, units.time, options)).join("\n");
    expect(all).toContain("4.00 ms");
    expect(all).not.toMatch(/\d ×/); // ratios refer to nobody who has times
    expect(all).toContain("wrong: differs from float64 (8.2e-8 after 100, bound 1.0e-5)");
  });

  test.each([390, 900])("a sweep of %i pixels names its lines, and what failed where", (width) => {
    const svg = sweepChart(sweep, units.time, { ...options, width });
    const all = textsOf(svg).join("\n");
    for (const name of ["thalweg", "tfjs-webgpu", "plain-js", "tfjs-wasm"]) expect(all).toContain(name);
    expect(all).toContain("wrong at 1,024, 65,536: differs from float64");
    expect(all).toContain("absent: cannot train");
    expect(svg.getAttribute("aria-label")).toContain("tfjs-webgpu, as it comes 50.0 ms at 65,536");
  });

  test("a sweep without any figure says so", () => {
    const empty = { ...sweep, points: [point(4, [absent]), point(8, [absent])] };
    expect(sweepChart(empty, units.time, options).getAttribute("aria-label")).toContain("no figure, absent");
  });

  test("a comparison pairs contenders of two records", () => {
    const other = { ...record, machine: { ...record.machine, hostVersion: "Node v20.20.2" } };
    const twice = timedRow([2, 4, 8], base, { contender: "thalweg" });
    const sides: [Side, Side] = [
      { record, point: one },
      { record: other, point: { ...one, rows: [twice, absent] } },
    ];
    const all = textsOf(comparisonChart(sides, units.time, options)).join("\n");
    expect(all).toContain("4.00 ms · 2.00 ×");
    expect(all).toContain("not in the record");
    expect(all.match(/absent: cannot train/g)).toHaveLength(1);
    expect(all).toContain("above, filled: google swiftshader, Chrome/149.0.7812.0");
    expect(all).toContain("below, pale: google swiftshader, Node v20.20.2");
    expect(namesOf([record, record])[0]).toBe("google swiftshader, Chrome/149.0.7812.0");
  });

  test("load times as bars", () => {
    const all = textsOf(loadChart(load, options)).join("\n");
    expect(all).toContain("100 ms · 20.0 kB");
    expect(all).toContain("failed: 404");
  });

  test("no two contenders look alike, in any theme", () => {
    for (const theme of ["light", "dark", "auto"] as const) {
      const looks = contenders.map(({ name }) => paintOf(theme).of(name));
      const marks = looks.map(({ color, symbol, dash }) => `${color} ${symbol} ${dash}`);
      expect(new Set(marks).size).toBe(contenders.length);
    }
    expect(paintOf("light").of("thalweg@0123456").color).toMatch(/^#/);
  });

  test("colours that follow the page are defined on the chart", () => {
    const svg = barChart(one, units.time, { ...options, theme: "auto" });
    const style = svg.getAttribute("style") ?? "";
    const used = new Set(svg.outerHTML.match(/var\(--race-[\w-]+\)/g));
    expect(used.size).toBeGreaterThan(4);
    for (const name of used) expect(style).toContain(`${name.slice(4, -1)}:`);
  });

  test("pictures stand for themselves", () => {
    const pictures = picturesOf(record);
    expect(pictures.map(({ name }) => name)).toEqual(["tiny", "products", "load"]);
    for (const { svg } of pictures) {
      expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
      expect(svg).not.toMatch(/var\(--race|NaN|undefined/);
      expect(svg).toContain('fill="#ffffff"');
      expect(svg).toContain("a software adapter, its ratios may not carry over to hardware");
    }
  });
});

describe("places of text", () => {
  test("lines hold whole words and are never too wide", () => {
    const lines = wrap("TensorFlow.js WebGPU as it comes, small tensors", { widthPx: 150, fontPx: 12 });
    expect(lines.join(" ")).toBe("TensorFlow.js WebGPU as it comes, small tensors");
    expect(Math.max(...lines.map((line) => textWidth(line, 12)))).toBeLessThanOrEqual(150);
    expect(wrap("one two three four", { widthPx: 60, fontPx: 12, maxLines: 1 })).toEqual([
      shorten("one two three four", 60, 12),
    ]);
    expect(shorten("WWWWWWWWWW", 40, 12)).toMatch(/^W+…$/);
  });

  test("positions move apart, in their order and within bounds", () => {
    const placed = spread([50, 52, 51, 10, 99], 10, [0, 100]);
    const sorted = [...placed].sort((a, b) => a - b);
    for (const [at, place] of sorted.slice(1).entries()) expect(place - sorted[at]!).toBeGreaterThanOrEqual(10 - 1e-6);
    expect(placed.indexOf(sorted[1]!)).toBe(0);
    expect([sorted[0]! >= 0, sorted[4]! <= 100]).toEqual([true, true]);
  });

  test("ticks of a log axis are round, and thin out where they are too close", () => {
    expect(logTicks(0.5, 2000)).toEqual([1, 10, 100, 1000]);
    expect(logTicks(4, 30)).toEqual([5, 10, 20]);
    expect(thinned([1, 2, 3, 4, 5], String, (tick) => 12 * tick)).toEqual([1, 3, 5]);
  });
});

describe("the table of the README", () => {
  const rowOf = (contender: string, ms: number) => timedRow([ms, ms, ms], base, { contender });
  const others = [rowOf("tfjs-wasm", 9), rowOf("plain-js", 6), broken];
  const linesAt = (rows: Parameters<typeof point>[1]) =>
    readmeTable(raceRecord([{ ...products, points: [point(4, rows, { description: "a round" })] }]))[2];

  test("no GPU is what acquire() takes, beside WebGPU and the fastest of the others", () => {
    const taken = { ...rowOf("thalweg", 2), label: contenders[0]!.label };
    const rows = [taken, rowOf("thalweg-webgpu", 8), rowOf("thalweg-wasm", 3), ...others];
    expect(linesAt(rows)).toMatch(/^\| a round +\| +2\.00 ms \| +8\.00 ms \| +6\.00 ms, plain-js \| +3\.00 \|$/);
  });

  test("of a record whose thalweg was WebGPU it is WebAssembly", () => {
    const rows = [rowOf("thalweg", 8), rowOf("thalweg-wasm", 3), ...others];
    expect(linesAt(rows)).toMatch(/^\| a round +\| +3\.00 ms \| +8\.00 ms \| +6\.00 ms, plain-js \| +2\.00 \|$/);
  });

  test("who has no time is left open", () => {
    expect(linesAt([rowOf("thalweg", 8), broken])).toMatch(/^\| a round +\| +– \| +8\.00 ms \| +– \| +– \|$/);
  });
});
