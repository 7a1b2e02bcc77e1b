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
import { InvalidInput } from "../../../errors.ts";
import type { Device } from "../../device.ts";
import { BufferOwner, readStretches, write, toFloat32 } from "../bufferOwner.ts";
import { GpuDevice } from "../device.ts";
import { type AnyNetwork, isGraph } from "../../../graph/graphNetwork.ts";
import type { Network } from "../../../graph/network.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import type { FusedScorer } from "./fusedScorer.ts";
import { scoresFused } from "./fusedPlan.ts";
import type { LayeredPredictor } from "./layeredPredictor.ts";
import { type GraphPart, openGraph } from "./graphPart.ts";
import { type PlannedRun, planRun, type RunRequest } from "./planner.ts";

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
  readonly #created = new Map<string, Promise<Open>>();
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

  /** Creates a predictor or scorer once; after a failure again, since the next call may have more memory. */
  async #openOnce<T extends Open>(place: string, kind: string, create: () => Promise<T>): Promise<T> {
    this.#requireAlive(place);
    const opened = (this.#created.get(kind) as Promise<T> | undefined) ?? create();
    this.#created.set(kind, opened);
    opened.catch(() => this.#created.delete(kind));
    return this.#adopt(place, await opened);
  }

  #openPredictor(place: string): Promise<LayeredPredictor> {
    return this.#openOnce(place, "predictor", async () => {
      const { LayeredPredictor } = await import("./layeredPredictor.ts");
      return LayeredPredictor.create(this.#forward);
    });
  }

  #openScorer(): Promise<FusedScorer> {
    return this.#openOnce("score", "scorer", async () => {
      const { FusedScorer } = await import("./fusedScorer.ts");
      return FusedScorer.create(this.#forward);
    });
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
    if (!graph) {
      const { traceStep } = await import("./trace.ts");
      return traceStep(request, before, (run) => this.#adopt("trace", run));
    }
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

/**
 * Creates the executor of a network on a WebGPU device.
 * @returns why a GPU cannot compute the graph, where the device was found by "auto": the CPU then does
 * @throws InvalidInput where it cannot and the device was asked for, or where the device is none
 */
export async function openExecutor(
  device: Device,
  network: AnyNetwork,
  members: number,
): Promise<GpuExecutor | string> {
  if (!(device instanceof GpuDevice)) {
    throw new InvalidInput({
      place: "createModel: device",
      expected: "a device from acquire()",
      got: typeof device,
      fix: "pass `device: await acquire()`",
    });
  }
  if (!isGraph(network)) return GpuExecutor.create(device, network, members);
  const graph = await openGraph(network);
  if (graph.whyNot === undefined) return GpuExecutor.create(device, graph.layers, members, graph);
  if (!device.isRequired) return graph.whyNot;
  throw new InvalidInput({
    place: "createModel: network",
    expected: "one that a GPU computes layer by layer",
    got: graph.whyNot,
    fix: 'create the model on `await acquire({ device: "reference" })`, or on "auto", which then takes the CPU',
  });
}
