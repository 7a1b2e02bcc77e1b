import { batchAt, hasOwnRows, optimizersOf, rowsOf, seedOf, widestOptimizer } from "../batches.ts";
import { LimitExceeded } from "../../errors.ts";
import {
  concatenate,
  type Dataset,
  type Executor,
  type FloatArray,
  type PlanReport,
  type ReplicaResults,
  requireAlive,
  type RunSettings,
  type Scores,
  type Trace,
  type TrainingRun,
  type TrainingState,
} from "../executor.ts";
import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import { nextTask } from "../../nextTask.ts";
import type { OptimizerUpdate } from "../../math/optimizerUpdate.ts";
import { type Optimizer, updateOf } from "../../math/optimizer.ts";
import { scoreReplicas } from "./score.ts";
import { Step } from "./step.ts";
import { traceReplica } from "./trace.ts";
import { fitsFloat32, float32Limit, update } from "./update.ts";

/** Losses kept until they are read: in steps, and in numbers. */
const maxRingSteps = 4096;
const ringFloats = 2 ** 22;

/** Rows that are predicted between two looks at what else waits. */
const predictedRows = 1024;

/** `replicas` rows of `values`, each a view. */
const rowsPerReplica = (values: Float64Array, replicas: number): Float64Array[] => {
  const width = values.length / replicas;
  return Array.from({ length: replicas }, (_, replica) => values.subarray(replica * width, (replica + 1) * width));
};

/** @throws LimitExceeded where the machine has not enough memory */
function allocate(length: number): Float64Array {
  try {
    return new Float64Array(length);
  } catch (cause) {
    const expected = "parameters that fit this machine's memory";
    const fix = "take fewer replicas or smaller layers";
    throw new LimitExceeded({ place: "model: parameters", expected, got: `${8 * length} bytes`, fix, cause });
  }
}

/** Outputs [rows, outputs] of one replica. */
function predictChunk(network: AnyNetwork, parameters: Float64Array, inputs: Float64Array): Float64Array {
  const rows = inputs.length / network.inputs;
  return new Step(network, rows).forward({ rows, inputs, parameters });
}

