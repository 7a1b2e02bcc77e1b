import {
  type Dataset,
  type Executor,
  type FloatArray,
  type PlanReport,
  requireAlive,
  type RunSettings,
  type Scores,
  type Trace,
  type TrainingRows,
  type TrainingRun,
} from "../executor.ts";
import type { Network } from "../../graph/network.ts";
import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import type { Optimizer } from "../../math/optimizer.ts";
import { trainedNetwork } from "../rowWeights.ts";
import type { Device } from "../device.ts";
import { InvalidInput } from "../../errors.ts";
import { WasmDevice } from "./device.ts";
import type { WasmMachine } from "./costModel.ts";
import { Memory, MemoryCount, readRows } from "./memory.ts";
import type { FusedRun } from "./fusedRun.ts";
import { fusedNetwork, strategyOf } from "./strategy.ts";
import type { VisitOutputs } from "./forwardPass.ts";
import type { KernelHandle } from "./program.ts";

// Code is written by parts that are loaded when they are first needed: straight-line code of small networks (fusedRun), and code layer
// by layer (run, forwardPass).

interface ExecutorOptions {
  /** What the cost model counts with; default: what the host was measured to be. */
  readonly machine?: WasmMachine | undefined;
  /** Why it is not a GPU that computes, where a GPU was found. */
  readonly because?: string | undefined;
  /** Number of members at the start of the training, where fewer continue: planning for it keeps the bits. */
  readonly plannedMembers?: number | undefined;
}

/** Parameters of members on the CPU in f32, and what is computed with them by WebAssembly. */
export class WasmExecutor implements Executor {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly #device: WasmDevice;
  readonly #options: ExecutorOptions;
  readonly #memory: Memory;
  readonly #stride: number;
  /** Address of [members, #stride]. */
  readonly #parameters: number;
  /** A training whose parameters are ahead of those in memory. */
  #fused: FusedRun | undefined;
  #isDisposed = false;

  /** @throws LimitExceeded where the parameters do not fit */
  constructor(device: WasmDevice, network: AnyNetwork, members: number, options: ExecutorOptions = {}) {
    this.network = network;
    this.members = members;
    this.#device = device;
    this.#options = options;
    this.#memory = new Memory(device.heap);
    this.#stride = 4 * Math.ceil(network.parameterCount / 4);
    this.#parameters = this.#memory.allocate(members * this.#stride);
    device.ledger.buffers++;
    device.ledger.bytes += 4 * members * this.#stride;
  }

  #requireAlive(place: string): void {
    requireAlive(place, this.#isDisposed);
  }

  #readAll(): Float32Array {
    const layout = { rows: this.members, count: this.network.parameterCount, stride: this.#stride };
    return readRows(this.#device.heap, this.#parameters, layout);
  }

  async readParameters(first = 0, count = this.members * this.network.parameterCount - first): Promise<Float32Array> {
    this.#requireAlive("readParameters");
    const { pool } = this.#device;
    // At once where it can be: the model may be disposed of while the caller waits.
    return pool.isIdle ? this.#read(first, count) : pool.inTurn(() => this.#read(first, count));
  }

  #read(first: number, count: number): Float32Array {
    this.#requireAlive("readParameters");
    this.#takeOver();
    const { parameterCount } = this.network;
    const values = new Float32Array(count);
    for (let at = 0; at < count;) {
      const [member, place] = [Math.floor((first + at) / parameterCount), (first + at) % parameterCount];
      const length = Math.min(count - at, parameterCount - place);
      const address = this.#parameters + 4 * (member * this.#stride + place);
      values.set(this.#device.heap.floats(address, length), at);
      at += length;
    }
    return values;
  }

  /** Takes the parameters of a training in straight-line code. */
  #takeOver(): void {
    if (this.#fused) this.#write(this.#fused.readParameters());
  }

  writeParameters(parameters: FloatArray): void {
    this.#requireAlive("writeParameters");
    this.#write(parameters);
    this.#fused?.writeParameters(parameters);
  }

  #write(parameters: FloatArray): void {
    const { parameterCount } = this.network;
    for (let member = 0; member < this.members; member++) {
      const own = parameters.subarray(member * parameterCount, (member + 1) * parameterCount);
      this.#device.heap.floats(this.#parameters + 4 * member * this.#stride, parameterCount).set(own);
    }
  }

