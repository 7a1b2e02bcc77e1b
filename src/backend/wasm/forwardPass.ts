import { deriveStep } from "../../graph/derive.ts";
import { type AnyNetwork, denseShapesOf, graphOf } from "../../graph/graphNetwork.ts";
import type { FloatArray } from "../executor.ts";
import { sharesLayered } from "./costModel.ts";
import type { WasmDevice } from "./device.ts";
import { writeProducts } from "./layerProducts.ts";
import { Memory } from "./memory.ts";
import { packedMatrices, packJobs } from "./packedWeights.ts";
import { argumentWords, type PassArgument, placeOf, turnPlace, turnWords } from "./passArguments.ts";
import { type KernelOf, type Phase, Program } from "./program.ts";
import { shareItems } from "./shareItems.ts";
import { forwardModule, type NetworkModule } from "./stepModule.ts";

/** Rows that are predicted at once, and rows of an item. */
const chunkRows = 4096;
const sliceRows = 128;
/** f32 values of nodes that are in memory at once, and as many of several members. */
const mostFloats = 2 ** 24;
const groupFloats = 2 ** 20;

interface ForwardRequest {
  readonly device: WasmDevice;
  readonly network: AnyNetwork;
  /** Address of the parameters of all members, and the number of these. */
  readonly parameters: number;
  readonly members: number;
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

const padded = (floats: number): number => 4 * Math.ceil(floats / 4);
const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** Memory for the forward pass of up to `capacity` rows of up to `groupMembers` members. */
class ForwardMemory {
  readonly capacity: number;
  readonly groupMembers: number;
  readonly program: Program;
  /** Whether a pass takes longer than it takes to wake other threads. */
  readonly isShared: boolean;
  readonly #args: number;
  readonly #request: CompiledForward;
  readonly #memory: Memory;
  readonly #data: number;
  readonly #turns: number;
  /** Outputs of the first member, and the distance of members in bytes. */
  readonly #outputs: number;
  readonly #memberBytes: number;

  constructor(request: CompiledForward, rowCount: number) {
    const { device, network, module, kernelOf } = request;
    const { slotWidths, slotOf } = module;
    const step = deriveStep(graphOf(network));
    const most = sliceRows * Math.max(1, Math.floor(mostFloats / (sliceRows * sumOf(slotWidths))));
    const memory = new Memory(device.heap);
    this.#request = request;
    this.#memory = memory;
    this.capacity = Math.min(rowCount, chunkRows, most);
    const { capacity } = this;
    const slices = Math.ceil(capacity / sliceRows);
    const { matrices, floats } = slices > 1 ? packedMatrices(step) : { matrices: [], floats: 0 };
    const slotFloats = slotWidths.map((width) => padded(capacity * width + 4));
    const memberFloats = sumOf(slotFloats) + padded(floats);
    this.groupMembers = Math.min(request.members, Math.max(1, Math.floor(groupFloats / memberFloats)));
    this.#memberBytes = 4 * memberFloats;
    try {
      this.#data = memory.reserve(capacity * network.inputs);
      this.#turns = memory.allocate(turnWords);
      let end = memory.reserve(memberFloats * this.groupMembers);
      const slots = slotFloats.map((count) => (end += 4 * count) - 4 * count);
      this.#outputs = slots[slotOf(step.forwardCount - 1)]!;
      const packs = packJobs(matrices);
      const products = writeProducts(memory, denseShapesOf(step), Math.min(sliceRows, capacity), matrices);
      const places = { turns: this.#turns, inputs: this.#data, slotsMember: this.#memberBytes };
      const packed = packs.length > 0 ? { packed: end, packs: memory.words(packs.flat()) } : {};
      const sizes = { slices, sliceRows, capacity, products, packItems: packs.length };
      // Both kernels read the members from the same arguments, so that they divide items in the same way.
      const operations = 2 * network.parameterCount * Math.min(sliceRows, capacity);
      const { itemMembers } = shareItems(this.groupMembers, slices, operations);
      this.#args = memory.words([...argumentWords({ ...sizes, ...places, ...packed, itemMembers }), ...slots]);
      const memberItems = Math.ceil(this.groupMembers / itemMembers);
      const phaseOf = (kernel: string, items: number): Phase => ({
        items: items * memberItems,
        calls: [{ kernel: kernelOf(kernel), args: this.#args }],
      });
      this.program = new Program(device.heap, [phaseOf("pack", packs.length), phaseOf("forward", slices)]);
      this.isShared = slices > 1 || sharesLayered(operations * this.groupMembers);
    } catch (error) {
      memory.free();
      throw error;
    }
  }

  #setArgument(name: PassArgument, value: number): void {
    this.#request.device.heap.words(this.#args + 4 * placeOf(name), 1)[0] = value;
  }

  /** Takes so many members, at most `groupMembers`, from the next run on. */
  use(firstMember: number, members: number): void {
    const { parameters, module } = this.#request;
    this.#setArgument("parameters", parameters + 4 * module.parameterStride * firstMember);
    this.#setArgument("members", members);
  }

  /** @param inputs [rows, network inputs], at most `capacity` rows */
  write(inputs: FloatArray): void {
    const { heap } = this.#request.device;
    heap.floats(this.#data, inputs.length).set(inputs);
    heap.words(this.#turns, turnWords)[turnPlace.rows] = inputs.length / this.#request.network.inputs;
  }

  /** Outputs of a member, numbered from the first of those that were computed. */
  outputs(member: number, rows: number): Float32Array<ArrayBufferLike> {
    const { device, network } = this.#request;
    return device.heap.floats(this.#outputs + this.#memberBytes * member, rows * network.outputs);
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
  const { network, device, members } = request;
  const { pool } = device;
  const rowCount = inputs.length / network.inputs;
  if (rowCount === 0) return;
  const memory = new ForwardMemory(request, rowCount);
  try {
    const { capacity, groupMembers, program } = memory;
    for (let firstRow = 0; firstRow < rowCount; firstRow += capacity) {
      const rows = Math.min(capacity, rowCount - firstRow);
      memory.write(inputs.subarray(firstRow * network.inputs, (firstRow + rows) * network.inputs));
      for (let first = 0; first < members; first += groupMembers) {
        const count = Math.min(groupMembers, members - first);
        memory.use(first, count);
        await pool.pauseIfDue();
        if (memory.isShared) await pool.run(program);
        else await pool.inTurn(() => pool.runAlone(program));
        request.requireAlive();
        for (let own = 0; own < count; own++) visit(memory.outputs(own, rows), { member: first + own, firstRow });
      }
    }
  } finally {
    memory.free();
  }
}
