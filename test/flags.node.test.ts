// Values of options: what is read, and what is said of what cannot be read.

import { describe, expect, test } from "vitest";
import { integer, list, name, number, numberList, widths } from "../src/cli/flags.ts";
import { describeSchedule, schedule, scheduleOf } from "../src/cli/scheduleFlag.ts";
import { cosine, cosineRestarts, exponential, linear, multiStep, oneCycle, polynomial, step, warmUp } from "../src/node.ts"; // prettier-ignore

test("what is right is read", () => {
  expect(number("-")("1e-3")).toBe(0.001);
  expect(number("-")(" -2 ")).toBe(-2);
  expect(integer("-", 1)("1e3")).toBe(1000);
  expect(widths("-")("none")).toEqual([]);
  expect(widths("-")("32, 16")).toEqual([32, 16]);
  expect(numberList("-")("1, 0.5,-2")).toEqual([1, 0.5, -2]);
  expect(list("-")("a, b")).toEqual(["a", "b"]);
  expect(name("-", ["adam", "sgd"])("sgd")).toBe("sgd");
  const losses = ["huber", "meanSquaredError"];
  for (const text of ["meanSquaredError", "MeanSquaredError", "mean_squared_error", "mean-squared-error"]) {
    expect(name("-", losses)(text)).toBe("meanSquaredError");
  }
});

test("a schedule is read with its numbers, and said as it was written", () => {
  const read = schedule("--schedule");
  expect(read("cosine").schedule).toEqual(cosine());
  expect(read("cosine:0.1").schedule).toEqual(cosine({ floor: 0.1 }));
  expect(read("Cosine_Restarts:50,2,0.1").schedule).toEqual(cosineRestarts({ steps: 50, multiplier: 2, floor: 0.1 }));
  expect(read("oneCycle:0.4").schedule).toEqual(oneCycle({ rise: 0.4 }));
  expect(read("step:30,0.5").schedule).toEqual(step({ stepSize: 30, gamma: 0.5 }));
  expect(read("multi-step:10,20").schedule).toEqual(multiStep({ milestones: [10, 20] }));
  expect(read("multi-step:10,20,0.5").schedule).toEqual(multiStep({ milestones: [10, 20], gamma: 0.5 }));
  expect(read("exponential:0.9").schedule).toEqual(exponential({ gamma: 0.9 }));
  expect(read("polynomial:2").schedule).toEqual(polynomial({ power: 2 }));
  expect(read("linear:1,0").schedule).toEqual(linear({ startFactor: 1, endFactor: 0 }));
  const flags = { schedule: read("Cosine:0.1"), warmup: 100 };
  expect(scheduleOf(flags)).toEqual({ schedule: warmUp(100, cosine({ floor: 0.1 })) });
  expect(scheduleOf({ warmup: 100 })).toEqual({ schedule: warmUp(100) });
  expect(scheduleOf({})).toEqual({});
  expect(describeSchedule(flags)).toBe(", schedule cosine:0.1, warm-up of 100 steps");
  expect(describeSchedule({})).toBe("");
});

describe("what is wrong gets the remedy of its option", () => {
  const ofNumber = number("--rate");
  const ofWidths = widths("--layers");
  test.each<[string, (text: string) => unknown, string, RegExp]>([
    ["a word", ofNumber, "fast", /^--rate: expected a number, got "fast"; write it like 0\.01 or 1e-3$/],
    ["nothing", ofNumber, "", /got ""; write it like/],
    ["a percentage", ofNumber, "20%", /got "20%"; write 0\.2$/],
    ["a decimal comma", ofNumber, "0,01", /got "0,01"; write 0\.01: decimals take a point$/],
    ["a list", ofNumber, "0.1,0.01", /pass one number; thalweg sweep takes lists and ranges$/],
    ["a range", ofNumber, "log:1e-4..1", /pass one number; thalweg sweep takes lists and ranges$/],
    ["infinity", ofNumber, "Infinity", /expected a number/],
    [
      "a word among widths",
      ofWidths,
      "16,x",
      /^--layers: expected widths from 1 to 1048576 separated by commas, got "16,x"; write it like 16 or 32,16, or none for no hidden layer$/,
    ],
    ["a width of 0", ofWidths, "16,0", /write it like 16 or 32,16/],
    ["half a width", ofWidths, "1.5", /write it like 16 or 32,16/],
    ["a width above the most", ofWidths, "9999999", /widths from 1 to 1048576/],
    ["an empty width", ofWidths, "16,,16", /did you mean 16,16\?$/],
    ["widths in brackets", ofWidths, "[32, 16]", /did you mean 32,16\?$/],
    ["widths with spaces", ofWidths, "32 16", /did you mean 32,16\?$/],
    ["widths with x", ofWidths, "32x16x8", /did you mean 32,16,8\?$/],
    ["a word for an integer", integer("--epochs", 1), "ten", /expected an integer ≥ 1, got "ten"; pass a whole number/],
    ["a fraction", integer("--epochs", 1, 9), "1.5", /an integer from 1 to 9/],
    [
      "a word among numbers",
      numberList("--input"),
      "1,a",
      /numbers separated by commas, got "1,a"; write it like 1,0\.5/,
    ],
    ["two commas", list("--columns"), "a,,b", /remove the extra comma/],
    ["a schedule almost", schedule("--schedule"), "cosin", /^--schedule: .* got "cosin"; did you mean cosine\?/],
    ["a schedule without its number", schedule("--schedule"), "step", /expected step:STEPS\[,GAMMA\], got 0 numbers/],
    ["a schedule with one too many", schedule("--schedule"), "cosine:1,2", /expected cosine\[:FLOOR\], got 2 numbers/],
    [
      "a number that it cannot have",
      schedule("--schedule"),
      "step:0.5",
      /^schedule: step: stepSize: expected an integer/,
    ],
    ["a name almost", name("--optimizer", ["adam", "sgd"]), "adan", /did you mean adam\?/],
    [
      "a name of other libraries",
      name("--loss", ["huber", "meanSquaredError"]),
      "MSE",
      /did you mean meanSquaredError\?/,
    ],
    ["a name that none has", name("--loss", ["huber", "meanSquaredError"]), "__proto__", /choose one of them/],
    ["no name", list("--columns"), " ", /names separated by commas, got " "; pass at least one name/],
    ["control characters", ofNumber, "\u001b[31m\u009b", /got "\\u001b\[31m\\u009b"/],
  ])("%s", (_, read, text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
