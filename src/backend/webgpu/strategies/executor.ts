import {
  type Dataset,
  type Executor,
  type FloatArray,
  type PlanReport,
  requireAlive,
  type RunSettings,
  type Scores,
  type Trace,
  type TrainingRun,
} from "../../executor.ts";
import { BufferOwner, readStretches, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import type { Network } from "../../../graph/network.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import { FusedScorer, scoresFused } from "./fusedScorer.ts";
import { toFloat32 } from "./layeredBuffers.ts";
import { LayeredPredictor } from "./layeredPredictor.ts";
import type { GraphPart } from "./graphPart.ts";
import { type PlannedRun, planRun, type RunRequest } from "./planner.ts";
import { traceStep } from "./trace.ts";

/** What holds buffers of its own and is freed with the executor. */
interface Open {
  readonly isDisposed: boolean;
  dispose(): void;
}

/** Trains and predicts on a WebGPU device: owns the parameters of R members of one network. */
export class GpuExecutor implements Executor {
  readonly network: AnyNetwork;
  readonly members: number;
  /** The dense layers: all of a list, or those of a graph. */
  readonly #layers: Network;
  readonly #graph: GraphPart | undefined;
  readonly #device: GpuDevice;
  readonly #owner: BufferOwner;
  readonly #parameters: GPUBuffer;
  #predictor: Promise<LayeredPredictor> | undefined;
  #scorer: Promise<FusedScorer> | undefined;
  readonly #open = new Set<Open>();
  #isDisposed = false;

  private constructor(device: GpuDevice, layers: Network, members: number, graph: GraphPart | undefined) {
    this.#device = device;
    this.network = graph?.network ?? layers;
    this.#graph = graph;
    this.#layers = layers;
    this.members = members;
    this.#owner = new BufferOwner(device);
    this.#parameters = this.#owner.storage("parameters", members * layers.parameterCount);
  }

  /** @param layers all of the network, or the dense ones of a graph */
  static create(device: GpuDevice, layers: Network, members: number, graph?: GraphPart): Promise<GpuExecutor> {
    return device.checked(
      "model: parameters",
      () => new GpuExecutor(device, layers, members, graph),
      (executor) => executor.dispose(),
    );
  }

  #requireAlive(place: string): void {
    requireAlive(place, this.#isDisposed);
  }

  async readParameters(first = 0, count = this.members * this.network.parameterCount - first): Promise<Float32Array> {
    this.#requireAlive("readParameters");
    const stretch = { buffer: this.#parameters, first, length: count };
    return new Float32Array(await readStretches(this.#device, "parameters", [stretch]));
  }

  writeParameters(parameters: FloatArray): void {
    this.#requireAlive("writeParameters");
    write(this.#device.gpu, this.#parameters, toFloat32(parameters));
  }

  /** What predictors and scorers are created from. */
  get #forward() {
    const { members } = this;
    return { device: this.#device, network: this.#layers, members, parameters: this.#parameters, graph: this.#graph };
  }

  async #openPredictor(place: string): Promise<LayeredPredictor> {
    this.#requireAlive(place);
    this.#predictor ??= LayeredPredictor.create(this.#forward).catch((error: unknown) => {
      this.#predictor = undefined; // the next call may have more memory
      throw error;
    });
    return this.#adopt(place, await this.#predictor);
  }

  async #openScorer(): Promise<FusedScorer> {
    this.#requireAlive("score");
    this.#scorer ??= FusedScorer.create(this.#forward).catch((error: unknown) => {
      this.#scorer = undefined;
      throw error;
    });
    return this.#adopt("score", await this.#scorer);
  }

  async predict(inputs: FloatArray): Promise<Float32Array> {
    return (await this.#openPredictor("predict")).predict(inputs);
  }

  async score(data: Dataset): Promise<Scores> {
    const rows = data.targets.length / this.network.outputs;
    const isFused = !this.#graph && scoresFused(this.#device, this.#layers, this.members, rows);
    return (await (isFused ? this.#openScorer() : this.#openPredictor("score"))).score(data);
  }

  #request(settings: RunSettings): RunRequest {
    return { device: this.#device, network: this.#layers, members: this.members, settings };
  }

  #plan(settings: RunSettings): PlannedRun {
    const request = this.#request(settings);
    const graph = this.#graph;
    return graph ? graph.plan({ ...request, network: graph.network }) : planRun(request);
  }

  planRun(settings: RunSettings): PlanReport {
    return this.#plan(settings).report;
  }

  /** Takes charge of what was created while the executor may have been disposed. */
  #adopt<T extends Open>(place: string, created: T): T {
    if (this.#isDisposed) created.dispose();
    this.#requireAlive(place);
    for (const each of this.#open) if (each.isDisposed) this.#open.delete(each);
    this.#open.add(created);
    return created;
  }

  async createRun(settings: RunSettings): Promise<TrainingRun> {
    this.#requireAlive("train");
    return this.#adopt("train", await this.#plan(settings).create(this.#parameters));
  }

  async trace(data: Dataset, optimizer: Optimizer): Promise<Trace> {
    const batchSize = data.targets.length / this.network.outputs;
    const request = this.#request({ data, optimizer, batchSize, shuffle: false, seed: 0 });
    const before = await this.readParameters();
    const graph = this.#graph;
    if (!graph) return traceStep(request, before, (run) => this.#adopt("trace", run));
    const wanted = { ...request, network: graph.network };
    return graph.trace(wanted, before, (run) => this.#adopt("trace", run));
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#owner.dispose();
    for (const each of this.#open) each.dispose();
  }
}
