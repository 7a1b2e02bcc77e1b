// Flags of L-BFGS.

import { Command } from "commander";
import { expect, test } from "vitest";
import { withConfig } from "../src/cli/config.ts";
import { messageOf } from "../src/cli/exitCodes.ts";
import { number } from "../src/cli/flags.ts";
import { optimizerOf, type TrainFlags } from "../src/cli/trainFlags.ts";
import { addStepOptions } from "../src/cli/trainOptions.ts";
import { lbfgs } from "../src/index.ts";

async function flagsOf(...args: string[]): Promise<TrainFlags> {
  const command = addStepOptions(new Command().exitOverride(), "number", number).parse(args, { from: "user" });
  let own: TrainFlags | undefined;
  await withConfig<TrainFlags>(command, async (flags) => void (own = flags));
  return own!;
}

test("flags become the optimizer, and a batch is all rows unless a size is given", async () => {
  const flags = await flagsOf("--optimizer", "lbfgs", "--max-iterations", "8", "--history-size", "3");
  expect(optimizerOf(flags)).toEqual(lbfgs({ maxIterations: 8, historySize: 3 }));
  expect(optimizerOf(flags).maxEvaluations).toBe(10);
  expect(flags.batchSize).toBe(2 ** 31);
  const exact = ["--max-evaluations", "9", "--tolerance-gradient", "1e-5", "--tolerance-change", "0"];
  const numbers = { maxEvaluations: 9, toleranceGradient: 1e-5, toleranceChange: 0 };
  expect(optimizerOf(await flagsOf("--optimizer", "lbfgs", ...exact))).toEqual(lbfgs(numbers));
  expect((await flagsOf("--optimizer", "lbfgs", "--batch-size", "7")).batchSize).toBe(7);
  expect((await flagsOf("--optimizer", "sgd")).batchSize).toBe(32);
});

test.each([
  [["--optimizer", "lbfgs", "--max-iterations", "0"], /--max-iterations: expected an integer from 1/],
  [["--optimizer", "lbfgs", "--history-size", "2000"], /--history-size: expected an integer from 1 to 1024/],
  [
    ["--optimizer", "adam", "--history-size", "5"],
    /--history-size: expected options of adam.* or choose --optimizer lbfgs/,
  ],
  [["--optimizer", "lbfgs", "--max-evaluations", "1.5"], /--max-evaluations: expected an integer from 1/],
  [["--optimizer", "lbfgs", "--tolerance-change", "tiny"], /--tolerance-change: expected a number, got "tiny"/],
  [["--optimizer", "lbfgs", "--tolerance-gradient", "-1"], /--tolerance-gradient: expected 0, or an f32/],
  [["--optimizer", "sgd", "--tolerance-change", "0"], /--tolerance-change: expected options of sgd/],
  [
    ["--optimizer", "lbfgs", "--nesterov"],
    /--nesterov: expected options of lbfgs: .*--max-iterations, --max-evaluations, --history-size/,
  ],
  [["--optimizer", "lbgfs"], /--optimizer: expected one of .*did you mean lbfgs/],
])("%j is refused", async (args, message) => {
  let error: unknown;
  try {
    optimizerOf(await flagsOf(...args));
  } catch (thrown) {
    error = thrown;
  }
  expect(messageOf(error)).toMatch(message);
});
