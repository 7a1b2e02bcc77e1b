import { expect, test } from "vitest";
import { activate } from "../src/backend/cpu/activation.ts";
import { activationNames } from "../src/graph/network.ts";
import { describeStates, neuronStateOf, steepRanges } from "../src/web/playground/neuronStates.ts";

const slope = (name: (typeof activationNames)[number], z: number): number =>
  Math.abs(activate(name, z + 1e-5) - activate(name, z - 1e-5)) / 2e-5;

/** Sums from −12 to 12; 0.005 off a kink of rectifiers. */
const sums = Array.from({ length: 2400 }, (_, at) => (at - 1200) / 100 + 0.005);

test.each(activationNames)("%s: flat is where the slope is less than a twentieth of its largest", (name) => {
  const slopes = sums.map((z) => slope(name, z));
  const largest = Math.max(...slopes);
  const isFlat = slopes.map((value) => value < largest / 20);
  // Sine is flat at its turns, leakyRelu on a side where a fiftieth of the slope is left: neither stays so, and neither has a range.
  const ends = name in steepRanges ? [0, sums.length - 1].filter((at) => isFlat[at]) : [];
  expect(ends.length > 0).toBe(name in steepRanges);
  const told = sums.map((z) => neuronStateOf(name, [z]));
  for (const [at, z] of sums.entries()) {
    // gelu, silu and mish fall below 0 before they are flat, and their slope is 0 at the turn
    const isTurn = ["gelu", "silu", "mish"].includes(name) && z > -2.27;
    const isExpected = ends.length > 0 && isFlat[at]! && !isTurn;
    const isEdge = isFlat[at - 2] !== isFlat[at + 2];
    if (!isEdge) expect(`${z}: ${told[at] !== "live"}`).toBe(`${z}: ${isExpected}`);
  }
  const kinds = new Set(told.filter((state) => state !== "live"));
  expect([...kinds]).toEqual(ends.length === 2 ? ["saturated"] : ends.length === 1 ? ["dead"] : []);
});

test("dead is dead at every point, saturated at nearly all", () => {
  const points = (flat: number, live: number, at: number): number[] => [
    ...Array.from({ length: flat }, () => at),
    ...Array.from({ length: live }, () => 0.5),
  ];
  expect(neuronStateOf("relu", points(100, 0, -3))).toBe("dead");
  expect(neuronStateOf("relu", points(99, 1, -3))).toBe("live");
  expect(neuronStateOf("tanh", [...points(50, 0, 9), ...points(45, 5, -9)])).toBe("saturated");
  expect(neuronStateOf("tanh", points(94, 6, -9))).toBe("live");
});

test("marks have text", () => {
  expect(describeStates([["live"], ["live", "live"]])).toBe("");
  expect(
    describeStates([
      ["live", "dead"],
      ["saturated", "live", "saturated"],
    ]),
  ).toBe("× Dead (1): 1.2. = Saturated (2): 2.1, 2.3.");
  const many = Array.from({ length: 15 }, () => "dead" as const);
  expect(describeStates([many])).toMatch(/^× Dead \(15\): 1\.1, .*1\.12 and 3 more\.$/);
});
