import {
  batchAt,
  hasOwnRows,
  optimizersOf,
  rowCountOf,
  rowsOf,
  seedOf,
  widestOptimizer,
  withLearningRate,
} from "../batches.ts";
import { trainedNetwork } from "../rowWeights.ts";
import { LimitExceeded } from "../../errors.ts";
import {
  concatenate,
  type Dataset,
  type FloatArray,
  type PlanReport,
  type Reference,
  type MemberResults,
  requireAlive,
  type RunSettings,
  type Scores,
  type Trace,
  type TrainingRows,
  type TrainingRun,
  type Checkpoint,
} from "../executor.ts";
import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import { matricesOf } from "../../graph/denseMatrices.ts";
import { weightMaskOf } from "../../graph/weightRanges.ts";
import { nextTask } from "../../nextTask.ts";
import type { OptimizerUpdate } from "../../math/optimizerUpdate.ts";
import type { Optimizer } from "../../math/optimizer.ts";
import { searchesLine, updateOf } from "../../math/optimizerFunction.ts";
import { scoreMembers } from "./scoreMembers.ts";
import { loss } from "./loss.ts";
import { Step } from "./step.ts";
import type { Pass } from "./view.ts";
import { traceMember } from "./trace.ts";
import { fitsFloat32, float32Limit, initialMoments, update } from "./update.ts";

/** Losses kept until they are read: in steps, and in numbers. */
const maxRingSteps = 4096;
const ringFloats = 2 ** 22;

/** Rows that are predicted between two looks at what else waits. */
const predictedRows = 1024;

/** `members` rows of `values`, each a view. */
const rowsPerMember = (values: Float64Array, members: number): Float64Array[] => {
  const width = values.length / members;
  return Array.from({ length: members }, (_, member) => values.subarray(member * width, (member + 1) * width));
};

/** @throws LimitExceeded where the machine has not enough memory */
function allocate(length: number): Float64Array {
  try {
    return new Float64Array(length);
  } catch (cause) {
    const expected = "parameters that fit this machine's memory";
    const fix = "use fewer members or smaller layers";
    throw new LimitExceeded({ place: "model: parameters", expected, got: `${8 * length} bytes`, fix, cause });
  }
}

/** Multiplications of a step that takes some 50 ms. */
const longStep = 2e7;
/** Between two looks at what else waits. */
const turnMs = 20;

/** Does work in pieces, and lets timers and signals run in between. */
async function inTurns(work: Generator<undefined, void>): Promise<void> {
  let startMs = performance.now();
  while (work.next().done !== true) {
    if (performance.now() - startMs < turnMs) continue;
    await nextTask();
    startMs = performance.now();
  }
}

/** Outputs [rows, outputs] of one member. */
function predictChunk(network: AnyNetwork, parameters: Float64Array, inputs: Float64Array): Float64Array {
  const rows = inputs.length / network.inputs;
  return new Step(network, rows).forward({ rows, inputs, parameters });
}

/** A training run in float64: members one after the other. */
class ReferenceRun implements TrainingRun {
  readonly ringSteps: number;
  readonly #network: AnyNetwork;
  readonly #working: Step;
  #settings: RunSettings;
  readonly #parameters: readonly Float64Array[];
  /** Of each member. */
  #optimizers: readonly Optimizer[];
  /** That of all members, so that all keep the same moments. */
  readonly #update: OptimizerUpdate;
  /** Of each member, what the update keeps. */
  readonly #moments: readonly Float64Array[][];
  readonly #inputs: Float64Array;
  readonly #targets: Float64Array;
  readonly #losses: Float64Array;
  readonly #nonFinite: Float64Array;
  readonly #bestLosses: Float64Array;
  readonly #bestSteps: Float64Array;
  #lastStep = -1;
  /** Of one member: steps of many members are long too. */
  readonly #isLong: boolean;
  readonly #requireAlive: () => void;
  constructor(
    network: AnyNetwork,
    settings: RunSettings,
    parameters: readonly Float64Array[],
    requireAlive: () => void,
  ) {
    this.#requireAlive = requireAlive;
    this.ringSteps = Math.max(1, Math.min(maxRingSteps, Math.floor(ringFloats / parameters.length)));
    this.#network = network;
    this.#isLong = 3 * network.parameterCount * settings.batchSize * parameters.length > longStep;
    this.#working = new Step(network, settings.batchSize);
    this.#settings = settings;
    this.#parameters = parameters;
    this.#optimizers = optimizersOf(settings, parameters.length);
    const widest = widestOptimizer(settings);
    this.#update = updateOf(widest);
    this.#moments = parameters.map((own) => initialMoments(widest, own));
    this.#inputs = Float64Array.from(settings.data.inputs);
    this.#targets = Float64Array.from(settings.data.targets);
    this.#losses = new Float64Array(this.ringSteps * parameters.length);
    this.#nonFinite = new Float64Array(parameters.length).fill(-1);
    this.#bestLosses = new Float64Array(parameters.length).fill(Number.POSITIVE_INFINITY);
    this.#bestSteps = new Float64Array(parameters.length).fill(-1);
    if (settings.resume) this.#restore(settings.resume);
  }

