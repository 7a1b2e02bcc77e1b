// What `thalweg sweep` saves when the GPU is lost on the way.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Interrupts } from "../src/cli/interrupts.ts";
import type { Output } from "../src/cli/output.ts";
import { claimOutput, modelKind } from "../src/cli/outputFile.ts";
import { saveAfterLoss } from "../src/cli/sweepLoss.ts";
import { planSweep } from "../src/cli/sweepPlan.ts";
import { type SweepFlags, type SweepSession, optionsOf } from "../src/cli/sweepSession.ts";
import { parseValues } from "../src/cli/sweepValues.ts";
import { decodeModel, encodeModel, prepare, tableFromRows } from "../src/data.ts";
import { GpuLost, acquire, bestMembers, createModel, dense, network } from "../src/node.ts";

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "thalweg-loss-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const flags: SweepFlags = {
  validation: 0.25,
  missingCells: "auto",
  categories: "auto",
  layers: [3],
  activation: "tanh",
  optimizer: "sgd",
  learningRate: parseValues("--learning-rate", "1e-4,0.1,1e-3"),
  epochs: 20,
  batchSize: 4,
  strategy: "auto",
  device: "auto",
  chart: false,
  splitSeed: 1,
  top: 10,
};
const interrupts: Interrupts = { begin: () => new AbortController().signal, end: () => {}, exitCode: 0 };

test("the best network of the last copy, and exit code 5", async () => {
  const rows = Array.from({ length: 40 }, (_, k) => ({ x: k, y: Math.sin(k / 6) }));
  const table = tableFromRows(rows, "rows");
  const prepared = await prepare(table, { target: ["y"], validation: 0.25, seed: 1 });
  const plan = planSweep(flags, 1);
  const device = await acquire({ device: "reference" });
  const net = network({ inputs: 1, layers: [dense(3, "tanh"), dense(1)], loss: "meanSquaredError" });
  const model = await createModel(net, { device, members: 3, seed: plan.settings.seed });
  const options = optionsOf(flags, plan);
  await model.fit(prepared.training, options);
  const [best] = bestMembers((await model.evaluate(prepared.validation!)).losses);
  const told: string[] = [];
  const output: Output = {
    json: true,
    quiet: true,
    info: () => {},
    result: (_, text) => void told.push(text),
    write: () => {},
    record: (object) => void told.push(JSON.stringify(object)),
  };
  const path = join(folder, "best.safetensors");
  const before = encodeModel({ network: net, members: 1, parameters: new Float32Array(net.parameterCount) });
  writeFileSync(path, before);
  const file = claimOutput({ file: path, flag: "--output", kind: modelKind, inputs: [], force: true });
  const csv = undefined;
  const session: SweepSession = { flags, output, interrupts, table, prepared, options, model, file, csv, plan };
  const lost = new GpuLost({ place: "train", expected: "a live GPU", got: "a lost one", fix: "try again" });
  const outcome = { last: undefined, finished: false, lost };
  await expect(saveAfterLoss(session, outcome)).rejects.toMatchObject({ exitCode: 5 });
  const saved = decodeModel(new Uint8Array(readFileSync(path)), "best");
  const own = model.checkpoint!.parameters.slice(best! * net.parameterCount, (best! + 1) * net.parameterCount);
  expect(saved).toMatchObject({ members: 1, training: { finished: false, optimizer: "sgd" } });
  expect([...saved.parameters]).toEqual([...Float32Array.from(own)]);
  expect(told[0]).toContain(`member ${best}`);
  expect(told[0]).toContain("best.safetensors.bak, member"); // in spite of --force: the sweep did not end
  expect(new Uint8Array(readFileSync(`${path}.bak`))).toEqual(before);
  expect(JSON.parse(told[1]!)).toMatchObject({ command: "sweep", winner: best, exitCode: 5 });
});
