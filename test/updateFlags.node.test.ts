// Flags of what is done around an optimizer's update.

import { Command } from "commander";
import { expect, test } from "vitest";
import { messageOf } from "../src/cli/exitCodes.ts";
import { addUpdateOptions, updateOptionsOf } from "../src/cli/updateFlags.ts";
import { ema, swa } from "../src/index.ts";

const optionsOf = (...args: string[]) =>
  updateOptionsOf(addUpdateOptions(new Command().exitOverride()).parse(args, { from: "user" }).opts());

test("flags become options of the training", () => {
  expect(optionsOf()).toEqual({});
  const flags = ["--clip-norm", "1", "--clip-value", "0.5", "--l1", "1e-4", "--decay", "weights", "--ema", "0.99"];
  expect(optionsOf(...flags)).toEqual({ clipNorm: 1, clipValue: 0.5, l1: 1e-4, decay: "weights", average: ema(0.99) });
  expect(optionsOf("--swa", "1000")).toEqual({ average: swa({ start: 1000 }) });
  expect(optionsOf("--swa", "1000,10")).toEqual({ average: swa({ start: 1000, every: 10 }) });
});

test.each([
  [["--swa", "1,2,3"], /--swa: expected up to 2 whole numbers/],
  [["--swa", "1.5"], /--swa: expected up to 2 whole numbers/],
  [["--decay", "weight"], /--decay: expected one of all, weights.*did you mean weights/],
  [["--l1", "a"], /--l1: expected a number/],
  [["--ema", "0.9", "--swa", "5"], /--swa: expected no --ema with it/],
  [["--ema", "2"], /^--ema: expected a decay from 0 to below 1/],
  [["--swa", "5,0"], /^--swa: expected an integer from 1/],
])("%j is refused", (flags, message) => {
  let error: unknown;
  try {
    optionsOf(...flags);
  } catch (thrown) {
    error = thrown;
  }
  expect(messageOf(error)).toMatch(message);
});