  #restore({ moments, nonFiniteSteps, bestLosses, bestSteps }: Checkpoint): void {
    this.#nonFinite.set(nonFiniteSteps);
    this.#bestLosses.set(bestLosses);
    this.#bestSteps.set(bestSteps);
    const { parameterCount } = this.#network;
    for (const [at, row] of this.#momentRows().entries()) {
      row.set(moments.subarray(at * parameterCount, (at + 1) * parameterCount));
    }
  }

  /** The moments in the order of `Checkpoint`. */
  #momentRows(): Float64Array[] {
    return this.#moments[0]!.flatMap((_, kind) => this.#moments.map((own) => own[kind]!));
  }

  get leastSteps(): number {
    return 1;
  }

  setLearningRate(learningRate: number | Float64Array): void {
    this.#settings = withLearningRate(this.#settings, learningRate);
    this.#optimizers = optimizersOf(this.#settings, this.#parameters.length);
  }

  stop(members: readonly number[]): void {
    for (const member of members) this.#nonFinite[member] = 0;
  }

  async execute(firstStep: number, count: number): Promise<void> {
    this.#requireAlive();
    for (let step = firstStep; step < firstStep + count; step++) {
      const members = this.#step(step);
      if (this.#isLong) await inTurns(members);
      else members.next(); // without a yield
    }
  }

  /** One step; yields between operations where they are long. */
  *#step(step: number): Generator<undefined, void> {
    const rowCount = rowCountOf(this.#settings, this.#network);
    const ownRows = hasOwnRows(this.#settings, rowCount);
    let batchRows = rowsOf(batchAt(this.#settings, rowCount, step));
    for (let member = 0; member < this.#parameters.length; member++) {
      if (ownRows && member > 0) batchRows = rowsOf(batchAt(this.#settings, rowCount, step, member));
      const isStopped = this.#nonFinite[member] !== -1;
      let loss = Number.NaN;
      if (!isStopped && !this.#isLong) loss = this.#stepMember(step, member, batchRows);
      else if (!isStopped) {
        const pass = this.#passOf(step, member, batchRows);
        loss = this.#apply(step, member, yield* this.#working.operate(pass, this.#targets));
      }
      this.#losses[(step % this.ringSteps) * this.#parameters.length + member] = loss;
    }
    this.#lastStep = step;
  }

  /** @returns the loss before the update */
  #stepMember(step: number, member: number, batchRows: Uint32Array): number {
    const loss = this.#working.forwardBackward(this.#passOf(step, member, batchRows), this.#targets);
    return this.#apply(step, member, loss);
  }

  #passOf(step: number, member: number, batchRows: Uint32Array): Pass {
    const masks = { seed: seedOf(this.#settings, member), step };
    const parameters = this.#parameters[member]!;
    return { rows: batchRows.length, inputs: this.#inputs, batchRows, parameters, masks };
  }

  /** Takes the gradients of a step into the parameters. @returns the loss before */
  #apply(step: number, member: number, loss: number): number {
    const parameters = this.#parameters[member]!;
    const optimizer = this.#optimizers[member]!;
    const moments = this.#moments[member]!;
    const allFit = update({
      optimizer,
      update: this.#update,
      isWeight: weightMaskOf(this.#network),
      matrices: matricesOf(this.#network, optimizer),
      step,
      loss,
      gradients: this.#working.gradients,
      parameters,
      moments,
      limit: float32Limit,
    });
    // A line search takes a trial whose loss is infinite back.
    if (!allFit || (!searchesLine(optimizer) && !fitsFloat32(loss))) this.#nonFinite[member] = step;
    if (loss < this.#bestLosses[member]!) {
      this.#bestLosses[member] = loss;
      this.#bestSteps[member] = step;
    }
    return loss;
  }

  finished(): Promise<void> {
    return Promise.resolve();
  }

  readLosses(firstStep: number, count: number): Promise<Float64Array> {
    const members = this.#parameters.length;
    return Promise.resolve(
      Float64Array.from({ length: count * members }, (_, index) => {
        const slot = (firstStep + Math.floor(index / members)) % this.ringSteps;
        return this.#losses[slot * members + (index % members)]!;
      }),
    );
  }

  readNonFinite(): Promise<Float64Array> {
    return Promise.resolve(this.#nonFinite.slice());
  }

  async readResults(): Promise<MemberResults> {
    return {
      finalLosses:
        this.#lastStep < 0 ? this.#nonFinite.map(() => Number.NaN) : await this.readLosses(this.#lastStep, 1),
      bestLosses: this.#bestLosses.slice(),
      bestSteps: this.#bestSteps.slice(),
      nonFiniteSteps: this.#nonFinite.slice(),
    };
  }

  async readCheckpoint(step: number): Promise<Checkpoint> {
    const { bestLosses, bestSteps, nonFiniteSteps } = await this.readResults();
    const parameters = concatenate(this.#parameters);
    return { step, parameters, moments: concatenate(this.#momentRows()), nonFiniteSteps, bestLosses, bestSteps };
  }

  dispose(): void {}
}

/** The float64 reference: what is true, and what runs where there is no adapter. */
export class ReferenceExecutor implements Reference {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly #parameters: Float64Array;
  #isDisposed = false;

  constructor(network: AnyNetwork, members: number) {
    this.network = network;
    this.members = members;
    this.#parameters = allocate(members * network.parameterCount);
  }

  #requireAlive(place: string): void {
    requireAlive(place, this.#isDisposed);
  }

  async readParameters(first = 0, count = this.#parameters.length - first): Promise<Float64Array> {
    this.#requireAlive("readParameters");
    return this.#parameters.slice(first, first + count);
  }

  writeParameters(parameters: FloatArray): void {
    this.#requireAlive("writeParameters");
    this.#parameters.set(parameters);
  }

  async predict(inputs: FloatArray): Promise<Float64Array> {
    this.#requireAlive("predict");
    const { network, members } = this;
    const rowCount = inputs.length / network.inputs;
    const all = new Float64Array(members * rowCount * network.outputs);
    for (let firstRow = 0; firstRow < rowCount; firstRow += predictedRows) {
      const rows = Float64Array.from(
        inputs.subarray(firstRow * network.inputs, (firstRow + predictedRows) * network.inputs),
      );
      for (const [member, parameters] of rowsPerMember(this.#parameters, members).entries()) {
        all.set(predictChunk(network, parameters, rows), (member * rowCount + firstRow) * network.outputs);
      }
      await nextTask();
    }
    return all;
  }

  async score(data: Dataset): Promise<Scores> {
    this.#requireAlive("score");
    return scoreMembers(this.network, rowsPerMember(this.#parameters, this.members), data);
  }

  planRun(settings: RunSettings): Promise<PlanReport> {
    const { inputs, targets } = settings.data;
    return Promise.resolve({
      machine: "reference",
      strategy: "reference",
      summary: "float64 on the CPU",
      reason: "float64 on the CPU: no GPU is used",
      dispatchesPerStep: 0,
      stepsPerDispatch: 0,
      stepMs: undefined,
      kernels: [],
      chunkRows: settings.batchSize,
      bytes: 8 * (inputs.length + targets.length + 3 * this.#parameters.length),
    });
  }

  async createRun(settings: RunSettings): Promise<TrainingRun> {
    this.#requireAlive("train");
    const parameters = rowsPerMember(this.#parameters, this.members);
    const network = trainedNetwork(this.network, settings.data);
    return new ReferenceRun(network, settings, parameters, () => this.#requireAlive("train"));
  }

  async trace(data: TrainingRows, optimizer: Optimizer): Promise<Trace> {
    return this.traceNow(data, optimizer);
  }

  lossOf(data: TrainingRows): (parameters: Float64Array) => number {
    const network = trainedNetwork(this.network, data);
    const { loss: name, outputs: fanOut, isWeighted } = network;
    const [inputs, targets] = [Float64Array.from(data.inputs), Float64Array.from(data.targets)];
    const rows = inputs.length / network.inputs;
    const step = new Step(network, rows);
    const dOutputs = new Float64Array(rows * fanOut);
    const shape = { loss: name, batchSize: rows, fanOut, targets, dOutputs, isWeighted };
    const masks = { seed: 0, step: 0 }; // as a trace draws them
    return (parameters) => loss({ ...shape, outputs: step.forward({ rows, inputs, parameters, masks }) });
  }

  update(optimizer: Optimizer, parameters: FloatArray, gradients: FloatArray): Float64Array {
    const updated = Float64Array.from(parameters);
    const ofMembers = rowsPerMember(Float64Array.from(gradients), this.members);
    for (const [member, own] of rowsPerMember(updated, this.members).entries()) {
      const moments = initialMoments(optimizer, own);
      const [isWeight, matrices] = [weightMaskOf(this.network), matricesOf(this.network, optimizer)];
      update({ optimizer, step: 0, gradients: ofMembers[member]!, parameters: own, moments, isWeight, matrices });
    }
    return updated;
  }

  traceNow(data: TrainingRows, optimizer: Optimizer): Trace {
    this.#requireAlive("trace");
    const { members } = this;
    const network = trainedNetwork(this.network, data);
    const inputs = Float64Array.from(data.inputs);
    const targets = Float64Array.from(data.targets);
    const before = this.#parameters.slice();
    const after = this.#parameters.slice();
    const traces = rowsPerMember(after, members).map((parameters) =>
      traceMember({ network, optimizer, inputs, targets }, parameters),
    );
    const perLayer = (key: "preActivations" | "activations" | "dPreActivations"): Float64Array[] =>
      traces[0]![key].map((_, index) => concatenate(traces.map((buffers) => buffers[key][index]!)));
    return {
      preActivations: perLayer("preActivations"),
      activations: perLayer("activations"),
      dPreActivations: perLayer("dPreActivations"),
      gradients: concatenate(traces.map(({ gradients }) => gradients)),
      losses: Float64Array.from(traces, ({ loss }) => loss),
      before,
      after,
    };
  }

  dispose(): void {
    this.#isDisposed = true;
  }
}
