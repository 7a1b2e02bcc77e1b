import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { scheduleOf } from "../../../graph/schedule.ts";
import type { Task } from "../../../graph/tasks.ts";
import { type Dataset, type FloatArray, requireAlive, type Scores } from "../../executor.ts";
import { BufferOwner, readStretches, toFloat32, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { type Bound, type Dispatch, encode, submitPass } from "../kernel.ts";
import { stepBytes } from "../layouts.ts";
import { build } from "./dispatches.ts";
import { chunkRowsOf, groupMembersOf, planLayered, type PlanLimits } from "./layeredPlan.ts";
import { NodeMemory } from "./nodeMemory.ts";
import { type OutputSource, type RowChunk, Scorer } from "./scorer.ts";
import { type ForwardRequest, forwardOf, layerUniforms, rowsOf } from "./taskDispatches.ts";
import { stepWord } from "./uniforms.ts";

/** Rows that are predicted at once at most. */
const maxRows = 16_384;

export interface PredictorRequest {
  readonly device: GpuDevice;
  readonly network: AnyNetwork;
  readonly members: number;
  /** [members, parameterCount]. */
  readonly parameters: GPUBuffer;
}

/** The limits of memory alone. */
const untimed = ({ kind, hasQuads, isPlain, maxBufferBytes }: PlanLimits): PlanLimits => ({
  kind,
  hasQuads,
  isPlain,
  maxBufferBytes,
  dispatchFlops: Number.POSITIVE_INFINITY,
});

/**
 * Rows of a chunk: as many as memory holds of all members, and as one dispatch may take of a single one. Dispatches of many
 * members are cut between these rather than between rows: a workgroup takes the rows of one member, and few leave it idle.
 */
function capacityOf({ device, network, members }: PredictorRequest): number {
  const rows = { network, batchSize: maxRows, rowCount: maxRows };
  return Math.min(chunkRowsOf(untimed(device), { ...rows, members }), chunkRowsOf(device, { ...rows, members: 1 }));
}

/** Forward without targets, chunk by chunk; keeps its buffers and pipelines from call to call. */
export class LayeredPredictor implements OutputSource {
  readonly capacity: number;
  readonly steps: GPUBuffer;
  readonly #request: PredictorRequest;
  readonly #owner: BufferOwner;
  readonly #inputs: GPUBuffer;
  readonly #batchRows: GPUBuffer;
  readonly #memory: NodeMemory;
  readonly #dispatches: Dispatch[] = [];
  readonly #scorer: Scorer;
  #isDisposed = false;

  private constructor(request: PredictorRequest, capacity: number, owner: BufferOwner) {
    const { device, network, members } = request;
    this.#request = request;
    this.capacity = capacity;
    this.#owner = owner;
    this.steps = this.#owner.uniform("prediction", stepBytes);
    this.#inputs = this.#owner.storage("prediction inputs", capacity * network.inputs);
    this.#batchRows = this.#owner.storage("prediction rows", capacity);
    this.#memory = new NodeMemory({
      ...request,
      owner: this.#owner,
      capacity,
      widths: scheduleOf(network).forwardWidths,
      splits: 1,
      ownRows: false,
      inputs: this.#inputs,
    });
    this.#scorer = new Scorer({ device, network, members, source: this });
  }

  static async create(request: PredictorRequest): Promise<LayeredPredictor> {
    const owner = new BufferOwner(request.device);
    try {
      const predictor = await request.device.checked(
        "prediction: buffers",
        () => new LayeredPredictor(request, capacityOf(request), owner),
        () => owner.dispose(),
      );
      predictor.#dispatches.push(...(await predictor.#createDispatches()));
      return predictor;
    } catch (error) {
      owner.dispose();
      throw error;
    }
  }

  #createDispatches(): Promise<Dispatch[]> {
    const { device, network, members } = this.#request;
    const [memory, capacity] = [this.#memory, this.capacity];
    const request: ForwardRequest = {
      ...this.#request,
      plan: planLayered(untimed(device), { network, members, batchSize: capacity, rowCount: capacity }),
      buffers: { steps: this.steps, inputs: this.#inputs, batchRows: this.#batchRows, memory },
      layers: layerUniforms(memory),
      rows: { ROWS: 0, SHUFFLES: 0 },
    };
    const dispatches = memory.schedule.forward.map(async (task) => {
      const own =
        task.kind === "rows" ? await rowsOf(request, task) : forwardOf(request, task as Task & { kind: "dense" });
      return build(device, own);
    });
    return Promise.all(dispatches);
  }

  groupMembers(rows: number): number {
    const { device, network, members } = this.#request;
    return groupMembersOf(device, network, members, rows);
  }

  get outputs(): Bound {
    return this.#memory.boundOf(this.#memory.schedule.output);
  }

  /**
   * Outputs of the network.
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
      const stretch = { ...this.#memory.placeOf(this.#memory.schedule.output), length: members * length };
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
    this.#memory.layOut(rows);
    write(device, this.#inputs, inputs);
    const group = this.groupMembers(rows);
    const forwards = this.#dispatches.map((dispatch) => ({ ...dispatch, members: group }));
    const dispatches = then ? [...forwards, then] : forwards;
    // Kernels that draw no rows take only these of a step's numbers.
    const words = new Uint32Array(stepBytes / 4);
    words[stepWord.chunkRows] = rows;
    words[stepWord.firstPosition] = firstRow;
    for (let member = 0; member < members; member += group) {
      words[stepWord.firstMember] = member;
      write(device, this.steps, words);
      submitPass(device, "prediction", (pass) => {
        for (const dispatch of dispatches) encode(pass, dispatch, rows, 0);
      });
    }
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
