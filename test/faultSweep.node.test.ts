// Every GPU call of a short training, a prediction and a gradient fails, one after the other, once and for ever, as SQLite's tests let
// every allocation fail (https://sqlite.org/testing.html): the same bits, the CPU's, or a typed error with a state to go on from.

import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { patienceMs } from "../src/backend/waits.ts";
import {
  acquire,
  adam,
  type Checkpoint,
  createModel,
  dense,
  type FloatArray,
  type Model,
  network,
  ThalwegError,
  type TrainOptions,
} from "../src/index.ts";
import * as t from "../src/tensor.ts";
import { type FaultKind, faultKinds, inject, restoreCalls } from "./support/gpuFaults.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const shared = shareDevice();
/** As small as two layers can be: every case has a device of its own, which compiles its kernels again. */
const net = network({ inputs: 2, layers: [dense(1, "tanh"), dense(1)], loss: "meanSquaredError" });
const data = {
  inputs: Float32Array.from({ length: 16 }, (_, at) => Math.sin(at * 1.7)),
  targets: Float32Array.from({ length: 8 }, (_, row) => Math.sin(row * 3.4)),
};
const options: TrainOptions = { optimizer: adam({ learningRate: 0.02 }), batchSize: 4, steps: 6, seed: 4 };
const logInterval = { steps: 3 };
const none = { buffers: 0, bytes: 0 };

/** What a scenario came to. */
interface End {
  readonly values: FloatArray;
  readonly kind: string;
}
/** Whatever it leaves behind also where it fails. */
interface Trail {
  device?: GpuDevice;
  model?: Model;
}

const open = async (trail: Trail): Promise<GpuDevice> =>
  (trail.device = (await acquire({ device: shared().kind })) as GpuDevice);

const openModel = async (trail: Trail): Promise<Model> =>
  (trail.model = await createModel(net, { device: await open(trail), seed: 1 }));

const scenarios: Readonly<Record<string, (trail: Trail) => Promise<End>>> = {
  training: async (trail) => {
    const model = await openModel(trail);
    await model.fit(data, { ...options, logInterval });
    return { values: await model.readParameters(), kind: model.device.kind };
  },
  prediction: async (trail) => {
    const model = await openModel(trail);
    return { values: await model.predict(data.inputs), kind: model.device.kind };
  },
  gradient: async (trail) => {
    const device = await open(trail);
    const loss = (x: t.Tensor): t.Tensor => t.sum(t.multiply(x, t.tanh(x)));
    const gradient = t.tidy(() => t.grad(loss)(t.tensor(device, data.inputs)));
    try {
      return { values: Float32Array.from(await gradient.read()), kind: device.kind };
    } finally {
      gradient.dispose();
    }
  },
};

const outcomes = [
  "sameBits",
  "onCpu",
  "otherStrategy",
  "typed",
  "untyped",
  "hangs",
  "wrong",
  "unusableState",
  "leaks",
  "unscoped",
] as const;
type Outcome = (typeof outcomes)[number];
/** After so long nothing will come any more; a case may take 30 s of it where the machine does nothing else. */
const longestMs = 30_000;
let slowestMs = 0;

const isClose = (values: FloatArray, wanted: FloatArray): boolean =>
  values.length === wanted.length && values.every((value, at) => Math.abs(value - wanted[at]!) <= 1e-4);
const isSame = (values: FloatArray, wanted: FloatArray): boolean =>
  values.length === wanted.length && values.every((value, at) => Object.is(value, wanted[at]!));

/** Goes on from a state on a device that works. */
async function completed(resume: Checkpoint): Promise<FloatArray> {
  if (resume.step === options.steps) return resume.parameters;
  using model = await createModel(net, { device: shared(), seed: 9 });
  await model.fit(data, { ...options, resume });
  return model.readParameters();
}

async function judge(end: End | Error, wanted: FloatArray, { model }: Trail): Promise<Outcome> {
  if (!(end instanceof Error)) {
    if (isSame(end.values, wanted)) return "sameBits";
    if (!isClose(end.values, wanted)) return "wrong";
    if (end.kind !== shared().kind) return "onCpu";
    return (model?.device as GpuDevice | undefined)?.refusals.size ? "otherStrategy" : "wrong"; // the plan tells it
  }
  if (end.message === "hangs") return "hangs";
  if (!(end instanceof ThalwegError)) return "untyped";
  const state = model?.checkpoint;
  if (!state) return "typed";
  return isSame(await completed(state), wanted) ? "typed" : "unusableState";
}

