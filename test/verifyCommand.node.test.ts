// What --verify and --verify-webgpu make of their comparisons.

import { expect, test } from "vitest";
import { exitCodeOfChecks, requireVerified } from "../src/cli/verify.ts";
import type { Verification } from "../src/node.ts";

const passed: Verification = {
  deviation: 1e-7,
  bound: 1e-6,
  passed: true,
  conclusive: true,
  normDeviation: 1e-7,
  worst: { name: "layers.0.bias[0]", value: 1, reference: 1 },
  reason: "",
};
const failed = { ...passed, deviation: 1e-5, passed: false };
const repeated = { device: "an adapter", ms: 1 };

test.each([
  ["training on WebGPU", { verification: passed, webgpu: { ...repeated, ...failed } }],
  ["the trained parameters", { verification: failed, webgpu: { ...repeated, ...passed } }],
])("a deviation of %s above the bound fails the command", (what, verified) => {
  expect(exitCodeOfChecks(verified)).toBe(1);
  expect(() => requireVerified(verified)).toThrow(what);
});

test.each([
  ["everything within its bound", { verification: passed, webgpu: { ...repeated, ...passed } }],
  ["no adapter", { verification: passed, webgpu: { unavailable: "none" } }],
  ["no comparison asked for", undefined],
])("%s does not", (_, verified) => {
  expect(exitCodeOfChecks(verified)).toBe(0);
  expect(() => requireVerified(verified)).not.toThrow();
});
