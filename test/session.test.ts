import { expect, test } from "vitest";
import {
  acquire,
  adam,
  cosine,
  createModel,
  type Dataset,
  dense,
  dropout,
  type NetworkOptions,
  network,
  scheduleFunction,
  sgd,
} from "../src/index.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { findFitting } from "../src/web/worker/fitting.ts";
import { nextSteps } from "../src/web/worker/pacing.ts";
import type { FromWorker, SessionSettings, ToWorker } from "../src/web/worker/protocol.ts";
import { TrainingSession } from "../src/web/worker/session.ts";
import { optionsFrom } from "../src/web/worker/trainee.ts";
import { hasThreads } from "../src/backend/wasm/workerHost.ts";
import { openDevice } from "./support/kernelRun.ts";
import { withWorkers } from "./support/workers.ts";

// The session of a worker, without the worker: messages in, messages out.

interface Options {
  readonly scale: number;
}
interface Content {
  readonly weights: number[];
  readonly scale: number;
  /** Step after which early stopping has stopped it, and of its best weights. */
  readonly stopped: readonly [number, number] | undefined;
}
type Message = FromWorker<Content>;
type Kind = Message["type"];

const net: NetworkOptions = { inputs: 2, layers: [dense(6, "tanh"), dense(1, "tanh")], loss: "meanSquaredError" };
const data: Dataset = {
  inputs: Float32Array.from({ length: 64 }, (_, at) => Math.sin(at * 1.7)),
  targets: Float32Array.from({ length: 32 }, (_, row) =>
    Math.sin(row * 3.4) * Math.sin(row * 3.4 + 1.7) > 0 ? 1 : -1,
  ),
};
const settings: SessionSettings<Options> = {
  network: net,
  data,
  optimizer: adam({ learningRate: 0.01 }),
  batchSize: 8,
  seed: 3,
  options: { scale: 1 },
};

/** A page that shows frames at once, or when it likes. */
class Page {
  readonly messages: Message[] = [];
  readonly devices: GpuDevice[] = [];
  readonly session: TrainingSession<Options, Content>;
  isQuick = true;
  acquired = 0;
  #waiting: (() => void)[] = [];