/** A training run in float64: replicas one after the other. */
class ReferenceRun implements TrainingRun {
  readonly ringSteps: number;
  readonly #network: AnyNetwork;
  readonly #working: Step;
  #settings: RunSettings;
  readonly #parameters: readonly Float64Array[];
  /** Of each replica. */
  #optimizers: readonly Optimizer[];
  /** That of all replicas, so that all keep the same moments. */
  readonly #update: OptimizerUpdate;
  /** Of each replica, what the update keeps. */
  readonly #moments: readonly Float64Array[][];
  readonly #inputs: Float64Array;
  readonly #targets: Float64Array;
  readonly #losses: Float64Array;
  readonly #nonFinite: Float64Array;
  readonly #bestLosses: Float64Array;
  readonly #bestSteps: Float64Array;
  #lastStep = -1;
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
    this.#working = new Step(network, settings.batchSize);
    this.#settings = settings;
    this.#parameters = parameters;
    this.#optimizers = optimizersOf(settings, parameters.length);
    this.#update = updateOf(widestOptimizer(settings));
    this.#moments = parameters.map(({ length }) => this.#update.state.map(() => new Float64Array(length)));
    this.#inputs = Float64Array.from(settings.data.inputs);
    this.#targets = Float64Array.from(settings.data.targets);
    this.#losses = new Float64Array(this.ringSteps * parameters.length);
    this.#nonFinite = new Float64Array(parameters.length).fill(-1);
    this.#bestLosses = new Float64Array(parameters.length).fill(Number.POSITIVE_INFINITY);
    this.#bestSteps = new Float64Array(parameters.length).fill(-1);
    if (settings.resume) this.#restore(settings.resume);
  }

  #restore({ moments, nonFiniteSteps, bestLosses, bestSteps }: TrainingState): void {
    this.#nonFinite.set(nonFiniteSteps);
    this.#bestLosses.set(bestLosses);
    this.#bestSteps.set(bestSteps);
    const { parameterCount } = this.#network;
    for (const [at, row] of this.#momentRows().entries()) {
      row.set(moments.subarray(at * parameterCount, (at + 1) * parameterCount));
    }
  }

  /** The moments in the order of `TrainingState`. */
  #momentRows(): Float64Array[] {
    return this.#update.state.flatMap((_, kind) => this.#moments.map((own) => own[kind]!));
  }

  get leastSteps(): number {
    return 1;
  }

  setLearningRate(learningRate: number): void {
    this.#settings = { ...this.#settings, optimizer: { ...this.#settings.optimizer, learningRate } };
    this.#optimizers = optimizersOf(this.#settings, this.#parameters.length);
  }

  async execute(firstStep: number, count: number): Promise<void> {
    this.#requireAlive();
    for (let step = firstStep; step < firstStep + count; step++) this.#step(step);
  }

  #step(step: number): void {
    const rowCount = this.#targets.length / this.#network.outputs;
    const ownRows = hasOwnRows(this.#settings, rowCount);
    let batchRows = rowsOf(batchAt(this.#settings, rowCount, step));
    for (let replica = 0; replica < this.#parameters.length; replica++) {
      if (ownRows && replica > 0) batchRows = rowsOf(batchAt(this.#settings, rowCount, step, replica));
      const isStopped = this.#nonFinite[replica] !== -1;
      const loss = isStopped ? Number.NaN : this.#stepReplica(step, replica, batchRows);
      this.#losses[(step % this.ringSteps) * this.#parameters.length + replica] = loss;
    }
    this.#lastStep = step;
  }

  /** @returns the loss before the update */
  #stepReplica(step: number, replica: number, batchRows: Uint32Array): number {
    const parameters = this.#parameters[replica]!;
    const masks = { seed: seedOf(this.#settings, replica), step };
    const pass = { rows: batchRows.length, inputs: this.#inputs, batchRows, parameters, masks };
    const loss = this.#working.forwardBackward(pass, this.#targets);
    const optimizer = this.#optimizers[replica]!;
    const moments = this.#moments[replica]!;
    const allFit = update({
      optimizer,
      update: this.#update,
      step,
      gradients: this.#working.gradients,
      parameters,
      moments,
      limit: float32Limit,
    });
    if (!allFit || !fitsFloat32(loss)) this.#nonFinite[replica] = step;
    if (loss < this.#bestLosses[replica]!) {
      this.#bestLosses[replica] = loss;
      this.#bestSteps[replica] = step;
    }
    return loss;
  }

  finished(): Promise<void> {
    return Promise.resolve();
  }

  readLosses(firstStep: number, count: number): Promise<Float64Array> {
    const replicas = this.#parameters.length;
    return Promise.resolve(
      Float64Array.from({ length: count * replicas }, (_, index) => {
        const slot = (firstStep + Math.floor(index / replicas)) % this.ringSteps;
        return this.#losses[slot * replicas + (index % replicas)]!;
      }),
    );
  }

  readNonFinite(): Promise<Float64Array> {
    return Promise.resolve(this.#nonFinite.slice());
  }

  async readResults(): Promise<ReplicaResults> {
    return {
      finalLosses:
        this.#lastStep < 0 ? this.#nonFinite.map(() => Number.NaN) : await this.readLosses(this.#lastStep, 1),
      bestLosses: this.#bestLosses.slice(),
      bestSteps: this.#bestSteps.slice(),
      nonFiniteSteps: this.#nonFinite.slice(),
    };
  }

  async readState(step: number): Promise<TrainingState> {
    const { bestLosses, bestSteps, nonFiniteSteps } = await this.readResults();
    const parameters = concatenate(this.#parameters);
    return { step, parameters, moments: concatenate(this.#momentRows()), nonFiniteSteps, bestLosses, bestSteps };
  }

  dispose(): void {}
}

/** The float64 reference: what is true, and what runs where there is no adapter. */
export class ReferenceExecutor implements Executor {
  readonly network: AnyNetwork;
  readonly replicas: number;
  readonly #parameters: Float64Array;
  #isDisposed = false;

  constructor(network: AnyNetwork, replicas: number) {
    this.network = network;
    this.replicas = replicas;
    this.#parameters = allocate(replicas * network.parameterCount);
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
    const { network, replicas } = this;
    const rowCount = inputs.length / network.inputs;
    const all = new Float64Array(replicas * rowCount * network.outputs);
    for (let firstRow = 0; firstRow < rowCount; firstRow += predictedRows) {
      const rows = Float64Array.from(
        inputs.subarray(firstRow * network.inputs, (firstRow + predictedRows) * network.inputs),
      );
      for (const [replica, parameters] of rowsPerReplica(this.#parameters, replicas).entries()) {
        all.set(predictChunk(network, parameters, rows), (replica * rowCount + firstRow) * network.outputs);
      }
      await nextTask();
    }
    return all;
  }

  async score(data: Dataset): Promise<Scores> {
    this.#requireAlive("score");
    return scoreReplicas(this.network, rowsPerReplica(this.#parameters, this.replicas), data);
  }

  planRun(settings: RunSettings): PlanReport {
    const { inputs, targets } = settings.data;
    return {
      path: "reference",
      reason: "float64 on the CPU: no GPU is used",
      dispatchesPerStep: 0,
      stepsPerDispatch: 0,
      stepMs: undefined,
      kernels: [],
      chunkRows: settings.batchSize,
      bytes: 8 * (inputs.length + targets.length + 3 * this.#parameters.length),
    };
  }

  async createRun(settings: RunSettings): Promise<TrainingRun> {
    this.#requireAlive("train");
    const parameters = rowsPerReplica(this.#parameters, this.replicas);
    return new ReferenceRun(this.network, settings, parameters, () => this.#requireAlive("train"));
  }

  async trace(data: Dataset, optimizer: Optimizer): Promise<Trace> {
    this.#requireAlive("trace");
    const { network, replicas } = this;
    const inputs = Float64Array.from(data.inputs);
    const targets = Float64Array.from(data.targets);
    const before = this.#parameters.slice();
    const after = this.#parameters.slice();
    const traces = rowsPerReplica(after, replicas).map((parameters) =>
      traceReplica({ network, optimizer, inputs, targets }, parameters),
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
