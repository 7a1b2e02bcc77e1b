import { createTallies, score, scoresOf } from "../score.ts";
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
import { deriveStep } from "../../graph/derive.ts";
import type { Network } from "../../graph/network.ts";
import { type AnyNetwork, denseShapesOf, graphOf } from "../../graph/graphNetwork.ts";
import type { Optimizer } from "../../math/optimizer.ts";
import { rowCountOf, widestOptimizer } from "../batches.ts";
import { trainedNetwork } from "../rowWeights.ts";
import type { Device } from "../device.ts";
import { InvalidInput } from "../../errors.ts";
import { WasmDevice } from "./device.ts";
import type { WasmMachine } from "./costModel.ts";
import { Memory, MemoryCount } from "./memory.ts";
import { FusedRun } from "./fusedRun.ts";
import { FusedMemory } from "./fusedMemory.ts";
import { fusedNetwork } from "./fusedNetwork.ts";
import { planWasm, strategyOf } from "./plan.ts";
import { machineOf } from "./probe.ts";
import { forwardPass, type VisitOutputs } from "./forwardPass.ts";
import { areInOrder, drawModule, rowRuleOf } from "./rowDraw.ts";
import { readRows, WasmRun } from "./run.ts";
import type { KernelHandle, KernelOf } from "./program.ts";
import { RunMemory } from "./runMemory.ts";
import { forwardModule, trainingModule } from "./stepModule.ts";
import { updatePlan } from "./updateCode.ts";

interface ExecutorOptions {
  /** What the cost model counts with; default: what the host was measured to be. */
  readonly machine?: WasmMachine | undefined;
  /** Why it is not a GPU that computes, where a GPU was found. */
  readonly because?: string | undefined;
  /** Members that the training began with, where fewer go on: what it takes to the same bits. */
  readonly plannedMembers?: number | undefined;
}

/** Parameters of members on the CPU in f32, and what is computed with them by WebAssembly. */
export class WasmExecutor implements Executor {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly #device: WasmDevice;
  readonly #options: ExecutorOptions & { readonly machine: WasmMachine };
  readonly #memory: Memory;
  readonly #stride: number;
  /** Address of [members, #stride]. */
  readonly #parameters: number;
  /** A training whose parameters are ahead of those in memory. */
  #fused: FusedRun | undefined;
  #isDisposed = false;