  constructor(maxBufferBytes?: number) {
    this.session = new TrainingSession(
      async ({ model, options, earlyStopping, isFinished }) => {
        const weights = Array.from(await model.readParameters());
        const stopped: Content["stopped"] =
          isFinished && earlyStopping ? [earlyStopping.stoppedSteps[0]!, earlyStopping.bestSteps[0]!] : undefined;
        return { content: { weights, scale: options.scale, stopped } };
      },
      (run, message) => {
        expect(run).toBe(1);
        this.messages.push(message);
        if (message.type === "frame" && this.isQuick) this.send({ type: "shown", frame: message.frame });
        for (const look of this.#waiting) look();
      },
      async (options) => {
        this.acquired++;
        if (options.device === "reference" || options.device === "cpu" || options.device === "wasm")
          return acquire(options);
        const device = await openDevice(maxBufferBytes === undefined ? {} : { maxBufferBytes });
        this.devices.push(device);
        return device;
      },
    );
  }

  send(message: ToWorker<Options>): void {
    // as a worker would get it: later, and copied
    setTimeout(() => this.session.receive(structuredClone(message)));
  }

  start(changes: Partial<SessionSettings<Options>> = {}, pace?: "full" | { steps: number }): void {
    this.send({ type: "start", run: 1, settings: { ...settings, ...changes }, pace });
  }

  /** The first message of a kind, from `after` on, that is as wanted. */
  async message<K extends Kind>(
    type: K,
    isWanted: (message: Extract<Message, { type: K }>) => boolean = () => true,
    after = 0,
  ): Promise<Extract<Message, { type: K }>> {
    type Wanted = Extract<Message, { type: K }>;
    const find = (): Wanted | undefined =>
      this.messages.slice(after).find((one): one is Wanted => one.type === type && isWanted(one as Wanted));
    const failure = (): Message | undefined => this.messages.slice(after).find((one) => one.type === "failed");
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found) resolve(found);
        else if (failure()) reject(new Error(JSON.stringify(failure())));
      };
      this.#waiting.push(look);
      look();
    });
  }

  kinds(): Kind[] {
    return this.messages.map(({ type }) => type);
  }

  /** Nothing may be left of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.dispose();
    for (const device of this.devices) expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  }
}

test("a session reports its device, its plan and a first frame, and waits", async () => {
  await using page = new Page();
  page.start();
  const frame = await page.message("frame");
  expect(page.kinds()).toEqual(["device", "started", "frame"]);
  expect(frame).toMatchObject({ step: 0, epoch: 0, isRunning: false, stepsPerSecond: 0, content: { scale: 1 } });
  expect(frame.losses).toHaveLength(0);
  const { plan, parameterCount } = await page.message("started");
  expect([plan.strategy.length > 0, parameterCount]).toEqual([true, 25]);
});

test("step by step, and as many as requested, is one training", async () => {
  await using page = new Page();
  page.start();
  for (const steps of [1, 1, 7]) page.send({ type: "step", steps });
  const { content, epoch } = await page.message("frame", ({ step }) => step === 9);
  expect(epoch).toBe(9 / 4);
  // How many frames there are in between is a matter of time; each tells the losses since the one before.
  const told = page.messages.map((message) => (message.type === "frame" ? message.losses.length : 0));
  expect(told.reduce((sum, count) => sum + count)).toBe(9);
  expect((await page.message("paused", ({ step }) => step === 9)).isFinished).toBe(false);
  await using other = new Page();
  other.start();
  other.send({ type: "step", steps: 9 });
  expect((await other.message("frame", ({ step }) => step === 9)).content).toEqual(content);
});

test("early stopping ends a training with its best weights, however many steps are between two frames", async () => {
  const validation = { inputs: data.inputs.slice(0, 40), targets: data.targets.slice(0, 20).map((target) => -target) };
  const regular = {
    validation,
    earlyStopping: { patience: 2, interval: { steps: 8 } },
    clipNorm: 1,
    labelSmoothing: 0.1,
  };
  const net01 = { ...net, layers: [dense(6, "tanh"), dense(1)], loss: "binaryCrossEntropy" } as const;
  const rows = { ...data, targets: data.targets.map((target) => (target + 1) / 2) };
  const held = {
    ...regular,
    validation: { ...validation, targets: validation.targets.map((target) => (target + 1) / 2) },
  };
  const own = {
    ...held,
    network: net01,
    data: rows,
    dropout: 0.2,
    optimizer: adam({ learningRate: 0.1 }),
    strategy: "layered",
  } as const;
  await using page = new Page();
  page.start({ ...own, device: "wasm" }, "full");
  const { step } = await page.message("paused", ({ isFinished }) => isFinished);
  const { content } = page.messages.findLast((message) => message.type === "frame")!;
  expect(content.stopped![0]).toBe(step);
  expect(content.stopped![1]).toBe(step - 16);
  await using other = new Page();
  other.start({ ...own, device: "wasm" });
  for (let sent = 0; sent < step + 6; sent += 3) other.send({ type: "step", steps: 3 });
  await other.message("paused", ({ isFinished }) => isFinished);
  const last = await other.message("frame", (frame) => frame.content.stopped !== undefined);
  expect([last.step, last.content]).toEqual([step, content]);
  const device = await acquire({ device: "wasm" });
  const layers = [dense(6, "tanh"), dropout(0.2), dense(1)];
  using model = await createModel(network({ ...net01, layers }), { device, seed: 3 });
  const { batchSize, optimizer, strategy } = { ...settings, ...own };
  await model.fit(rows, { ...held, optimizer, batchSize, strategy, steps: 500 });
  expect(Array.from(await model.readParameters())).toEqual(content.weights);
  await using late = new Page();
  late.start({ ...own, device: "wasm", firstStep: 100 }, "full");
  await late.message("paused", ({ isFinished }) => isFinished);
  const { content: told } = late.messages.findLast((message) => message.type === "frame")!;
  expect(told.stopped).toEqual([step + 100, step + 100 - 16]);
});

test("a training that begins at a later step has the schedule of that step", () => {
  const schedule = cosine({ steps: 50, floor: 0.1 });
  const factorAt = scheduleFunction(schedule, 1);
  const late = scheduleFunction(optionsFrom({ ...settings, schedule }, 20).schedule as typeof schedule, 1);
  expect([0, 7, 30, 40].map(late)).toEqual([20, 27, 50, 60].map(factorAt));
  expect(optionsFrom({ ...settings, schedule }, 0).schedule).toBe(schedule);
});

test("a page that shows no frames gets no more, and training continues", async () => {
  await using page = new Page();
  page.isQuick = false;
  page.start({}, "full");
  await page.message("started");
  for (let request = 1, step = 0; step <= 8; request++) {
    page.send({ type: "parameters", request });
    ({ step } = await page.message("parameters", (answer) => answer.request === request));
  }
  page.send({ type: "pause" });
  const { step } = await page.message("paused");
  const frames = page.messages.filter(({ type }) => type === "frame");
  expect(frames).toHaveLength(1);
  expect(step).toBeGreaterThan(8);
  page.send({ type: "shown", frame: 1 });
  const late = await page.message("frame", (frame) => frame.frame === 2);
  expect(late.step).toBe(step);
  expect(late.losses).toHaveLength(step);
});

test("a training ends at its last step, and parameters come when requested", async () => {
  await using page = new Page();
  page.start({ lastStep: 50 }, { steps: 20 });
  expect(await page.message("paused")).toMatchObject({ step: 50, isFinished: true });
  page.send({ type: "parameters", request: 7 });
  const { step, parameters, request } = await page.message("parameters");
  expect([step, request, parameters.length]).toEqual([50, 7, 25]);
  const steps = page.messages.flatMap((message) => (message.type === "frame" ? [message.step] : []));
  expect(steps).toEqual([0, 20, 40, 50]);
});

test("options change the frame, also where training is paused", async () => {
  await using page = new Page();
  page.start();
  page.send({ type: "options", options: { scale: 2 } });
  expect((await page.message("frame", ({ content }) => content.scale === 2)).step).toBe(0);
});

test("a lost GPU is reopened, and training continues from its last event", async () => {
  await using page = new Page();
  page.start({}, "full");
  const before = await page.message("frame", ({ step }) => step >= 40);
  page.devices[0]!.gpu.destroy();
  const resumed = await page.message("resumed");
  expect(resumed.step).toBeGreaterThanOrEqual(before.step);
  const at = page.messages.indexOf(resumed);
  const first = await page.message("frame", () => true, at);
  expect(first.step).toBeGreaterThanOrEqual(resumed.step);
  await page.message("frame", ({ step }) => step > resumed.step + 40, at);
  expect(page.acquired).toBe(1); // the library has opened it again
  expect(page.kinds().filter((type) => type === "device" || type === "started")).toEqual([
    "device",
    "started",
    "device",
    "started",
  ]);
});

test("the CPU that is requested is kept from start to start", async () => {
  await using page = new Page();
  for (const seed of [1, 2]) {
    const after = page.messages.length;
    page.start({ device: "cpu", seed });
    expect((await page.message("device", () => true, after)).kind).toBe("wasm");
    await page.message("frame", () => true, after);
  }
  expect(page.acquired).toBe(1);
});

test.runIf(hasThreads())("a lost thread is taken again like a lost GPU", () =>
  withWorkers(async (workers) => {
    await using page = new Page();
    const wide: NetworkOptions = { ...net, layers: [dense(64, "tanh"), dense(1, "tanh")] };
    page.start({ device: "cpu", network: wide }, { steps: 1 });
    const before = await page.message("frame", ({ step }) => step >= 5);
    workers[0]!.crash();
    const resumed = await page.message("resumed");
    expect(resumed.step).toBeGreaterThanOrEqual(before.step);
    const at = page.messages.indexOf(resumed);
    await page.message("frame", ({ step }) => step > resumed.step + 5, at);
    expect(page.acquired).toBe(1);
  }),
);

test("a lost GPU is found out by the next step of a paused training", async () => {
  await using page = new Page();
  page.start();
  page.send({ type: "step", steps: 5 });
  await page.message("frame", ({ step }) => step === 5);
  page.devices[0]!.gpu.destroy();
  page.send({ type: "step", steps: 5 });
  const resumed = await page.message("resumed");
  expect(resumed).toMatchObject({ step: 5, why: expect.stringMatching(/^destroyed/) });
  const first = await page.message("frame", () => true, page.messages.indexOf(resumed));
  expect(first.step).toBe(10);
  expect(first.losses).toHaveLength(5);
});

test("with a lost GPU in between, a training has the bits of one without", async () => {
  await using whole = new Page();
  whole.start();
  whole.send({ type: "step", steps: 23 });
  const wanted = await whole.message("frame", ({ step }) => step === 23);
  await using page = new Page();
  page.start();
  page.send({ type: "step", steps: 9 });
  await page.message("frame", ({ step }) => step === 9);
  page.devices[0]!.gpu.destroy();
  page.send({ type: "step", steps: 14 });
  await page.message("resumed");
  expect((await page.message("frame", ({ step }) => step === 23)).content).toEqual(wanted.content);
});

test("a training resumed from a stored state has the bits of an uninterrupted one", async () => {
  await using whole = new Page();
  whole.start({ parameters: Float32Array.from({ length: 25 }, (_, at) => Math.cos(at)), firstStep: 100 });
  whole.send({ type: "step", steps: 9 });
  whole.send({ type: "parameters", request: 1 });
  const { step, parameters, state } = await whole.message("parameters");
  expect([step, state?.step]).toEqual([109, 9]);
  whole.send({ type: "learningRate", learningRate: 0.03 });
  whole.send({ type: "step", steps: 14 });
  const wanted = await whole.message("frame", (frame) => frame.step === 123);
  await using page = new Page();
  const kept = { parameters, firstStep: step, resume: state, lastStep: 123 };
  page.start({ ...kept, optimizer: adam({ learningRate: 0.03 }) }, "full");
  expect((await page.message("paused")).step).toBe(123);
  expect((await page.message("frame", (frame) => frame.step === 123)).content).toEqual(wanted.content);
});

test("a training that diverges is back in its best state, and can continue at a lower rate", async () => {
  await using page = new Page();
  const straight: NetworkOptions = { inputs: 2, layers: [dense(6, "relu"), dense(1)], loss: "meanSquaredError" };
  page.start({ network: straight, optimizer: sgd({ learningRate: 0.05 }) });
  page.send({ type: "step", steps: 30 });
  await page.message("paused");
  const good = await page.message("frame", ({ step }) => step === 30);
  page.send({ type: "learningRate", learningRate: 1e9 });
  page.send({ type: "play", pace: { steps: 2 } });
  const diverged = await page.message("diverged");
  expect(diverged).toMatchObject({ goodStep: 30, learningRate: 1e9 });
  expect(diverged.step).toBeGreaterThanOrEqual(30);
  expect(page.messages.findLast(({ type }) => type === "frame")).toMatchObject({ step: 30, content: good.content });
  page.send({ type: "learningRate", learningRate: 0.01 });
  page.send({ type: "step", steps: 10 });
  const after = await page.message("frame", ({ step }) => step === 40);
  expect(after.content.weights.every(Number.isFinite)).toBe(true);
});

test("more members than fit bring a number that does", async () => {
  await using page = new Page(2 ** 18);
  page.start({ members: 4096, seed: Array.from({ length: 4096 }, (_, seed) => seed) });
  const { fits } = await page.message("outOfMemory");
  expect(fits).toEqual({ members: 1024 }); // 2,048 have room for their parameters, but not for adam's moments
  page.start({ members: 1024, lastStep: 2 }, "full");
  await page.message("paused");
});

test("a batch too large for memory brings one that fits", async () => {
  const tried: number[] = [];
  const fits = async ({ batchSize }: { batchSize: number }): Promise<boolean> => {
    tried.push(batchSize);
    return batchSize <= 20;
  };
  expect(await findFitting({ members: 1, batchSize: 100 }, fits)).toEqual({ batchSize: 12 });
  expect(tried).toEqual([50, 25, 12]);
  expect(await findFitting({ members: 1, batchSize: 3 }, async () => false)).toBeUndefined();
  expect(await findFitting({ members: 8, batchSize: 3 }, async ({ members }) => members < 3)).toEqual({
    members: 2,
  });
});

test("without a GPU a session trains on the CPU", async () => {
  await using page = new Page();
  page.start({ device: "reference", lastStep: 20 }, "full");
  expect(await page.message("device")).toMatchObject({
    kind: "reference",
    fallbackReason: "the float64 reference was requested",
  });
  expect((await page.message("paused")).step).toBe(20);
});

test("invalid requests are reported with their code, and the session continues", async () => {
  await using page = new Page();
  page.start({ batchSize: 0 }, "full");
  await expect(page.message("frame")).rejects.toThrow(/INVALID_INPUT.*batchSize/);
  page.messages.length = 0;
  page.start();
  await page.message("frame");
});

test("steps between frames follow the time they take", () => {
  expect(nextSteps(1, 1)).toBe(2);
  expect(nextSteps(1000, 80)).toBe(500);
  expect(nextSteps(1000, 10_000)).toBe(250);
  expect(nextSteps(1, 10_000)).toBe(1);
  expect(nextSteps(1000, 40)).toBe(1000);
});

test("lost twice in a row, a training continues; after giving up, it offers its last state", async () => {
  await using page = new Page();
  page.start();
  page.send({ type: "step", steps: 9 });
  await page.message("frame", ({ step }) => step === 9);
  const { requestDevice } = GPUAdapter.prototype;
  let failures = 2;
  GPUAdapter.prototype.requestDevice = async function lost(...all) {
    const opened = await requestDevice.apply(this, all);
    if (failures-- > 0) opened.destroy(); // lost again before it is used
    return opened;
  };
  try {
    page.devices[0]!.gpu.destroy();
    page.send({ type: "step", steps: 14 });
    expect((await page.message("resumed")).step).toBe(9);
    await page.message("frame", ({ step }) => step === 23);
  } finally {
    GPUAdapter.prototype.requestDevice = requestDevice;
  }
  await using whole = new Page();
  whole.start();
  whole.send({ type: "step", steps: 23 });
  const wanted = await whole.message("frame", ({ step }) => step === 23);
  expect(page.messages.findLast(({ type }) => type === "frame")).toMatchObject({ step: 23, content: wanted.content });
  page.send({ type: "learningRate", learningRate: -1 }); // refused: the session gives up
  page.send({ type: "step", steps: 5 });
  expect(await page.message("failed")).toMatchObject({ step: 23 });
  page.messages.length = 0;
  page.send({ type: "learningRate", learningRate: 0.01 });
  page.send({ type: "goOn" });
  expect((await page.message("frame")).step).toBe(23);
});
