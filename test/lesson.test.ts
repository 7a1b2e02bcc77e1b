import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StepStart } from "../src/explain.ts";
import { createLesson, knownAt } from "../src/web/explain/lesson.ts";
import { partsOfLines, pathOf } from "../src/web/explain/lights.ts";
import {
  exampleNumbers,
  numberNames,
  numbersOf,
  parseNumber,
  readNumber,
  withNumber,
  writeNumbers,
} from "../src/web/explain/numbers.ts";
import { State } from "../src/web/explain/state.ts";
import golden from "./worked-example.json";
import { testInFull } from "./support/share.ts";

const example = createLesson(exampleNumbers);

/** Numbers that a reader may type: small, large, zero. */
const anyNumber = fc
  .oneof(
    fc.double({ min: -3, max: 3, noNaN: true }),
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.constantFrom(0, 1e6, -1e6, 1e-12, 1e-30, 1e30, -1e30),
  )
  .filter((value) => value === 0 || Math.abs(value) >= 1e-30);
const anyNumbers: fc.Arbitrary<StepStart> = fc
  .tuple(...numberNames.map(() => anyNumber))
  .map((values) =>
    numberNames.reduce(
      (numbers, name, at) => withNumber(numbers, name, name === "η" ? Math.abs(values[at]!) : values[at]!),
      exampleNumbers,
    ),
  );

describe("the walk", () => {
  test("has 36 stops that tell every line once", () => {
    expect(example.stops).toHaveLength(36);
    const told = example.stops.flatMap(({ lines }) => lines);
    expect(told).toHaveLength(example.lines.length);
    expect(new Set(told)).toEqual(new Set(example.lines));
  });

  test("reports nothing before it is computed", () => {
    for (const [at, { lines }] of example.stops.entries()) {
      const known = knownAt(example, at);
      for (const line of lines) {
        const shown = partsOfLines([line]);
        expect(shown.size).toBeGreaterThan(0);
        if (line.section !== "update") expect(known.has(line.quantity.text), line.quantity.text).toBe(true);
      }
      if (at > 0) expect(knownAt(example, at - 1).size).toBeLessThanOrEqual(known.size);
    }
    expect(knownAt(example, 1).has("z_h2")).toBe(false);
    expect(knownAt(example, 35).has("→w1")).toBe(true);
  });

  test("says what happens in plain words", () => {
    const sentence = (title: string): string => example.stops.find((stop) => stop.title === title)!.sentence;
    expect(sentence("Loss of the output")).toBe(
      "The answer 0.8505 is 0.8505 above the target 0. The loss is half the square of that.",
    );
    expect(sentence("Gradient of w9")).toBe("Make w9 larger by 0.001, and the loss rises by about 0.00008239.");
    expect(sentence("Updated parameters, output layer")).toContain(
      "b5 moves most: it goes down by 0.05407, because a larger one would make the loss larger.",
    );
    expect(sentence("Effect of the step")).toContain("the loss falls from 0.3617 to 0.3476");
  });

  test("warns of a step that was too long, and of nothing that moves", () => {
    const target = withNumber(exampleNumbers, "t", golden.forward.a_y);
    expect(createLesson(target).stops.at(-2)!.sentence).toContain("Nothing moves");
    const rash = createLesson(withNumber(withNumber(exampleNumbers, "t", 0.5), "η", 400));
    expect(rash.stops.at(-1)!.sentence).toMatch(/rises .*smaller learning rate/s);
  });

  testInFull("stands whatever is typed", () => {
    fc.assert(
      fc.property(anyNumbers, (numbers) => {
        const { stops } = createLesson(numbers);
        expect(stops).toHaveLength(36);
        for (const { sentence } of stops) expect(sentence).not.toMatch(/NaN|undefined|Infinity/);
      }),
      { numRuns: 300 },
    );
  });
});

describe("lights", () => {
  test("every symbol of every formula is drawn somewhere", () => {
    for (const { lines } of example.stops.slice(1)) {
      for (const line of lines) expect(partsOfLines([line]).size, line.quantity.text).toBeGreaterThan(0);
    }
  });

  test("a gradient's way ends at the loss, and passes both paths where there are two", () => {
    const way = (part: string): string[] => [...pathOf(example.lines, part)].toSorted();
    expect(way("w4")).toEqual(["L", "g1", "g2", "h2", "w10", "w4", "w6", "w8", "w9", "x2", "y"]);
    expect(way("w10")).toEqual(["L", "g2", "w10", "y"]);
    expect(way("b1")).toEqual(["L", "b1", "g1", "g2", "h1", "w10", "w5", "w7", "w9", "y"]);
    expect(way("y")).toEqual(["L", "y"]);
    expect(way("x1")).toEqual(["x1"]);
  });
});

describe("numbers", () => {
  test("go into an address and come back", () => {
    fc.assert(
      fc.property(anyNumbers, (numbers) => {
        const params = new URLSearchParams();
        writeNumbers(numbers, params);
        const back = numbersOf(new URLSearchParams(params.toString()));
        for (const name of numberNames) expect(readNumber(back, name)).toBe(readNumber(numbers, name) + 0);
      }),
      { numRuns: 100 },
    );
    expect(readNumber(numbersOf(new URLSearchParams("w5=1.5e10")), "w5")).toBe(1.5e10);
    for (const broken of ["w5=", "w5=x", "w5=NaN", "w5=1e31", "w5=1e-31"]) {
      expect(readNumber(numbersOf(new URLSearchParams(broken)), "w5"), broken).toBe(0.5);
    }
    const none = new URLSearchParams();
    writeNumbers(exampleNumbers, none);
    expect(none.size).toBe(0);
  });

  test.each([
    ["w1", "0,5", 0.5],
    ["w1", " −2 ", -2],
    ["w1", "1e-3", 0.001],
    ["w1", "", "w1: a number is needed, such as 0.25"],
    ["w1", "five", "w1: a number is needed, such as 0.25"],
    ["w1", "Infinity", "w1: a number is needed, such as 0.25"],
    ["w1", "2e6", "w1: at most 1,000,000 in size"],
    ["η", "5e-324", "η: 0, or at least 1e-30 in size"],
    ["η", "-0.1", "η: the learning rate is 0 or more"],
  ])("%s typed as %j", (name, typed, expected) => expect(parseNumber(name, typed)).toBe(expected));
});

describe("state", () => {
  const momentOf = (value: number) => ({ numbers: withNumber(exampleNumbers, "w1", value), losses: [value] });

  test("undo and redo go through all changes; a change forgets what was undone", () => {
    const state = new State(exampleNumbers, 0);
    let told = 0;
    state.listen(() => told++);
    state.undo();
    expect(told).toBe(0);
    for (const value of [1, 2, 3]) state.change(momentOf(value));
    state.undo();
    state.undo();
    expect(readNumber(state.now.numbers, "w1")).toBe(1);
    state.redo();
    expect(readNumber(state.now.numbers, "w1")).toBe(2);
    state.change(momentOf(9));
    expect(state.canRedo).toBe(false);
    state.redo();
    expect(readNumber(state.now.numbers, "w1")).toBe(9);
    expect(told).toBe(7);
  });

  test("the stop is no change, and the past has an end", () => {
    const state = new State(exampleNumbers, 4);
    state.goTo(5);
    expect([state.stop, state.canUndo]).toEqual([5, false]);
    for (let value = 0; value < 300; value++) state.change(momentOf(value));
    let steps = 0;
    for (; state.canUndo; steps++) state.undo();
    expect(steps).toBe(200);
  });
});
