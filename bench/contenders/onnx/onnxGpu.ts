import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import { encodeRound, graphOf, nextName, stateName, type RoundGraph } from "./onnxGraphs.ts";

export type Ort = typeof import("onnxruntime-web");

/** How an entry runs a round on the GPU. */
export interface GpuChoice {
  readonly round: RoundGraph;
  /** Replays recorded dispatches instead of walking the graph. */
  readonly graphCapture: boolean;
}

/** A session with the tensors that it reads and writes. Capture ties it to them for good. */
interface Lane {
  readonly session: InferenceSession;
  readonly feeds: Record<string, Tensor>;
  readonly fetches: Record<string, Tensor>;
  isCaptured: boolean;
}

function sessionOptions({ round, graphCapture }: GpuChoice): InferenceSession.SessionOptions {
  const { withoutOptimizers } = round;
  return {
    // checks of ONNX Runtime's own, on top of WebGPU's, are for debugging
    executionProviders: [{ name: "webgpu", validationMode: "disabled" }],
    preferredOutputLocation: "gpu-buffer",
    enableGraphCapture: graphCapture,
    graphOptimizationLevel: "all",
    extra: {
      // no operator may quietly run on the CPU
      session: { disable_cpu_ep_fallback: "1" },
      ...(withoutOptimizers ? { optimization: { disable_specified_optimizers: withoutOptimizers } } : {}),
    },
  };
}

const createSession = (ort: Ort, choice: GpuChoice): Promise<InferenceSession> =>
  ort.InferenceSession.create(encodeRound(choice.round.graph), sessionOptions(choice));

/** Capture ties a session to its buffers for good, so that it takes a second one for the way back. */
const createSessions = async (ort: Ort, choice: GpuChoice): Promise<[InferenceSession, InferenceSession]> => {
  const forth = await createSession(ort, choice);
  return [forth, choice.graphCapture ? await createSession(ort, choice) : forth];
};

/** A tensor on the GPU, and the session that allocated it. */
interface HeldTensor {
  readonly tensor: Tensor;
  readonly buffer: GPUBuffer;
  readonly dispose: () => void;
}

/**
 * Uploads through a model that only passes its input on. A buffer that comes out of ONNX Runtime stays registered with
 * it; one that goes in is registered anew in every run, and a captured session would read its stale registration.
 */
async function hold(ort: Ort, shape: readonly number[], values: Float32Array): Promise<HeldTensor> {
  const nodes = [{ operator: "Identity", inputs: [stateName], output: nextName }];
  const round = { operators: "Identity", graph: graphOf(shape, nodes, []), fed: [] };
  const session = await createSession(ort, { round, graphCapture: false });
  const outputs = await session.run({ [stateName]: new ort.Tensor("float32", values, shape) });
  const tensor = outputs[nextName]! as Tensor;
  const dispose = (): void => {
    tensor.dispose();
    void session.release();
  };
  return { tensor, buffer: tensor.gpuBuffer as GPUBuffer, dispose };
}

/** The first `count` values of a buffer, after all work that was submitted. */
async function read(device: GPUDevice, buffer: GPUBuffer, count: number): Promise<Float32Array> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: 4 * count, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, staging.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}

async function runLane(lane: Lane): Promise<void> {
  if (!lane.isCaptured) return void (await lane.session.run(lane.feeds, lane.fetches));
  // bound already; asked for by name again, the output would leak a handle in every round
  const outputs = await lane.session.run(lane.feeds);
  outputs[nextName]!.dispose();
}

interface Lanes {
  readonly lanes: readonly [Lane, Lane];
  /** Where rounds 0, 2, … start from, and rounds 1, 3, … */
  readonly states: readonly [HeldTensor, HeldTensor];
  readonly dispose: () => void;
}

/** The state goes forth from one tensor to another and back: between rounds nothing is copied or allocated. */
async function createLanes(ort: Ort, choice: GpuChoice, start: Start): Promise<Lanes> {
  const { graph, fed } = choice.round;
  const [forth, back] = await createSessions(ort, choice);
  const { shape } = graph.outputs[0]!;
  const states = [await hold(ort, shape, start.state), await hold(ort, shape, start.state)] as const;
  const constants: Record<string, HeldTensor> = {};
  for (const { name, values, shape: dimensions } of fed) constants[name] = await hold(ort, dimensions, values);
  const fedTensors = Object.fromEntries(Object.entries(constants).map(([name, { tensor }]) => [name, tensor]));
  const lane = (session: InferenceSession, from: HeldTensor, to: HeldTensor): Lane => ({
    session,
    feeds: { [stateName]: from.tensor, ...fedTensors },
    fetches: { [nextName]: to.tensor },
    isCaptured: false,
  });
  const dispose = (): void => {
    for (const session of new Set([forth, back])) void session.release();
    for (const held of [...states, ...Object.values(constants)]) held.dispose();
  };
  return { lanes: [lane(forth, states[0], states[1]), lane(back, states[1], states[0])], states, dispose };
}

/** An entry that hands over rounds without waiting for the GPU. */
export async function createGpuEntry(ort: Ort, choice: GpuChoice, start: Start): Promise<Entry> {
  const { lanes, states, dispose } = await createLanes(ort, choice, start);
  const device: GPUDevice = await ort.env.webgpu.device;
  let round = 0;
  const state = (): GPUBuffer => states[(round % 2) as 0 | 1].buffer;
  return {
    settings: { operators: choice.round.operators, graphCapture: choice.graphCapture },
    run: async (rounds) => {
      for (const end = round + rounds; round < end; round++) {
        const lane = lanes[(round % 2) as 0 | 1];
        await runLane(lane);
        lane.isCaptured = choice.graphCapture;
      }
    },
    finish: async () => (await read(device, state(), 1))[0]!,
    readState: () => read(device, state(), start.state.length),
    restart: () => {
      round = 0;
      device.queue.writeBuffer(state(), 0, start.state as Float32Array<ArrayBuffer>);
    },
    dispose,
  };
}
