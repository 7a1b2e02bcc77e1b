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
} from "../../executor.ts";
import { trainedNetwork } from "../../rowWeights.ts";
import { InvalidInput } from "../../../errors.ts";
import type { Device } from "../../device.ts";
import { BufferOwner, readStretches, write, toFloat32 } from "../bufferOwner.ts";
import { GpuDevice } from "../device.ts";
import { type AnyNetwork, asChain } from "../../../graph/graphNetwork.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import type { Network } from "../../../graph/network.ts";
import type { FusedScorer } from "./fusedScorer.ts";
import type { LayeredPredictor } from "./layeredPredictor.ts";
import type { RunRequest } from "./layeredPlan.ts";

/** What holds buffers of its own and is freed with the executor. */
interface Open {
  readonly isDisposed: boolean;
  dispose(): void;
}

/** Trains and predicts on a WebGPU device: owns the parameters of R members of one network. */
export class GpuExecutor implements Executor {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly #device: GpuDevice;
  readonly #owner: BufferOwner;
  readonly #parameters: GPUBuffer;
  readonly #created = new Map<string, Promise<Open>>();
  readonly #open = new Set<Open>();
  readonly #plannedMembers: number;
  #isDisposed = false;

  private constructor(device: GpuDevice, network: AnyNetwork, members: number, plannedMembers: number) {
    this.#plannedMembers = plannedMembers;
    this.#device = device;
    this.network = network;
    this.members = members;
    this.#owner = new BufferOwner(device);
    this.#parameters = this.#owner.storage("parameters", members * network.parameterCount);
  }

  static create(
    device: GpuDevice,
    network: AnyNetwork,
    members: number,
    plannedMembers = members,
  ): Promise<GpuExecutor> {
    return device.checked(
      "model: parameters",
      () => new GpuExecutor(device, network, members, plannedMembers),
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
    write(this.#device, this.#parameters, toFloat32(parameters));
  }

  /** What predictors and scorers are created from. */
  get #forward() {
    const { network, members } = this;
    return { device: this.#device, network, members, parameters: this.#parameters };
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
      try {
        return await LayeredPredictor.create(this.#forward);
      } catch (error) {
        this.#device.doWithout("layered", error);
        return LayeredPredictor.create(this.#forward);
      }
    });
  }

  #openScorer(network: Network): Promise<FusedScorer> {
    return this.#openOnce("score", "scorer", async () => {
      const { FusedScorer } = await import("./fusedScorer.ts");
      return FusedScorer.create({ ...this.#forward, network });
    });
  }

  async predict(inputs: FloatArray): Promise<Float32Array> {
    return (await this.#openPredictor("predict")).predict(inputs);
  }

  async score(data: Dataset): Promise<Scores> {
    const rows = data.targets.length / this.network.outputs;
    const chain = asChain(this.network);
    const { scoresFused } = await import("./fusedPlan.ts");
    if (chain && !this.#device.refusals.has("scores") && scoresFused(this.#device, chain, this.#plannedMembers, rows)) {
      try {
        return await (await this.#openScorer(chain)).score(data);
      } catch (error) {
        this.#device.doWithout("scores", error);
      }
    }
    return (await this.#openPredictor("score")).score(data);
  }

  #request(settings: RunSettings): RunRequest {
    const network = trainedNetwork(this.network, settings.data);
    const { members } = this;
    return { device: this.#device, network, members, plannedMembers: this.#plannedMembers, settings };
  }

  async planRun(settings: RunSettings): Promise<PlanReport> {
    const { planRun } = await import("./planner.ts");
    return planRun(this.#request(settings)).report;
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
    const { planRun } = await import("./planner.ts");
    for (;;) {
      this.#requireAlive("train");
      const { report, create } = planRun(this.#request(settings));
      try {
        return this.#adopt("train", await create(this.#parameters));
      } catch (error) {
        const { strategy } = report;
        if (strategy === "reference" || (settings.strategy === strategy && strategy !== "layered")) throw error; // requested
        this.#device.doWithout(strategy, error);
      }
    }
  }

  async trace(data: TrainingRows, optimizer: Optimizer): Promise<Trace> {
    const batchSize = data.inputs.length / this.network.inputs;
    const request = this.#request({ data, optimizer, batchSize, shuffle: false, seed: 0 });
    const before = await this.readParameters();
    const { traceStep } = await import("./trace.ts");
    return traceStep(request, before, (run) => this.#adopt("trace", run));
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
 * @param plannedMembers number of members at the start of the training, where fewer continue: planning for it keeps the bits
 * @throws InvalidInput where the device is none
 */
export async function openExecutor(
  device: Device,
  network: AnyNetwork,
  members: number,
  plannedMembers = members,
): Promise<GpuExecutor> {
  if (device instanceof GpuDevice) return GpuExecutor.create(device, network, members, plannedMembers);
  throw new InvalidInput({
    place: "createModel: device",
    expected: "a device from acquire()",
    got: typeof device,
    fix: "pass `device: await acquire()`",
  });
}
