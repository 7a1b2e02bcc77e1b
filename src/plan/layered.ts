import { savesPreActivation } from "../cpu/activation.ts";
import { InvalidInput } from "../errors.ts";
import {
  type Dataset,
  type Executor,
  type FloatArray,
  type PlanReport,
  requireAlive,
  type RunSettings,
  type Trace,
  type TrainingRun,
} from "../executor.ts";
import { BufferOwner, readFloats, readStretches, write } from "../gpu/bufferOwner.ts";
import type { GpuDevice } from "../gpu/device.ts";
import { encode } from "../gpu/kernel.ts";
import type { Network } from "../network.ts";
import type { Optimizer } from "../optimizer.ts";
import { type BuffersRequest, layeredBytes, toFloat32 } from "./layeredBuffers.ts";
import { createPreActivationDispatch, type DispatchesRequest } from "./layeredDispatches.ts";
import { gradientColumnsOf, kernelsOf, planLayered } from "./layeredPlan.ts";
import { LayeredPredictor } from "./layeredPredictor.ts";
import { type FusedMapping, type FusedPlan, layeredStepMs, maxFusedParameters, planFused } from "./fusedPlan.ts";
import { createFusedRun, type FusedRequest, type FusedRun, fusedBytes } from "./fusedRun.ts";
import { createLayeredRun, type LayeredRun } from "./layeredRun.ts";

/** How steps are computed: as the planner sees fit, layer by layer, or fused with one of its mappings. */
export type Path = "auto" | "layered" | FusedMapping;

const notFused = (mapping: FusedMapping, network: Network): InvalidInput =>
  new InvalidInput({
    place: "train: path",
    expected: `a network and batch that ${mapping} can take: at most ${maxFusedParameters} parameters, data that fit a binding`,
    got: `${network.parameterCount} parameters`,
    fix: 'take the path "auto" or "layered"',
  });

const sentences = {
  replicas: "fused: one invocation trains a replica, many steps in one dispatch",
  samples: "fused: one invocation takes a slice of the batch through all layers, and the update follows",
} as const;

function reportFused(request: FusedRequest): PlanReport {
  const { mapping, chunkRows, groupReplicas }: FusedPlan = request.plan;
  const groups = Math.ceil(request.replicas / groupReplicas);
  return {
    path: "fused",
    reason: sentences[mapping],
    // a dispatch of the mapping of replicas takes many steps; this is what a single step would take
    dispatchesPerStep: mapping === "replicas" ? groups : 2 * groups,
    kernels: mapping === "replicas" ? ["trainReplicas"] : ["trainSamples", "update"],
    chunkRows,
    bytes: fusedBytes(request),
  };
}

/** The layered path on a WebGPU device: owns the parameters of R replicas of one network. */
export class LayeredExecutor implements Executor {
  readonly network: Network;
  readonly replicas: number;
  readonly #device: GpuDevice;
  readonly #owner: BufferOwner;
  readonly #parameters: GPUBuffer;
  #predictor: Promise<LayeredPredictor> | undefined;
  /** What holds buffers of its own and is freed with the executor. */
  readonly #open = new Set<LayeredRun | FusedRun | LayeredPredictor>();
  readonly #path: Path;
  #isDisposed = false;

  private constructor(device: GpuDevice, network: Network, replicas: number, path: Path) {
    this.#device = device;
    this.#path = path;
    this.network = network;
    this.replicas = replicas;
    this.#owner = new BufferOwner(device);
    this.#parameters = this.#owner.storage("parameters", replicas * network.parameterCount);
  }

  static create(device: GpuDevice, network: Network, replicas: number, path: Path = "auto"): Promise<LayeredExecutor> {
    return device.checked(
      "model: parameters",
      () => new LayeredExecutor(device, network, replicas, path),
      (executor) => executor.dispose(),
    );
  }

  #requireAlive(place: string): void {
    requireAlive(place, this.#isDisposed);
  }

