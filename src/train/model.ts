import { InvalidInput, requireOptions } from "../errors.ts";
import type { Dataset, Executor, FloatArray, PlanReport, Trace } from "../executor.ts";
import type { Device } from "../gpu/device.ts";
import { initialize, type InitializerName } from "../initializers.ts";
import { type Network, requireInteger } from "../network.ts";
import { type Optimizer, requireOptimizer } from "../optimizer.ts";
import { createExecutor } from "../plan/choose.ts";
import { requireDataset, requireRows } from "./dataset.ts";
import { evaluateOutputs, type Evaluation, probabilitiesOf } from "./metrics.ts";
import { planTraining, type TrainOptions } from "./options.ts";
import { type Progress, type Snapshot, Trainer } from "./trainer.ts";

export interface ModelOptions {
  /** From `acquire()`. */
  readonly device: Device;
  /** Seed of the initial parameters, integer in [0, 2⁵³), default 0; replica r starts as a model with seed + r would. */
  readonly seed?: number;
  /** Networks of this architecture, trained side by side; default 1. */
  readonly replicas?: number;
  /** Default: He for rectifiers, Glorot otherwise. */
  readonly initializer?: InitializerName;
  /** Initial parameters [replicas, parameterCount], instead of seed and initializer. */
  readonly parameters?: FloatArray;
}

/** How a whole training ended. */
export interface FitResult {
  readonly steps: number;
  /** Mean of the last event's steps. */
  readonly loss: number;
  readonly validation: Evaluation | undefined;
  /** All events, without their losses step by step. */
  readonly history: readonly Omit<Progress, "losses">[];
}

function requireParameters(place: string, parameters: FloatArray, length: number): void {
  requireRows(place, parameters, length);
  if (parameters.length === length) return;
  const fix = "pass [replicas, parameterCount], one replica behind the other";
  throw new InvalidInput({ place, expected: `${length} values`, got: String(parameters.length), fix });
}

/** Replicas of one network on one device. Free it with `dispose()` or `using`. */
export class Model {
  readonly network: Network;
  readonly replicas: number;
  readonly device: Device;
  readonly #executor: Executor;
  #isTraining = false;
  #trainer: Trainer | undefined;

  /** Use `createModel`. */
  constructor(device: Device, executor: Executor) {
    this.device = device;
    this.network = executor.network;
    this.replicas = executor.replicas;
    this.#executor = executor;
  }

  /** What `train` would do, before it does it. @throws InvalidInput, LimitExceeded */
  plan(data: Dataset, options: TrainOptions): PlanReport {
    return this.#executor.planRun(planTraining(this.network, data, options).settings);
  }

  /**
   * Trains, and tells about it: an event every `every`, and one at the end. Leaving the loop early stops the training;
   * the parameters stay at the last step done.
   * @param data inputs [rows, network.inputs], targets [rows, network.outputs]
   * @throws InvalidInput, LimitExceeded, GpuOutOfMemory, GpuLost, NonFinite, or the signal's reason
   */
  async *train(data: Dataset, options: TrainOptions): AsyncGenerator<Progress, void, undefined> {
    const plan = planTraining(this.network, data, options);
    if (this.#isTraining) {
      const fix = "await the training under way, or create a second model";
      throw new InvalidInput({ place: "train", expected: "one training at a time", got: "a second one", fix });
    }
    this.#isTraining = true;
    try {
      plan.signal?.throwIfAborted();
      const run = await this.#executor.createRun(plan.settings);
      try {
        this.#trainer = new Trainer(this.#executor, run, plan);
        yield* this.#trainer.events();
      } finally {
        run.dispose();
      }
    } finally {
      this.#isTraining = false;
    }
  }

  /**
   * Copy on the host of the parameters at the last event of the latest training: what is left when the GPU is lost.
   * Undefined before any training, and for models of more than 2²² parameters.
   */
  get lastGood(): Snapshot | undefined {
    return this.#trainer?.lastGood;
  }

  /** Trains to the end. Throws as `train` does. */
  async fit(data: Dataset, options: TrainOptions): Promise<FitResult> {
    const history: Omit<Progress, "losses">[] = [];
    for await (const { losses: _, ...event } of this.train(data, options)) history.push(event);
    const last = history[history.length - 1]!;
    return { steps: last.step, loss: last.loss, validation: last.validation, history };
  }

  /**
   * Outputs of the last layer: logits where the loss takes logits.
   * @param inputs [rows, network.inputs]
   * @returns [replicas, rows, network.outputs]; f64 on the CPU
   */
  async predict(inputs: FloatArray): Promise<FloatArray> {
    requireRows("predict: inputs", inputs, this.network.inputs);
    return this.#executor.predict(inputs);
  }

  /** As `predict`, with softmax or sigmoid applied where the loss takes logits. */
  async predictProbabilities(inputs: FloatArray): Promise<FloatArray> {
    return probabilitiesOf(this.network, await this.predict(inputs));
  }

  /** Loss, and accuracy for the cross entropies, on rows of data; computed in float64 from the outputs. */
  async evaluate(data: Dataset): Promise<Evaluation> {
    requireDataset("evaluate", data, this.network);
    return evaluateOutputs(this.network, await this.#executor.predict(data.inputs), data.targets);
  }

  /** [replicas, parameterCount]: per layer weights [fanIn, fanOut] row-major, then bias; f64 on the CPU. */
  readParameters(): Promise<FloatArray> {
    return this.#executor.readParameters();
  }

  /** Replaces the parameters [replicas, parameterCount]. @throws InvalidInput on another length or a value that is not finite */
  writeParameters(parameters: FloatArray): void {
    requireParameters("writeParameters", parameters, this.replicas * this.network.parameterCount);
    this.#executor.writeParameters(parameters);
  }

  /** Every value of one training step over `data` as one batch; the parameters stay as they are. */
  async trace(data: Dataset, optimizer: Optimizer): Promise<Trace> {
    requireDataset("trace", data, this.network);
    requireOptimizer("trace", optimizer);
    return this.#executor.trace(data, optimizer);
  }

  /** Frees every buffer; may be called again. */
  dispose(): void {
    this.#executor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const known = ["device", "seed", "replicas", "initializer", "parameters"];

/**
 * Creates replicas of a network on a device, with initial parameters.
 * @throws InvalidInput, LimitExceeded, GpuOutOfMemory
 */
export async function createModel(network: Network, options: ModelOptions): Promise<Model> {
  requireOptions("createModel", options, known);
  const { device, seed = 0, replicas = 1, initializer, parameters } = options;
  requireInteger("createModel: replicas", replicas, 1, 2 ** 20);
  const length = replicas * network.parameterCount;
  if (parameters) requireParameters("createModel: parameters", parameters, length);
  // Memory first: drawing parameters that would not fit could take minutes.
  const executor = await createExecutor(device, network, replicas);
  try {
    const drawn = { seed, replicas, ...(initializer && { initializer }) };
    executor.writeParameters(parameters ?? initialize(network, drawn));
    return new Model(device, executor);
  } catch (error) {
    executor.dispose();
    throw error;
  }
}