  private constructor(
    device: WasmDevice,
    network: AnyNetwork,
    members: number,
    options: ExecutorOptions & { readonly machine: WasmMachine },
  ) {
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

  /** @throws LimitExceeded where the parameters do not fit */
  static async create(
    device: WasmDevice,
    network: AnyNetwork,
    members: number,
    { machine, ...options }: ExecutorOptions = {},
  ): Promise<WasmExecutor> {
    return new WasmExecutor(device, network, members, { machine: machine ?? (await machineOf(device)), ...options });
  }

  #requireAlive(place: string): void {
    requireAlive(place, this.#isDisposed);
  }

  #readAll(): Float32Array {
    const layout = { rows: this.members, count: this.network.parameterCount, stride: this.#stride };
    return readRows(this.#device, this.#parameters, layout);
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
    this.#takeOver();
    const [device, network] = [this.#device, this.network];
    const module = forwardModule(network, device.heap.isShared);
    const { kernelOf, release } = await device.kernels.take([module], () => module);
    const parameters = Array.from({ length: this.members }, (_, at) => this.#parameters + 4 * at * this.#stride);
    const requireAlive = (): void => this.#requireAlive("predict");
    try {
      requireAlive();
      await forwardPass({ device, network, module, kernelOf, parameters, requireAlive }, inputs, visit);
    } finally {
      release();
    }
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
    const tallies = createTallies(members);
    await this.#eachChunk(inputs, (own, { member, firstRow }) => {
      const outputs = Float64Array.from(own);
      const first = firstRow * network.outputs;
      const rows = Float64Array.from(targets.subarray(first, first + outputs.length));
      score(network, { outputs, targets: rows }, tallies, member);
    });
    return scoresOf(network, targets.length / network.outputs, tallies);
  }

  planRun(settings: RunSettings): PlanReport {
    const { machine, because } = this.#options;
    const work = this.#work(settings);
    const plan = planWasm(machine, work, because);
    const memory = new MemoryCount();
    memory.allocate(4 * this.members * this.#stride);
    const kernels = new Set<string>();
    const kernelOf = (name: string): KernelHandle => {
      kernels.add(name);
      return { index: 0 };
    };
    const chunkRows =
      plan.strategy === "layered"
        ? this.#planLayered(memory, settings, kernelOf)
        : this.#planFused(memory, settings, kernelOf);
    return { ...plan, kernels: [...kernels], chunkRows, bytes: memory.bytes };
  }

  /** @returns rows that are taken at once */
  #planFused(memory: MemoryCount, settings: RunSettings, kernelOf: KernelOf): number {
    const work = this.#work(settings);
    const training = { ...work, network: fusedNetwork(work.network)! };
    const { rowCount } = new FusedMemory(memory, training, { kernelOf, threads: this.#device.pool.threads });
    return Math.min(settings.batchSize, rowCount);
  }

  #planLayered(memory: MemoryCount, settings: RunSettings, kernelOf: KernelOf): number {
    return new RunMemory(memory, this.#runRequest(settings), kernelOf).sizes.chunkRows;
  }

  /** What is to be trained. */
  #work(settings: RunSettings) {
    const network = trainedNetwork(this.network, settings.data);
    return { network, members: this.members, plannedMembers: this.#options.plannedMembers, settings };
  }

  /** What a run layer by layer is created with. */
  #runRequest(settings: RunSettings) {
    const plan = updatePlan(widestOptimizer(settings));
    const network = trainedNetwork(this.network, settings.data);
    const module = trainingModule(network, plan, this.#device.heap.isShared);
    return { network, members: this.members, parameters: this.#parameters, module, plan, settings };
  }

  async createRun(settings: RunSettings): Promise<TrainingRun> {
    this.#requireAlive("train");
    const work = this.#work(settings);
    const isFused = strategyOf({ ...work, network: this.network }) !== "layered";
    const network = fusedNetwork(work.network);
    return network && isFused ? this.#createFused(network, settings) : this.#createRun(settings);
  }

  async #createFused(network: Network, settings: RunSettings): Promise<TrainingRun> {
    this.#fused = await FusedRun.create({
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

  async #createRun(settings: RunSettings): Promise<WasmRun> {
    const { kernels, heap } = this.#device;
    const request = this.#runRequest(settings);
    const rule = rowRuleOf(settings, rowCountOf(settings, this.network));
    const leases = [await kernels.take([request.module], () => request.module)];
    if (!areInOrder(rule))
      leases.push(await kernels.take([drawModule, ...Object.values(rule)], () => drawModule(rule, heap.isShared)));
    return new WasmRun({ ...request, device: this.#device, leases, requireAlive: () => this.#requireAlive("train") });
  }

  async trace(data: TrainingRows, optimizer: Optimizer): Promise<Trace> {
    this.#requireAlive("trace");
    const rows = data.inputs.length / this.network.inputs;
    const settings = { data, optimizer, batchSize: rows, shuffle: false, seed: 0 };
    this.#takeOver();
    const before = this.#readAll();
    const run = await this.#createRun(settings);
    try {
      await run.execute(0, 1);
      const step = deriveStep(graphOf(this.network));
      const layers = denseShapesOf(step);
      return {
        preActivations: layers.map(({ node }) => run.readNode(node, rows)),
        activations: layers.map(({ activated }) => run.readNode(activated, rows)),
        dPreActivations: layers.map(({ node }) => run.readNode(step.gradientOf[node]!, rows)),
        gradients: run.readGradients(),
        losses: await run.readLosses(0, 1),
        before,
        after: this.#readAll(),
      };
    } finally {
      run.dispose();
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
  if (device instanceof WasmDevice) return WasmExecutor.create(device, network, members, options);
  throw new InvalidInput({
    place: "createModel: device",
    expected: "a device from acquire()",
    got: typeof device,
    fix: "pass `device: await acquire()`",
  });
}
