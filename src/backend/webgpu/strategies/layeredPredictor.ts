import { type Dataset, type FloatArray, requireAlive, type Scores } from "../../executor.ts";
import { BufferOwner, readStretches, write, toFloat32 } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { type Bound, createDispatch, createKernel, type Dispatch, encode } from "../kernel.ts";
import { layerKernel } from "../kernels.ts";
import type { Task } from "../../../graph/schedule.ts";
import type { LayerShape, Network } from "../../../graph/network.ts";
import type { GraphMemory } from "./graphMemory.ts";
import type { GraphPart } from "./graphPart.ts";
import { stepWindow } from "./costConstants.ts";
import { chunkRowsOf, groupMembersOf, planLayered, type PlanLimits } from "./layeredPlan.ts";
import { type OutputSource, type RowChunk, Scorer } from "./scorer.ts";
import { kernelName, valueInvocations, variantConstants, weightsAlignment } from "../matmulVariants.ts";
import { layerBlock, stepWord } from "./uniforms.ts";
import { stepBytes } from "../layouts.ts";

/** Rows that are predicted at once at most. */
const maxRows = 16_384;

export interface PredictorRequest {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly members: number;
  /** [members, parameterCount]. */
  readonly parameters: GPUBuffer;
  /** The graph that the layers of the network belong to; absent for a list of layers. */
  readonly graph?: GraphPart | undefined;
}

/** The limits of memory alone. */
const untimed = ({ kind, hasQuads, maxBufferBytes }: PlanLimits): PlanLimits => ({
  kind,
  hasQuads,
  maxBufferBytes,
  dispatchFlops: Number.POSITIVE_INFINITY,
});

/**
 * Rows of a chunk: as many as memory holds of all members, and as one dispatch may take of a single one. Dispatches of many
 * members are cut between these rather than between rows: a workgroup takes the rows of one member, and few leave it idle.
 */
function capacityOf({ device, network, members, graph }: PredictorRequest): number {
  const most = graph ? Math.min(maxRows, graph.rowsThatFit({ device, members })) : maxRows;
  const rows = { network, batchSize: most, rowCount: most };
  return Math.min(chunkRowsOf(untimed(device), { ...rows, members }), chunkRowsOf(device, { ...rows, members: 1 }));
}

/** Forward without targets, chunk by chunk; keeps its buffers and pipelines from call to call. */
export class LayeredPredictor implements OutputSource {
  readonly capacity: number;
  readonly steps: GPUBuffer;
  readonly #request: PredictorRequest;
  readonly #owner: BufferOwner;
  readonly #inputs: GPUBuffer;
  /** Per layer [members, rows, fanOut]. */
  readonly #outputs: readonly GPUBuffer[];
  /** Per layer, `Layer`, and the rows that all of them were written for. */
  readonly #layers: readonly GPUBuffer[];
  #rows = 0;
  readonly #batchRows: GPUBuffer;
  readonly #dispatches: Dispatch[] = [];
  readonly #memory: GraphMemory | undefined;
  readonly #scorer: Scorer;
  #isDisposed = false;

