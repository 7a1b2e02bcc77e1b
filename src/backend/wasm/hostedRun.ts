import { batchAt, hasOwnRows, isShuffled, optimizerOf, rowsOf, widestOptimizer } from "../batches.ts";
import { lossScale } from "../sampleLoss.ts";
import type { RunSettings } from "../executor.ts";
import { compileFloat64, type Float64Program } from "../../math/float64.ts";
import { memberHyperParameters } from "../../math/optimizers.ts";
import type { Network } from "../../graph/network.ts";
import { hyperParameterOf, numbersOf, type Optimizer } from "../../math/optimizer.ts";
import { updateOf } from "../../math/optimizerFunction.ts";
import { type Program, type ProgramRequest, sumBytes } from "./fusedProgram.ts";
import { type Heap, memoryImport } from "./heap.ts";
import type { ThreadPool } from "./pool.ts";
import type { KernelHandle } from "./program.ts";
import { runWordCount, runWords, stepValueWord, stepWords } from "./runLayout.ts";
import { hasRelaxedSimd } from "./support.ts";
import { remembered } from "./remembered.ts";

/** What is to be trained. */
export interface HostedRunRequest {
  /** Whose memory and threads are used. */
  readonly heap: Heap;
  readonly pool?: ThreadPool;
  readonly network: Network;
  readonly members: number;
  readonly settings: RunSettings;
  /** Whether a product and a sum may be one relaxed instruction; default: where the engine has it. */
  readonly useRelaxed?: boolean;
}

/** Losses and steps that memory holds at once. */
const ringSteps = 256;
const callSteps = 64;
const mostBatchBytes = 2 ** 22;

/** Places in a stretch of memory, one after the other, each at a whole vector. */
class Arena {
  readonly #base: number;
  #end: number;

  constructor(base: number) {
    this.#base = base;
    this.#end = base;
  }

  allocate(bytes: number): number {
    const at = this.#end;
    this.#end += 16 * Math.ceil(bytes / 16);
    return at;
  }

  get bytes(): number {
    return this.#end - this.#base;
  }
}

/** Sizes of what a run keeps in memory, in bytes. */
export interface RunSizes {
  readonly state: number;
  readonly rates: number;
  readonly status: number;
  readonly loss: number;
  /** Slices of the largest batch whose sums are kept apart. */
  readonly slices: number;
  /** Of one batch as the program reads it. */
  readonly batch: (batchSize: number) => number;
}

type Exports = Readonly<Record<string, (...operands: number[]) => void>>;

type CreateProgram = (request: ProgramRequest) => Program;

interface Compiled {
  readonly program: Program;
  readonly module: WebAssembly.Module;
  readonly kernels: Readonly<Record<string, KernelHandle>>;
}

async function compile(request: HostedRunRequest, create: CreateProgram): Promise<Compiled> {
  const { network, heap, pool, settings, useRelaxed = hasRelaxedSimd() } = request;
  const optimizer = widestOptimizer(settings);
  const program = create({
    network,
    update: updateOf(optimizer),
    numbers: numbersOf(optimizer),
    useRelaxed,
    hasOwnRows: hasOwnRows(settings, rowsIn(request)),
    memory: memoryImport(heap.isShared),
  });
  const module = await WebAssembly.compile(program.bytes);
  const names = program.kernels;
  const handles = pool ? await pool.addKernels([{ module, names }]) : [];
  return { program, module, kernels: Object.fromEntries(handles.map((handle, at) => [names[at]!, handle])) };
}

type Programs = Map<string, Promise<Compiled>>;

/** Programs of a heap and its threads, by network, by what an optimizer computes, and by who writes them: compiled once. */
const known = new WeakMap<Heap, WeakMap<Network, WeakMap<object, WeakMap<CreateProgram, Programs>>>>();

function compiledOf(request: HostedRunRequest, create: CreateProgram): Promise<Compiled> {
  const { heap, network, settings, useRelaxed = hasRelaxedSimd() } = request;
  const ofHeap = remembered(known, heap, () => new WeakMap());
  const ofNetwork = remembered(ofHeap, network, () => new WeakMap());
  const ofUpdate = remembered(ofNetwork, updateOf(widestOptimizer(settings)), () => new WeakMap());
  const programs = remembered(ofUpdate, create, () => new Map());
  const key = [hasOwnRows(settings, rowsIn(request)), useRelaxed, request.pool !== undefined].join();
  const compiled = programs.get(key) ?? compile(request, create);
  programs.set(key, compiled);
  return compiled;
}

