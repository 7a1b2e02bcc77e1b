import { deriveStep } from "../../graph/derive.ts";
import { type AnyNetwork, denseShapesOf, graphOf } from "../../graph/graphNetwork.ts";
import type { FloatArray } from "../executor.ts";
import type { WasmDevice } from "./device.ts";
import { writeProducts } from "./layerProducts.ts";
import { Memory } from "./memory.ts";
import { packedMatrices, packJobs } from "./packedWeights.ts";
import { argumentWords, placeOf, turnPlace, turnWords } from "./passArguments.ts";
import { type KernelOf, type Phase, Program } from "./program.ts";
import { forwardModule, type NetworkModule } from "./stepModule.ts";

/** Rows that are predicted at once, and rows of an item. */
const chunkRows = 4096;
const sliceRows = 128;
/** f32 values of nodes that are in memory at once. */
const mostFloats = 2 ** 24;

interface ForwardRequest {
  readonly device: WasmDevice;
  readonly network: AnyNetwork;
  /** Addresses of the parameters of each member. */
  readonly parameters: readonly number[];
  /** Throws where the parameters are no longer the model's. */
  readonly requireAlive: () => void;
}

/** With the module that is written for the network, compiled. */
interface CompiledForward extends ForwardRequest {
  readonly module: NetworkModule;
  readonly kernelOf: KernelOf;
}

/** Told the outputs of some rows of one member, [rows, outputs], valid until it returns. */
export type VisitOutputs = (outputs: ArrayLike<number>, place: { member: number; firstRow: number }) => void;

/** Memory for the forward pass of up to `capacity` rows. */
class ForwardMemory {
  readonly capacity: number;
  readonly program: Program;
  readonly #args: number;
  readonly #request: CompiledForward;
  readonly #memory: Memory;
  readonly #data: number;
  readonly #turns: number;
  readonly #outputs: number;

  constructor(request: CompiledForward, rowCount: number) {
    const { device, network, module, kernelOf } = request;
    const { slotWidths, slotOf } = module;
    const step = deriveStep(graphOf(network));
    const sliceFloats = sliceRows * slotWidths.reduce((sum, width) => sum + width, 0);
    const most = sliceRows * Math.max(1, Math.floor(mostFloats / sliceFloats));
    const memory = new Memory(device.heap);
    this.#request = request;
    this.#memory = memory;
    this.capacity = Math.min(rowCount, chunkRows, most);
    const { capacity } = this;
    try {
      const slices = Math.ceil(capacity / sliceRows);
      this.#data = memory.reserve(capacity * network.inputs);
      this.#turns = memory.allocate(turnWords);
      const slots = slotWidths.map((width) => memory.reserve(capacity * width + 4));
      this.#outputs = slots[slotOf(step.forwardCount - 1)]!;
      const { matrices, floats } = slices > 1 ? packedMatrices(step) : { matrices: [], floats: 0 };
      const packs = packJobs(matrices);
      const products = writeProducts(memory, denseShapesOf(step), Math.min(sliceRows, capacity), matrices);
      const sizes = { members: 1, itemMembers: 1, slices, sliceRows, capacity, products, packItems: packs.length };
      const packed = packs.length > 0 ? { packed: memory.reserve(floats), packs: memory.words(packs.flat()) } : {};
      const places = { turns: this.#turns, inputs: this.#data, ...packed };
      this.#args = memory.words([...argumentWords({ ...sizes, ...places }), ...slots]);
      const phaseOf = (kernel: string, items: number): Phase => ({
        items,
        calls: [{ kernel: kernelOf(kernel), args: this.#args }],
      });
      this.program = new Program(device.heap, [phaseOf("pack", packs.length), phaseOf("forward", slices)]);
    } catch (error) {
      memory.free();
      throw error;
    }
  }

  /** Takes the parameters at an address from the next run on. */
  use(parameters: number): void {
    this.#request.device.heap.words(this.#args + 4 * placeOf("parameters"), 1)[0] = parameters;
  }

  /** @param inputs [rows, network inputs], at most `capacity` rows */
  write(inputs: FloatArray): void {
    const { heap } = this.#request.device;
    heap.floats(this.#data, inputs.length).set(inputs);
    heap.words(this.#turns, turnWords)[turnPlace.rows] = inputs.length / this.#request.network.inputs;
  }

  outputs(rows: number): Float32Array<ArrayBufferLike> {
    return this.#request.device.heap.floats(this.#outputs, rows * this.#request.network.outputs);
  }

  free(): void {
    this.program.dispose();
    this.#memory.free();
  }
}

/** Computes the outputs of rows for every member, chunk by chunk. @param inputs [rows, network inputs] */
export async function forwardPass(request: ForwardRequest, inputs: FloatArray, visit: VisitOutputs): Promise<void> {
  const { network, device, requireAlive } = request;
  const module = forwardModule(network, device.heap.isShared);
  const { kernelOf, release } = await device.kernels.take([module], () => module);
  try {
    requireAlive();
    await eachChunk({ ...request, module, kernelOf }, inputs, visit);
  } finally {
    release();
  }
}

async function eachChunk(request: CompiledForward, inputs: FloatArray, visit: VisitOutputs): Promise<void> {
  const { network, device } = request;
  const { pool } = device;
  const rowCount = inputs.length / network.inputs;
  if (rowCount === 0) return;
  const memory = new ForwardMemory(request, rowCount);
  try {
    const { capacity, program } = memory;
    for (let firstRow = 0; firstRow < rowCount; firstRow += capacity) {
      const rows = Math.min(capacity, rowCount - firstRow);
      memory.write(inputs.subarray(firstRow * network.inputs, (firstRow + rows) * network.inputs));
      for (const [member, parameters] of request.parameters.entries()) {
        memory.use(parameters);
        await pool.pauseIfDue();
        if (rows <= sliceRows) await pool.inTurn(() => pool.runAlone(program));
        else await pool.run(program);
        request.requireAlive();
        visit(memory.outputs(rows), { member, firstRow });
      }
    }
  } finally {
    memory.free();
  }
}