  private constructor(request: PredictorRequest, capacity: number) {
    const { device, network, members, graph } = request;
    this.#request = request;
    this.capacity = capacity;
    const owner = new BufferOwner(device);
    this.#owner = owner;
    this.#memory = graph?.createMemory({ device, owner, members, capacity, tasks: [] });
    this.steps = this.#owner.uniform("prediction", stepBytes);
    this.#inputs = this.#owner.storage("prediction inputs", capacity * network.inputs);
    this.#batchRows = this.#owner.storage("prediction rows", capacity);
    this.#outputs = network.layers.map(({ fanOut, index }) =>
      this.#owner.storage(`prediction outputs ${index}`, members * capacity * fanOut),
    );
    this.#layers = network.layers.map((layer) =>
      this.#owner.uniform(`prediction layer ${layer.index}`, this.#layerWords(layer, capacity).byteLength),
    );
    this.#scorer = new Scorer({ device, network, members, source: this });
  }

  static async create(request: PredictorRequest): Promise<LayeredPredictor> {
    const { device, network } = request;
    const capacity = capacityOf(request);
    const predictor = await device.checked(
      "prediction: buffers",
      () => new LayeredPredictor(request, capacity),
      (created) => created.dispose(),
    );
    try {
      predictor.#dispatches.push(...(await predictor.#createDispatches(network.layers)));
      return predictor;
    } catch (error) {
      predictor.dispose();
      throw error;
    }
  }

  /** One dispatch per layer of a list, one per task of a graph. */
  #createDispatches(layers: readonly LayerShape[]): Promise<Dispatch[]> {
    const memory = this.#memory;
    if (!memory) {
      const inputOf = (index: number): Bound => (index === 0 ? this.#inputs : this.#outputs[index - 1]!);
      return Promise.all(layers.map((layer) => this.#createDispatch(layer, inputOf(layer.index))));
    }
    const { members, parameters } = this.#request;
    const outer = {
      steps: this.steps,
      inputs: this.#inputs,
      batchRows: this.#batchRows,
      outputs: this.#outputs,
      parameters,
    };
    const tasks = memory.schedule.forward.map((task) => {
      if (task.kind === "rows") return memory.rowsDispatch(task, outer, { ROWS: 0, SHUFFLES: 0 }, members);
      const { layer, input } = task as Task & { kind: "dense" }; // forward has no others
      return this.#createDispatch(layer, memory.boundOf(input, outer));
    });
    return Promise.all(tasks);
  }

  async #createDispatch(layer: LayerShape, inputs: Bound): Promise<Dispatch> {
    const { device, network, members, parameters } = this.#request;
    const { index, fanOut, activation } = layer;
    const capacity = this.capacity;
    const plan = planLayered(untimed(device), { network, members, batchSize: capacity, rowCount: capacity });
    const variant = plan.layers[index]!.forward;
    const kernel = await createKernel(device, layerKernel(kernelName("forward", variant), { activation }), {
      ROWS: 0,
      SHUFFLES: 0,
      SAVES_PRE_ACTIVATION: 0,
      ...variantConstants(variant, device.kind, weightsAlignment("rows", layer, network, members)),
    });
    return createDispatch(device, kernel, {
      label: `layer ${index}`,
      bound: [
        stepWindow(this.steps),
        this.#layers[index]!,
        inputs,
        parameters,
        this.#outputs[index]!,
        this.#batchRows,
        parameters,
      ],
      invocations: (rows) => valueInvocations(variant, rows, fanOut),
      members,
    });
  }

  #layerWords(layer: LayerShape, rows: number): ArrayBuffer {
    const { network, members } = this.#request;
    return layerBlock({ network, layer, members, capacity: rows, sharesInputs: this.#readsData(layer), splits: 1 });
  }

  #readsData({ index }: LayerShape): boolean {
    const forward = this.#memory?.schedule.forward;
    if (!forward) return index === 0;
    return forward.some((task) => task.kind === "dense" && task.layer.index === index && task.input === 0);
  }

  /** Lets outputs of so many rows lie without gaps: a hundred thousand members are then read in one piece. */
  #layOut(rows: number): void {
    if (rows === this.#rows) return;
    this.#rows = rows;
    const { device, network } = this.#request;
    this.#memory?.layOut(rows, false);
    for (const layer of network.layers) write(device.gpu, this.#layers[layer.index]!, this.#layerWords(layer, rows));
  }

  groupMembers(rows: number): number {
    const { device, network, members } = this.#request;
    return groupMembersOf(device, network, members, rows);
  }

  get outputs(): GPUBuffer {
    return this.#outputs[this.#outputs.length - 1]!;
  }

  /**
   * Outputs of the last layer.
   * @param inputs [rows, network.inputs]
   * @returns [members, rows, outputs]
   */
  async predict(inputs: FloatArray): Promise<Float32Array> {
    const { device, network, members } = this.#request;
    const rowCount = inputs.length / network.inputs;
    const all = new Float32Array(members * rowCount * network.outputs);
    for (let firstRow = 0; firstRow < rowCount; firstRow += this.capacity) {
      requireAlive("predict", this.#isDisposed);
      const endRow = Math.min(rowCount, firstRow + this.capacity);
      const length = (endRow - firstRow) * network.outputs;
      this.compute({
        inputs: toFloat32(inputs.subarray(firstRow * network.inputs, endRow * network.inputs)),
        firstRow,
      });
      const stretch = { buffer: this.outputs, first: 0, length: members * length };
      const chunk = new Float32Array(await readStretches(device, "prediction", [stretch]));
      for (let member = 0; member < members; member++) {
        const own = chunk.subarray(member * length, (member + 1) * length);
        all.set(own, (member * rowCount + firstRow) * network.outputs);
      }
    }
    return all;
  }

  /** Loss and accuracy of each member over rows of data. */
  score(data: Dataset): Promise<Scores> {
    return this.#scorer.score(data);
  }

  compute({ inputs, firstRow }: RowChunk, then?: Dispatch): void {
    const { device, network, members } = this.#request;
    const rows = inputs.length / network.inputs;
    this.#layOut(rows);
    write(device.gpu, this.#inputs, inputs);
    const group = this.groupMembers(rows);
    const forwards = this.#dispatches.map((dispatch) => ({ ...dispatch, members: group }));
    const dispatches = then ? [...forwards, then] : forwards;
    // Kernels that draw no rows take only these of a step's numbers.
    const words = new Uint32Array(stepBytes / 4);
    words[stepWord.chunkRows] = rows;
    words[stepWord.firstPosition] = firstRow;
    for (let member = 0; member < members; member += group) {
      words[stepWord.firstMember] = member;
      write(device.gpu, this.steps, words);
      this.#submit(dispatches, rows);
    }
  }

  #submit(dispatches: readonly Dispatch[], rows: number): void {
    const { gpu } = this.#request.device;
    const encoder = gpu.createCommandEncoder({ label: "prediction" });
    const pass = encoder.beginComputePass({ label: "prediction" });
    for (const dispatch of dispatches) encode(pass, dispatch, rows, 0);
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#scorer.dispose();
    this.#owner.dispose();
  }
}