/** A program in its memory, with everything that it reads: the host's side of a training. */
export class HostedRun {
  readonly ringSteps = ringSteps;
  readonly network: Network;
  readonly rowCount: number;
  readonly exports: Exports;
  /** Kernels of the pool, by name; empty without one. */
  readonly kernels: Readonly<Record<string, KernelHandle>>;
  /** Address of the description of the run, and of each part. */
  readonly run: number;
  readonly at: Readonly<Record<keyof typeof runWords, number>>;
  readonly batches: number;
  /** Whether all steps take all rows in their order: one batch for all of them, which is written once. */
  readonly takesAllRows: boolean;
  readonly #heap: Heap;
  readonly #base: number;
  #settings: RunSettings;
  readonly #program: Program;
  readonly #sizes: RunSizes;
  readonly #ofStep: Float64Program;
  readonly #hyper: Float64Program;
  readonly #numbers: readonly string[];

  private constructor(parts: {
    request: HostedRunRequest;
    program: Program;
    sizes: RunSizes;
    numbers: readonly string[];
    places: Places;
    base: number;
    instance: WebAssembly.Instance;
    kernels: Readonly<Record<string, KernelHandle>>;
  }) {
    const { request, program, sizes, numbers, places } = parts;
    this.network = request.network;
    this.#settings = request.settings;
    this.#heap = request.heap;
    this.#base = parts.base;
    this.kernels = parts.kernels;
    this.rowCount = rowsIn(request);
    this.exports = parts.instance.exports as Exports;
    [this.run, this.at, this.batches] = [places.run, places.at, places.batches];
    const { rowCount } = this;
    const { settings } = request;
    this.takesAllRows =
      settings.batchSize >= rowCount && !isShuffled(settings, rowCount) && settings.bootstrap !== true;
    [this.#program, this.#sizes, this.#numbers] = [program, sizes, numbers];
    this.#ofStep = compileFloat64(program.plan.ofStep, [...numbers, "step"]);
    this.#hyper = compileFloat64(program.plan.ofRun, numbers);
    this.#writeRun();
  }

  get settings(): RunSettings {
    return this.#settings;
  }

  /** The learning rate of all members from the next step described. Their rates are written by whoever lays them out. */
  setLearningRate(learningRate: number): void {
    this.#settings = { ...this.#settings, optimizer: { ...this.#settings.optimizer, learningRate } };
    this.#writeNumbers();
  }

  /** Gives its memory back. */
  free(): void {
    this.#heap.release(this.#base);
  }

  /** @param create writes the program @param sizes of what it reads */
  static async create(
    request: HostedRunRequest,
    create: (request: ProgramRequest) => Program,
    sizes: RunSizes,
  ): Promise<HostedRun> {
    const { heap } = request;
    const numbers = numbersOf(widestOptimizer(request.settings));
    const { program, module, kernels } = await compiledOf(request, create);
    const instance = new WebAssembly.Instance(module, { host: { memory: heap.memory } });
    const { bytes } = placesOf(request, program, sizes, 0);
    const base = heap.allocate(bytes);
    heap.words(base, bytes / 4).fill(0);
    const places = placesOf(request, program, sizes, base);
    return new HostedRun({ request, program, sizes, numbers, places, base, instance, kernels });
  }

  /** Parameters and what the optimizer keeps: so many values for each parameter. */
  get storeCount(): number {
    return this.#program.plan.outputs.length;
  }

  floats(address: number, length: number): Float32Array {
    return this.#heap.floats(address, length) as Float32Array<ArrayBuffer>;
  }

  words(address: number, length: number): Int32Array {
    return this.#heap.words(address, length) as Int32Array<ArrayBuffer>;
  }

  #writeRun(): void {
    const words = this.words(this.run, runWordCount);
    for (const [name, word] of Object.entries(runWords)) words[word] = this.at[name as keyof typeof runWords];
    const { inputs, targets } = this.settings.data;
    const { inputs: wide, outputs } = this.network;
    const rows = this.floats(this.at.rows, this.rowCount * (wide + outputs));
    for (let row = 0; row < this.rowCount; row++) {
      rows.set(inputs.subarray(row * wide, (row + 1) * wide), row * (wide + outputs));
      rows.set(targets.subarray(row * outputs, (row + 1) * outputs), row * (wide + outputs) + wide);
    }
    this.#writeNumbers();
  }

  #writeNumbers(): void {
    this.#fill(this.#hyper, widestOptimizer(this.#settings));
    this.#hyper.run();
    this.floats(this.at.hyper, this.#hyper.outputs.length).set(this.#hyper.outputs);
    this.#fill(this.#ofStep, this.#settings.optimizer);
  }

  #fill({ inputs }: Float64Program, optimizer: Optimizer): void {
    for (const [at, name] of this.#numbers.entries()) inputs[at] = hyperParameterOf(optimizer, name) as number;
  }

