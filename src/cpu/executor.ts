import { batchAt, rowsOf } from "../batches.ts";
import { LimitExceeded } from "../errors.ts";
import {
  concatenate,
  type Dataset,
  type Executor,
  type FloatArray,
  type PlanReport,
  requireAlive,
  type RunSettings,
  type Trace,
  type TrainingRun,
} from "../executor.ts";
import type { Network } from "../network.ts";
import { nextTask } from "../nextTask.ts";
import type { Optimizer } from "../optimizer.ts";
import { createStepBuffers, forwardAll, forwardBackward } from "./step.ts";
import { update } from "./update.ts";

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
function predictChunk(network: Network, parameters: Float64Array, inputs: Float64Array): Float64Array {
  const batchSize = inputs.length / network.inputs;
  const buffers = createStepBuffers(network, batchSize);
  forwardAll({ network, batchSize, inputs, parameters, buffers });
  return buffers.activations[network.layers.length - 1]!;
}

/** A training run in float64: replicas one after the other. */
class ReferenceRun implements TrainingRun {
  readonly ringSteps: number;
  readonly #network: Network;
  readonly #settings: RunSettings;
  readonly #parameters: readonly Float64Array[];
  readonly #moments: readonly [Float64Array, Float64Array][];
  readonly #inputs: Float64Array;
  readonly #targets: Float64Array;
  readonly #losses: Float64Array;
  readonly #nonFinite: Float64Array;

  readonly #requireAlive: () => void;

  constructor(network: Network, settings: RunSettings, parameters: readonly Float64Array[], requireAlive: () => void) {
    this.#requireAlive = requireAlive;
    this.ringSteps = Math.max(1, Math.min(maxRingSteps, Math.floor(ringFloats / parameters.length)));
    this.#network = network;
    this.#settings = settings;
    this.#parameters = parameters;
    this.#moments = parameters.map(({ length }) => [new Float64Array(length), new Float64Array(length)]);
    this.#inputs = Float64Array.from(settings.data.inputs);
    this.#targets = Float64Array.from(settings.data.targets);
    this.#losses = new Float64Array(this.ringSteps * parameters.length);
    this.#nonFinite = new Float64Array(parameters.length).fill(-1);
  }

  async execute(firstStep: number, count: number): Promise<void> {
    this.#requireAlive();
    for (let step = firstStep; step < firstStep + count; step++) this.#step(step);
  }

  #step(step: number): void {
    const batch = batchAt(this.#settings, this.#targets.length / this.#network.outputs, step);
    const { batchSize } = batch;
    const buffers = createStepBuffers(this.#network, batchSize);
    const { gradients } = buffers;
    const batchRows = rowsOf(batch);
    const shared = { network: this.#network, batchSize, inputs: this.#inputs, buffers, batchRows };
    for (const [replica, parameters] of this.#parameters.entries()) {
      const loss = forwardBackward({ ...shared, parameters }, this.#targets);
      const { optimizer } = this.#settings;
      update({ optimizer, step, gradients, parameters, moments: this.#moments[replica]! });
      this.#losses[(step % this.ringSteps) * this.#parameters.length + replica] = loss;
      const finite = Number.isFinite(loss) && gradients.every(Number.isFinite) && parameters.every(Number.isFinite);
      if (!finite && this.#nonFinite[replica] === -1) this.#nonFinite[replica] = step;
    }
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

  dispose(): void {}
}

/** The float64 reference: what is true, and what runs where there is no adapter. */
export class ReferenceExecutor implements Executor {
  readonly network: Network;
  readonly replicas: number;
  readonly #parameters: Float64Array;
  #isDisposed = false;

  constructor(network: Network, replicas: number) {
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

  planRun(settings: RunSettings): PlanReport {
    const { inputs, targets } = settings.data;
    return {
      path: "reference",
      reason: "float64 on the CPU: no GPU is used",
      dispatchesPerStep: 0,
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
    const batchSize = data.inputs.length / network.inputs;
    const inputs = Float64Array.from(data.inputs);
    const targets = Float64Array.from(data.targets);
    const before = this.#parameters.slice();
    const after = this.#parameters.slice();
    const losses = new Float64Array(replicas);
    const traces = rowsPerReplica(after, replicas).map((parameters, replica) => {
      const buffers = createStepBuffers(network, batchSize);
      losses[replica] = forwardBackward({ network, batchSize, inputs, parameters, buffers }, targets);
      const moments = [new Float64Array(parameters.length), new Float64Array(parameters.length)] as const;
      update({ optimizer, step: 0, gradients: buffers.gradients, parameters, moments });
      return buffers;
    });
    const perLayer = (key: "preActivations" | "activations" | "dPreActivations"): Float64Array[] =>
      network.layers.map(({ index }) => concatenate(traces.map((buffers) => buffers[key][index]!)));
    return {
      preActivations: perLayer("preActivations"),
      activations: perLayer("activations"),
      dPreActivations: perLayer("dPreActivations"),
      gradients: concatenate(traces.map(({ gradients }) => gradients)),
      losses,
      before,
      after,
    };
  }

  dispose(): void {
    this.#isDisposed = true;
  }
}