const hanging = (): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error("hangs")), longestMs).unref());

interface Case {
  readonly scenario: string;
  readonly kind: FaultKind;
  readonly nth: number;
  readonly isForEver: boolean;
}

async function run({ scenario, kind, nth, isForEver }: Case, wanted: FloatArray) {
  const trail: Trail = {};
  const injected = inject({ kind, nth, isForEver });
  const startMs = performance.now();
  const end = await Promise.race([scenarios[scenario]!(trail), hanging()]).catch((error: unknown) => error as Error);
  slowestMs = Math.max(slowestMs, performance.now() - startMs);
  restoreCalls();
  let outcome = await judge(end, wanted, trail);
  trail.model?.dispose();
  trail.device?.dispose();
  if (trail.device && trail.device.ledger.buffers > 0) outcome = "leaks";
  if (injected.unscoped() > 0) outcome = "unscoped";
  const text = end instanceof Error ? `${end.name}: ${end.message}` : end.kind;
  return { outcome, calls: injected.calls, failed: injected.failed[0], text };
}

const tally = Object.fromEntries(outcomes.map((name) => [name, 0])) as Record<Outcome, number>;
const bad: string[] = [];
const started = Date.now();
const isFull = process.env.THALWEG_TESTS === "full";
/** Calls of each kind that fail in a short run, and whether for ever. */
const sampled = (calls: number, scenario: string): [number, boolean][] =>
  scenario === "training"
    ? [
        [Math.ceil(calls / 2), false],
        [calls, false],
        [Math.min(2, calls), true],
      ]
    : [
        [Math.ceil(calls / 2), false],
        [Math.ceil(calls / 2), true],
      ];
const each = (calls: number): [number, boolean][] =>
  Array.from({ length: 2 * calls }, (_, at) => [Math.floor(at / 2) + 1, at % 2 === 1]);
const { ...usual } = patienceMs;
/** Only where something never settles: a machine under load takes longer to compile what an undisturbed run needs. */
const short = { opening: 1000, gpu: 2000, software: 2000, again: { gpu: 2000, software: 2000 } };
const undisturbed: Record<string, End> = {};

beforeAll(async () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const trail: Trail = {};
    undisturbed[name] = await scenario(trail);
    trail.model?.dispose();
    trail.device?.dispose();
  }
});
afterEach(() => {
  restoreCalls();
  Object.assign(patienceMs, usual);
});
afterAll(() => {
  const file = process.env.THALWEG_FAULTS; // where the figures go
  const injected = outcomes.reduce((sum, name) => sum + tally[name], 0);
  const { node } = process.versions;
  const date = new Date(started).toISOString();
  const own = { slowestMs: Math.round(slowestMs), load: Number(loadavg()[0]!.toFixed(1)) };
  const record = { date, adapter: shared().name, node, injected, ...tally, ...own, bad };
  if (file) writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`);
  console.log(JSON.stringify(record));
});

for (const scenario of Object.keys(scenarios)) {
  test.each(faultKinds)(
    `${scenario}: %s`,
    async (kind) => {
      const { values: wanted, kind: where } = undisturbed[scenario]!;
      expect(where).toBe(shared().kind);
      const { calls } = await run({ scenario, kind, nth: 0, isForEver: false }, wanted);
      if (kind === "neverSettles") Object.assign(patienceMs, short);
      for (const [nth, isForEver] of calls === 0 ? [] : isFull ? each(calls) : sampled(calls, scenario)) {
        const { outcome, failed, text } = await run({ scenario, kind, nth, isForEver }, wanted);
        tally[outcome]++;
        const isGood = ["sameBits", "onCpu", "otherStrategy", "typed"].includes(outcome);
        const how = `${scenario} ${kind} ${nth}${isForEver ? " for ever" : ""}`;
        if (!isGood) bad.push(`${how} (${failed}): ${outcome}: ${text}`);
      }
      expect(bad.filter((line) => line.startsWith(`${scenario} ${kind}`))).toEqual([]);
      expect(shared().ledger).toEqual(none);
    },
    isFull ? 3_600_000 : undefined,
  );
}
