// Computes on the GPU for the first screen, away from the page's thread.

import { acquire, createModel, type Device, type DeviceChoice, type Model, sgd, ThalwegError } from "../../index.ts";
import { type StepStart } from "../../explain.ts";
import { net } from "./numbers.ts";
import type { Answers, Fault, FromWorker, Place, Request, Run, ToWorker } from "./protocol.ts";

let device: Promise<Device> | undefined;
let asked: DeviceChoice | undefined;
const openDevice = (): Promise<Device> => (device ??= acquire(asked && { device: asked }));

/** What computed the newest answer, and whether it took the place of one that was lost meanwhile. */
let computed: { place: Place; wasLost: boolean } | undefined;
const placeOf = ({ kind, name, fallbackReason }: Device): Place => ({ kind, name, fallbackReason });

async function withModel<Result>({ parameters }: StepStart, use: (model: Model) => Promise<Result>): Promise<Result> {
  let wasLost = false;
  const onLost = (): void => void (wasLost = true);
  const model = await createModel(net, { device: await openDevice(), parameters, onLost });
  try {
    return await use(model);
  } finally {
    computed = { place: placeOf(model.device), wasLost };
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

const faultOf = (error: unknown): Fault => ({
  code: error instanceof ThalwegError ? error.code : "UNEXPECTED",
  message: error instanceof Error ? error.message : String(error),
});

async function answer({ id, request, device: choice }: ToWorker): Promise<FromWorker> {
  asked = choice;
  try {
    computed = { place: placeOf(await openDevice()), wasLost: false };
    const found = await compute(request);
    return { id, answer: found, ...computed };
  } catch (error) {
    return { id, fault: faultOf(error) };
  }
}

addEventListener("message", async ({ data }: MessageEvent<ToWorker>) => postMessage(await answer(data)));