  async #eachChunk(inputs: FloatArray, visit: VisitOutputs): Promise<void> {
    const { forwardPass } = await import("./forwardPass.ts");
    this.#requireAlive("predict");
    this.#takeOver();
    const requireAlive = (): void => this.#requireAlive("predict");
    const { network, members } = this;
    const places = { parameters: this.#parameters, members };
    await forwardPass({ device: this.#device, network, ...places, requireAlive }, inputs, visit);
  }

  async predict(inputs: FloatArray): Promise<Float32Array> {
    this.#requireAlive("predict");
    const { network, members } = this;
    const rowCount = inputs.length / network.inputs;
    const all = new Float32Array(members * rowCount * network.outputs);
    await this.#eachChunk(inputs, (outputs, { member, firstRow }) =>
      all.set(outputs, (member * rowCount + firstRow) * network.outputs),
    );
    return all;
  }

  async score({ inputs, targets }: Dataset): Promise<Scores> {
    this.#requireAlive("score");
    const { network, members } = this;
    const { createTallies, score, scoresOf } = await import("../score.ts");
    const tallies = createTallies(members);
    const wide = new Float64Array(targets);
    let outputs = new Float64Array(0);
    await this.#eachChunk(inputs, (own, { member, firstRow }) => {
      if (outputs.length !== own.length) outputs = new Float64Array(own.length);
      outputs.set(own);
      const first = firstRow * network.outputs;
      score(network, { outputs, targets: wide.subarray(first, first + own.length) }, tallies, member);
    });
    return scoresOf(network, targets.length / network.outputs, tallies);
  }

  /** What is to be trained. */
  #work(settings: RunSettings) {
    const network = trainedNetwork(this.network, settings.data);
    return { network, members: this.members, plannedMembers: this.#options.plannedMembers, settings };
  }

  async planRun(settings: RunSettings): Promise<PlanReport> {
    const [{ planWasm }, { machineOf }] = await Promise.all([import("./plan.ts"), import("./probe.ts")]);
    const { machine = await machineOf(this.#device), because } = this.#options;
    const work = this.#work(settings);
    const plan = planWasm(machine, work, because);
    const memory = new MemoryCount();
    memory.allocate(4 * this.members * this.#stride);
    const kernels = new Set<string>();
    const kernelOf = (name: string): KernelHandle => {
      kernels.add(name);
      return { index: 0 };
    };
    let chunkRows: number;
    if (plan.strategy === "layered") {
      const { planLayered } = await import("./run.ts");
      chunkRows = planLayered(memory, this.#layeredRequest(settings), kernelOf);
    } else {
      const { planFused } = await import("./fusedRun.ts");
      const training = { ...work, network: fusedNetwork(work.network)! };
      chunkRows = planFused(memory, training, { kernelOf, threads: this.#device.pool.threads });
    }
    return { ...plan, kernels: [...kernels], chunkRows, bytes: memory.bytes };
  }

  /** What a run layer by layer is created with. */
  #layeredRequest(settings: RunSettings) {
    const requireAlive = (): void => this.#requireAlive("train");
    return { ...this.#work(settings), device: this.#device, parameters: this.#parameters, requireAlive };
  }

  async createRun(settings: RunSettings): Promise<TrainingRun> {
    this.#requireAlive("train");
    const work = this.#work(settings);
    const isFused = strategyOf({ ...work, network: this.network }) !== "layered";
    const network = fusedNetwork(work.network);
    if (network && isFused) return this.#createFused(network, settings);
    const { WasmRun } = await import("./run.ts");
    return WasmRun.create(this.#layeredRequest(settings));
  }

  async #createFused(network: Network, settings: RunSettings): Promise<TrainingRun> {
    const { FusedRun: Run } = await import("./fusedRun.ts");
    this.#fused = await Run.create({
      pool: this.#device.pool,
      kernels: this.#device.kernels,
      ...this.#work(settings),
      network,
      parameters: await this.readParameters(),
      requireAlive: () => this.#requireAlive("train"),
      ended: () => {
        if (!this.#isDisposed) this.#takeOver();
        this.#fused = undefined;
      },
    });
    return this.#fused;
  }

  async trace(data: TrainingRows, optimizer: Optimizer): Promise<Trace> {
    this.#requireAlive("trace");
    const { traceStep } = await import("./trace.ts");
    const batchSize = data.inputs.length / this.network.inputs;
    this.#requireAlive("trace");
    this.#takeOver();
    const before = this.#readAll();
    try {
      const settings = { data, optimizer, batchSize, shuffle: false, seed: 0 };
      return { ...(await traceStep(this.#layeredRequest(settings))), before, after: this.#readAll() };
    } finally {
      if (!this.#isDisposed) this.#write(before);
    }
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    void this.#device.pool.whenIdle().then(() => this.#memory.free()); // threads may still write to it
    this.#device.ledger.buffers--;
    this.#device.ledger.bytes -= 4 * this.members * this.#stride;
  }
}

/**
 * Creates the executor of a network.
 * @throws InvalidInput for anything that `acquire` has not returned
 */
export async function openWasmExecutor(
  device: Device,
  network: AnyNetwork,
  members: number,
  options?: ExecutorOptions,
): Promise<Executor> {
  if (device instanceof WasmDevice) return new WasmExecutor(device, network, members, options);
  throw new InvalidInput({
    place: "createModel: device",
    expected: "a device from acquire()",
    got: typeof device,
    fix: "pass `device: await acquire()`",
  });
}