  /** Learning rate, momentum and weight decay of a member. */
  ratesOf(member: number): number[] {
    const { settings } = this;
    const own = settings.perMember ? optimizerOf(settings, member) : settings.optimizer;
    return memberHyperParameters.map((name) => own[name]);
  }

  /** Steps that one call may take. */
  get callSteps(): number {
    return this.takesAllRows ? callSteps : stepsAtOnce(this.#batchBytes);
  }

  /**
   * Describes steps to the program.
   * @param writeBatch puts the rows of a step's batch at an address
   */
  writeSteps(firstStep: number, count: number, writeBatch: (step: number, address: number) => void): void {
    this.words(this.run, runWordCount)[runWords.stepCount] = count;
    const stepFloats = this.#program.stepBytes / 4;
    const [words, floats] = [
      this.words(this.at.steps, count * stepFloats),
      this.floats(this.at.steps, count * stepFloats),
    ];
    for (let place = 0; place < count; place++) {
      const step = firstStep + place;
      if (this.takesAllRows) {
        this.#writeStep({ words, floats, at: place * stepFloats }, step, this.batches, this.rowCount);
        continue;
      }
      const { batchSize } = batchAt(this.settings, this.rowCount, step);
      const address = this.batches + place * this.#batchBytes;
      writeBatch(step, address);
      this.#writeStep({ words, floats, at: place * stepFloats }, step, address, batchSize);
    }
  }

  #writeStep({ words, floats, at }: StepPlace, step: number, batch: number, batchSize: number): void {
    words[at + stepWords.batch] = batch;
    words[at + stepWords.batchSize] = batchSize;
    words[at + stepWords.lossOffset] = (step % ringSteps) * this.#sizes.loss;
    words[at + stepWords.index] = step;
    floats[at + stepWords.lossScale] = lossScale(this.network.loss, batchSize, this.network.outputs);
    const { inputs, outputs } = this.#ofStep;
    if (outputs.length === 0) return;
    inputs[this.#numbers.length] = step + 1;
    this.#ofStep.run();
    floats.set(outputs, at + stepValueWord);
  }

  /** Rows that a member takes in a step. */
  rowsOf(step: number, member = 0): Uint32Array {
    return rowsOf(batchAt(this.settings, this.rowCount, step, member));
  }

  /** Bytes of the largest batch. */
  get #batchBytes(): number {
    return batchBytesOf(this.settings.batchSize, this.rowCount, this.#sizes);
  }

  /** Losses of a step, in the order in which memory has them. */
  lossesOf(step: number): Float32Array {
    return this.floats(this.at.losses + (step % ringSteps) * this.#sizes.loss, this.#sizes.loss / 4);
  }
}

interface StepPlace {
  readonly words: Int32Array;
  readonly floats: Float32Array;
  /** Its first word. */
  readonly at: number;
}

const rowsIn = ({ network, settings }: HostedRunRequest): number => settings.data.targets.length / network.outputs;

const batchBytesOf = (batchSize: number, rowCount: number, sizes: RunSizes): number =>
  sizes.batch(Math.min(batchSize, rowCount));

const stepsAtOnce = (batchBytes: number): number =>
  Math.max(1, Math.min(callSteps, Math.floor(mostBatchBytes / batchBytes)));

interface Places {
  readonly run: number;
  readonly at: Readonly<Record<keyof typeof runWords, number>>;
  readonly batches: number;
  readonly bytes: number;
}

/** @param base address of the stretch */
function placesOf(request: HostedRunRequest, { plan, stepBytes }: Program, sizes: RunSizes, base: number): Places {
  const { network, settings } = request;
  const arena = new Arena(base);
  const run = arena.allocate(4 * runWordCount);
  const rowCount = rowsIn(request);
  const batchBytes = batchBytesOf(settings.batchSize, rowCount, sizes);
  const at = {
    steps: arena.allocate(callSteps * stepBytes),
    stepCount: 0,
    hyper: arena.allocate(4 * plan.ofRun.length),
    sums: arena.allocate(sumBytes(network) * sizes.slices),
    before: arena.allocate(sumBytes(network) * plan.outputs.length),
    status: arena.allocate(sizes.status),
    rates: arena.allocate(sizes.rates),
    state: arena.allocate(sizes.state * plan.outputs.length),
    losses: arena.allocate(ringSteps * sizes.loss),
    rows: arena.allocate(4 * rowCount * (network.inputs + network.outputs)),
  };
  const batches = arena.allocate(batchBytes * stepsAtOnce(batchBytes));
  return { run, at, batches, bytes: arena.bytes };
}