  async readParameters(first = 0, count = this.replicas * this.network.parameterCount - first): Promise<Float32Array> {
    this.#requireAlive("readParameters");
    const stretch = { buffer: this.#parameters, first, length: count };
    return new Float32Array(await readStretches(this.#device, "parameters", [stretch]));
  }

  writeParameters(parameters: FloatArray): void {
    this.#requireAlive("writeParameters");
    write(this.#device.gpu, this.#parameters, toFloat32(parameters));
  }

  async predict(inputs: FloatArray): Promise<Float32Array> {
    this.#requireAlive("predict");
    const { network, replicas } = this;
    this.#predictor ??= LayeredPredictor.create({
      device: this.#device,
      network,
      replicas,
      parameters: this.#parameters,
    }).catch((error: unknown) => {
      this.#predictor = undefined; // the next call may have more memory
      throw error;
    });
    return this.#adopt("predict", await this.#predictor).predict(inputs);
  }

  #request(settings: RunSettings): BuffersRequest {
    const { network, replicas } = this;
    const rowCount = settings.data.targets.length / network.outputs;
    const plan = planLayered(this.#device, { network, replicas, rowCount, batchSize: settings.batchSize });
    return { device: this.#device, network, replicas, settings, plan };
  }

  /** The fused plan of a run where it is asked for, or the faster one; undefined: layer by layer. */
  #fusedRequest(settings: RunSettings): FusedRequest | undefined {
    if (this.#path === "layered") return undefined;
    const { network, replicas } = this;
    const rowCount = settings.data.targets.length / network.outputs;
    const { batchSize, optimizer } = settings;
    const request = { network, replicas, rowCount, batchSize, optimizer };
    const mapping = this.#path === "auto" ? undefined : this.#path;
    const plan = planFused(this.#device, request, mapping);
    if (mapping && !plan) throw notFused(mapping, network);
    if (!plan || (!mapping && plan.stepMs > layeredStepMs(this.#device, request))) return undefined;
    return { device: this.#device, network, replicas, settings, plan };
  }

  planRun(settings: RunSettings): PlanReport {
    const fused = this.#fusedRequest(settings);
    if (fused) return reportFused(fused);
    const request = this.#request(settings);
    const { plan } = request;
    const kernels = kernelsOf(plan);
    const chunks = plan.chunks > 1 ? `, the batch in ${plan.chunks} chunks of ${plan.chunkRows} rows` : "";
    const groups = Math.ceil(this.replicas / plan.groupReplicas);
    const grouped = groups > 1 ? `, the replicas in ${groups} groups of up to ${plan.groupReplicas}` : "";
    const pages = plan.gathered ? ", rows gathered from several pages of data" : "";
    return {
      path: "layered",
      reason: `layer by layer, the path for any size: ${groups * kernels.length} dispatches a step${chunks}${grouped}${pages}`,
      dispatchesPerStep: groups * kernels.length,
      kernels,
      chunkRows: plan.chunkRows,
      bytes: layeredBytes(request),
    };
  }

  /** Takes charge of what was created while the executor may have been disposed. */
  #adopt<T extends LayeredRun | FusedRun | LayeredPredictor>(place: string, created: T): T {
    if (this.#isDisposed) created.dispose();
    this.#requireAlive(place);
    for (const each of this.#open) if (each.isDisposed) this.#open.delete(each);
    this.#open.add(created);
    return created;
  }

  async createRun(settings: RunSettings): Promise<TrainingRun> {
    this.#requireAlive("train");
    const fused = this.#fusedRequest(settings);
    const run = fused
      ? await createFusedRun(fused, this.#parameters)
      : await createLayeredRun(this.#request(settings), this.#parameters);
    return this.#adopt("train", run);
  }

  async trace(data: Dataset, optimizer: Optimizer): Promise<Trace> {
    const batchSize = data.targets.length / this.network.outputs;
    const request = this.#request({ data, optimizer, batchSize, shuffle: false, seed: 0 });
    const { chunks, gathered, chunkRows, groupReplicas } = request.plan;
    if (chunks > 1 || gathered || groupReplicas < this.replicas) {
      const fix = "trace fewer samples, or a model of fewer replicas";
      const expected = `at most ${chunkRows} samples of ${groupReplicas} replicas`;
      throw new InvalidInput({ place: "trace", expected, got: `${batchSize} of ${this.replicas}`, fix });
    }
    const before = await this.readParameters();
    const owner = new BufferOwner(this.#device);
    try {
      // On a copy: what trains or predicts at the same time must not see the step.
      const parameters = await this.#device.checked(
        "trace: parameters",
        () => owner.upload("trace parameters", before),
        () => owner.dispose(),
      );
      const run = this.#adopt("trace", await createLayeredRun(request, parameters));
      try {
        await run.execute(0, 1);
        const after = await readFloats(this.#device, parameters, before.length);
        write(this.#device.gpu, parameters, before);
        return { ...(await this.#readTrace(request, run, parameters)), before, after };
      } finally {
        run.dispose();
      }
    } finally {
      owner.dispose();
    }
  }

  async #readTrace(
    request: BuffersRequest,
    run: LayeredRun,
    parameters: GPUBuffer,
  ): Promise<Omit<Trace, "before" | "after">> {
    const { buffers } = run;
    const { network, replicas, plan } = request;
    const samples = replicas * plan.chunkRows;
    const activations = [];
    const preActivations = [];
    const dPreActivations = [];
    for (const layer of network.layers) {
      const { index, fanOut, activation } = layer;
      const planes = await readFloats(this.#device, buffers.outputs[index]!, buffers.outputs[index]!.size / 4);
      activations.push(planes.slice(0, samples * fanOut));
      const saved = savesPreActivation(activation);
      const computed = saved
        ? planes.slice(samples * fanOut)
        : await this.#preActivations({ ...request, parameters, buffers: run.buffers }, index);
      preActivations.push(computed.slice(0, samples * fanOut));
      const columns = gradientColumnsOf(network, layer);
      const gradients = await readFloats(this.#device, buffers.dOutputs[index]!, samples * columns);
      dPreActivations.push(dropColumns(gradients, columns, fanOut));
    }
    const slots = await readFloats(
      this.#device,
      buffers.gradients,
      plan.slots * replicas * (network.parameterCount + 1),
    );
    const gradients = dropColumns(sumSlots(slots, plan.slots), network.parameterCount + 1, network.parameterCount);
    return { activations, preActivations, dPreActivations, gradients, losses: await run.readLosses(0, 1) };
  }

  /** Weighted sums of a layer whose forward keeps only activations: forward again, as identity. */
  async #preActivations(request: DispatchesRequest, index: number): Promise<Float32Array> {
    const owner = new BufferOwner(this.#device);
    try {
      const layer = this.network.layers[index]!;
      const length = request.replicas * request.plan.chunkRows * layer.fanOut;
      const into = owner.storage(`preActivations ${index}`, length);
      const dispatch = await createPreActivationDispatch(request, layer, into);
      const encoder = this.#device.gpu.createCommandEncoder({ label: "trace" });
      const pass = encoder.beginComputePass({ label: "trace" });
      encode(pass, dispatch, request.plan.chunkRows, 0);
      pass.end();
      this.#device.gpu.queue.submit([encoder.finish()]);
      return await readFloats(this.#device, into, length);
    } finally {
      owner.dispose();
    }
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#owner.dispose();
    for (const each of this.#open) each.dispose();
  }
}

/** The first `kept` of every `columns` values. */
function dropColumns(values: Float32Array, columns: number, kept: number): Float32Array {
  return Float32Array.from({ length: (values.length / columns) * kept }, (_, at) => {
    return values[Math.floor(at / kept) * columns + (at % kept)]!;
  });
}

/** Sum over slots in order, in f32, as the update kernel takes it. */
function sumSlots(values: Float32Array, slots: number): Float32Array {
  const width = values.length / slots;
  const sums = values.slice(0, width);
  for (let at = width; at < values.length; at++) sums[at % width]! += values[at]!;
  return sums;
}
