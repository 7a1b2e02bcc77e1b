// Computes on the GPU for the first screen, away from the page's thread.

import {
  acquire,
  createModel,
  type Device,
  type DeviceChoice,
  GpuLost,
  type Model,
  sgd,
  ThalwegError,
} from "../../index.ts";
import { type StepStart } from "../../explain.ts";
import { net } from "./numbers.ts";
import type { Answers, Fault, FromWorker, Request, Run, ToWorker } from "./protocol.ts";

let device: Promise<Device> | undefined;
let asked: DeviceChoice | undefined;
const openDevice = (): Promise<Device> => (device ??= acquire(asked && { device: asked }));

async function withModel<Result>({ parameters }: StepStart, use: (model: Model) => Promise<Result>): Promise<Result> {
  const model = await createModel(net, { device: await openDevice(), parameters });
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

const rowOf = ({ input, target }: StepStart) => ({ inputs: input, targets: target });
const optimizerOf = ({ learningRate }: StepStart) => sgd({ learningRate });

const train = (start: StepStart, steps: number): Promise<Run> =>
  withModel(start, async (model) => {
    const options = { optimizer: optimizerOf(start), steps };
    const { machine } = await model.plan(rowOf(start), options);
    const began = performance.now();
    const losses: number[] = [];
    for await (const event of model.train(rowOf(start), options)) {
      losses.push(...event.losses);
    }
    const parameters = Float64Array.from(await model.readParameters());
    return { losses, parameters, tookMs: performance.now() - began, machine };
  });

async function compute(request: Request): Promise<Answers[Request["kind"]]> {
  if (request.kind === "device") return {};
  const { start } = request;
  if (request.kind === "run") return { run: await train(start, request.steps) };
  return { trace: await withModel(start, (model) => model.trace(rowOf(start), optimizerOf(start))) };
}

/** Once more on a new device, where the first has gone. */
async function computeTwice(request: Request): Promise<Pick<FromWorker, "answer" | "wasLost">> {
  try {
    return { answer: await compute(request) };
  } catch (error) {
    if (!(error instanceof GpuLost)) throw error;
    device = undefined;
    return { answer: await compute(request), wasLost: true };
  }
}

const faultOf = (error: unknown): Fault => ({
  code: error instanceof ThalwegError ? error.code : "UNEXPECTED",
  message: error instanceof Error ? error.message : String(error),
});

async function answer({ id, request, device: choice }: ToWorker): Promise<FromWorker> {
  asked = choice;
  try {
    const { kind, name, fallbackReason } = await openDevice();
    const place = { kind, name, fallbackReason };
    return { id, place, ...(await computeTwice(request)) };
  } catch (error) {
    return { id, fault: faultOf(error) };
  }
}

addEventListener("message", async ({ data }: MessageEvent<ToWorker>) => postMessage(await answer(data)));
