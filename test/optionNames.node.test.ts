// The command line's errors name options as people type them.

import fc from "fast-check";
import { expect, test } from "vitest";
import { closestName } from "../src/closest.ts";
import { missingNotes } from "../src/data/missingCells.ts";
import { messageOf } from "../src/cli/exitCodes.ts";
import { placeOf } from "../src/cli/files.ts";
import { readTableAtOnce } from "../src/data/readTable.ts";
import { InvalidInput, NoDevice, sgd, adam, dense, dropout, gaussianNoise, network } from "../src/node.ts";

const failing = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

test.each<[() => unknown, RegExp]>([
  [() => adam({ weightDecay: -1 }), /^--weight-decay: expected 0, or an f32/],
  [() => sgd({ learningRate: 1e39 }), /^--learning-rate: expected 0, or an f32/],
  [() => sgd({ momentum: 1 }), /^--momentum: expected a number from 0/],
  [
    () => network({ inputs: 1, layers: [dropout(1), dense(1)], loss: "huber" }),
    /^--dropout: expected a number from 0 to below 1, got 1/,
  ],
  [
    () => network({ inputs: 1, layers: [gaussianNoise(-1), dense(1)], loss: "huber" }),
    /^--noise: expected a number of at least 0, got -1/,
  ],
  [() => sgd({ nesterov: true }), /^--nesterov: .*; pass --momentum 0\.9, or leave --nesterov out$/],
])("%s", (run, message) => {
  expect(messageOf(failing(run))).toMatch(message);
});

const fault = (place: string, fix: string) => ({ place, expected: "x", got: "y", fix });

test("options of the table, of divergence and of the device", () => {
  expect(messageOf(new InvalidInput(fault("t.csv: validation", "z")))).toBe(
    "t.csv: --validation: expected x, got y; z",
  );
  const remedy =
    "lower learningRate (it is 3) or momentum (0.9, which makes steps 10 times as long) or weightDecay (1)";
  expect(messageOf(new InvalidInput(fault("train: step 3", remedy)))).toContain(
    "lower --learning-rate (it is 3) or --momentum (0.9, which makes steps 10 times as long) or --weight-decay (1)",
  );
  const device = new NoDevice(fault("acquire: device gpu", "use auto to get an available device"));
  expect(messageOf(device)).toBe("--device gpu: expected x, got y; use --device auto to get an available device");
});

test("names of the user's stay as they are", () => {
  const place = 'learningRate.csv: line 3, column "learningRate"';
  expect(messageOf(new InvalidInput(fault(place, 'did you mean "weightDecay"?')))).toBe(
    `${place}: expected x, got y; did you mean "weightDecay"?`,
  );
  expect(messageOf(new InvalidInput(fault("data/weightDecay/t.csv", "z")))).toContain("data/weightDecay/t.csv: ");
});

test("a device is called by its path, a file by its name", () => {
  if (process.platform !== "win32") expect(placeOf("/dev/null")).toBe("/dev/null");
  expect(placeOf(import.meta.filename)).toBe("optionNames.node.test.ts");
  expect(placeOf("nowhere/t.csv")).toBe("t.csv");
});

test("what differs in digits, or is too short, is no typo", () => {
  expect(closestName("1995", ["1996", "2005"])).toBe(undefined);
  expect(closestName("c12", ["c13", "c1"])).toBe(undefined);
  expect(closestName("1", ["a", "b"])).toBe(undefined);
  expect(closestName("y", ["x"])).toBe(undefined);
  expect(closestName("Y", ["x", "y"])).toBe("y");
  expect(closestName("Specis", ["Island", "Species"])).toBe("Species");
  expect(closestName("tahn", ["relu", "tanh"])).toBe("tanh");
  const number = fc.integer().map(String);
  fc.assert(
    fc.property(number, fc.array(number), (name, others) => {
      const found = closestName(name, others);
      if (found !== undefined) expect(found).toBe(name);
    }),
  );
});

test("one row has, two rows have", () => {
  const table = readTableAtOnce("a,b\n1,2\n3,4\n5,6\n", "t.csv");
  const used = (withoutInput: number, withoutTarget: number) => ({
    rows: Uint32Array.of(0, 1),
    withoutInput,
    withoutTarget,
    isImputed: false,
    firstLost: [],
    missing: [{ name: "a", cells: withoutInput }],
  });
  expect(missingNotes(table, used(1, 1), "b").slice(0, 2)).toEqual([
    '1 of 3 rows has no "b" and is not used',
    '1 of 2 rows has missing cells, in "a" (1): this row is dropped, 2 rows remain',
  ]);
  expect(missingNotes(table, used(2, 2), "b").slice(0, 2)).toEqual([
    '2 of 3 rows have no "b" and are not used',
    '2 of 1 rows have missing cells, in "a" (2): these rows are dropped, 2 rows remain',
  ]);
});
