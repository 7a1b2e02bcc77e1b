import { type FloatArray, requireAlive } from "../executor.ts";
import { BufferOwner, readStretches, write } from "../gpu/bufferOwner.ts";
import type { GpuDevice } from "../gpu/device.ts";
import { createDispatch, createKernel, type Dispatch, encode } from "../gpu/kernel.ts";
import { kernels } from "../gpu/kernels.ts";
import type { LayerShape, Network } from "../network.ts";
import { activationNumber, forwardInvocations, stepWindow } from "./layeredDispatches.ts";
import { toFloat32 } from "./layeredBuffers.ts";
import { chunkRowsOf, groupReplicasOf, planLayered } from "./layeredPlan.ts";
import { layerBlock, stepBytes, stepWord } from "./uniforms.ts";

/** Rows that are predicted at once at most. */
const maxRows = 16_384;

export interface PredictorRequest {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly replicas: number;
  /** [replicas, parameterCount]. */
  readonly parameters: GPUBuffer;
}

/** Forward without targets, chunk by chunk; keeps its buffers and pipelines from call to call. */
export class LayeredPredictor {
  readonly #request: PredictorRequest;
  readonly #owner: BufferOwner;
  readonly #capacity: number;
  readonly #groupReplicas: number;
  readonly #steps: GPUBuffer;
  readonly #inputs: GPUBuffer;
  readonly #outputs: readonly GPUBuffer[];
  readonly #batchRows: GPUBuffer;
  readonly #dispatches: Dispatch[] = [];
  #isDisposed = false;

  private constructor(request: PredictorRequest, capacity: number) {
    const { device, network, replicas } = request;
    this.#request = request;
    this.#capacity = capacity;
    this.#groupReplicas = groupReplicasOf(device, network, replicas);
    this.#owner = new BufferOwner(device);
    this.#steps = this.#owner.uniform("prediction", stepBytes);
    this.#inputs = this.#owner.storage("prediction inputs", capacity * network.inputs);
    this.#batchRows = this.#owner.storage("prediction rows", capacity);
    this.#outputs = network.layers.map(({ fanOut, index }) =>
      this.#owner.storage(`prediction outputs ${index}`, replicas * capacity * fanOut),
    );
  }

  static async create(request: PredictorRequest): Promise<LayeredPredictor> {
    const { device, network, replicas } = request;
    const capacity = chunkRowsOf(device, { network, replicas, batchSize: maxRows, rowCount: maxRows });
    const predictor = await device.checked(
      "prediction: buffers",
      () => new LayeredPredictor(request, capacity),
      (created) => created.dispose(),
    );
    try {
      for (const layer of network.layers) predictor.#dispatches.push(await predictor.#createDispatch(layer));
      return predictor;
    } catch (error) {
      predictor.dispose();
      throw error;
    }
  }

  async #createDispatch(layer: LayerShape): Promise<Dispatch> {
    const { device, network, replicas, parameters } = this.#request;
    const { index, fanOut, activation } = layer;
    const capacity = this.#capacity;
    const words = layerBlock({ network, layer, replicas, capacity, sharesInputs: index === 0, slots: 1 });
    const uniform = this.#owner.uniform(`prediction layer ${index}`, words.byteLength);
    write(device.gpu, uniform, words);
    const plan = planLayered(device, { network, replicas, batchSize: capacity, rowCount: capacity });
    const name = plan.layers[index]!.forward;
    const kernel = await createKernel(device, kernels[name], {
      ACTIVATION: activationNumber(activation),
      DRAWS: 0,
      SHUFFLES: 0,
      SAVES_PRE_ACTIVATION: 0,
    });
    const inputs = index === 0 ? this.#inputs : this.#outputs[index - 1]!;
    return createDispatch(device, kernel, {
      label: `layer ${index}`,
      bound: [stepWindow(this.#steps), uniform, inputs, parameters, this.#outputs[index]!, this.#batchRows],
      invocations: forwardInvocations(name, fanOut),
      replicas: this.#groupReplicas,
    });
  }

  /**
   * Outputs of the last layer.
   * @param inputs [rows, network.inputs]
   * @returns [replicas, rows, outputs]
   */
  async predict(inputs: FloatArray): Promise<Float32Array> {
    const { network, replicas } = this.#request;
    const values = toFloat32(inputs);
    const rowCount = values.length / network.inputs;
    const all = new Float32Array(replicas * rowCount * network.outputs);
    for (let firstRow = 0; firstRow < rowCount; firstRow += this.#capacity) {
      const rows = Math.min(this.#capacity, rowCount - firstRow);
      const chunk = await this.#chunk(values.subarray(firstRow * network.inputs, (firstRow + rows) * network.inputs));
      for (let replica = 0; replica < replicas; replica++) {
        const own = chunk.subarray(replica * rows * network.outputs, (replica + 1) * rows * network.outputs);
        all.set(own, (replica * rowCount + firstRow) * network.outputs);
      }
    }
    return all;
  }

  /** Outputs [replicas, rows, outputs] of a chunk of rows. */
  async #chunk(inputs: Float32Array): Promise<Float32Array> {
    requireAlive("predict", this.#isDisposed);
    const { device, network, replicas } = this.#request;
    const rows = inputs.length / network.inputs;
    write(device.gpu, this.#inputs, inputs);
    for (let replica = 0; replica < replicas; replica += this.#groupReplicas) this.#submit(rows, replica);
    const buffer = this.#outputs[this.#outputs.length - 1]!;
    const stretches = Array.from({ length: replicas }, (_, replica) => {
      return { buffer, first: replica * this.#capacity * network.outputs, length: rows * network.outputs };
    });
    return new Float32Array(await readStretches(device, "prediction", stretches));
  }

  #submit(rows: number, firstReplica: number): void {
    const { gpu } = this.#request.device;
    // A forward that draws no rows takes only these two of a step's numbers.
    const words = new Uint32Array(stepBytes / 4);
    words[stepWord.chunkRows] = rows;
    words[stepWord.firstReplica] = firstReplica;
    write(gpu, this.#steps, words);
    const encoder = gpu.createCommandEncoder({ label: "prediction" });
    const pass = encoder.beginComputePass({ label: "prediction" });
    for (const dispatch of this.#dispatches) encode(pass, dispatch, rows, 0);
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#owner.dispose();
  }
}
