import { InvalidInput, requireOptions } from "../errors.ts";
import type { Dataset, FloatArray, PlanReport, MemberResults, Trace, Checkpoint } from "../backend/executor.ts";
import type { Device } from "../backend/device.ts";
import { type AnyNetwork, requireNetwork } from "../graph/graphNetwork.ts";
import { initialize, type InitializerName } from "../graph/initializers.ts";
import { type Network, requireBoolean, requireCallback, requireInteger } from "../graph/network.ts";
import { type Optimizer } from "../math/optimizer.ts";
import { requireOptimizer } from "../math/optimizerFunction.ts";
import { createExecutor } from "../backend/createExecutor.ts";
import type { CrossValidation, CrossValidationOptions } from "./crossValidation.ts";
import { type Place, RecoveringExecutor } from "../backend/recoveringExecutor.ts";
import { requireDataset, requireInputs, requireRows } from "./dataset.ts";
import type { StoppingResult } from "./earlyStopper.ts";
import type { HalvingResult } from "./halver.ts";
import type { FitOptions, FitResult, History } from "./history.ts";
import type { MetricOptions } from "./measure.ts";
import type { ModuleOptions } from "../formats/source/exportModule.ts";
import type { Evaluation } from "./metrics.ts";
import type { TrainingControls, TrainOptions, TrainPlan } from "./options.ts";
import type { PlateauResult } from "./plateaus.ts";
import type { Ensemble } from "./population.ts";
import { probabilitiesOf } from "./probabilities.ts";
import type { Recovery } from "./recovery.ts";
import type { SaveExtras } from "./savedModel.ts";
import { summaryOf } from "./summary.ts";
import type { LabelOptions } from "./trainingRows.ts";
import type { Progress } from "./progress.ts";
import type { Trainer } from "./trainer.ts";

export interface ModelOptions {
  /** From `acquire()`. */
  readonly device: Device;
  /**
   * Seed of the initial parameters, integer in [0, 2⁵³), default 0; member r starts as a model with seed + r would. Or a list
   * with the seed of each member.
   */
  readonly seed?: number | ArrayLike<number>;
  /** Networks of this architecture, trained side by side; default 1, or as many as there are seeds. */
  readonly members?: number;
  /** Default: He for rectifiers, Glorot otherwise. */
  readonly initializer?: InitializerName;
  /** Initial parameters [members, parameterCount], instead of seed and initializer. */
  readonly parameters?: FloatArray;
  /**
   * A lost device is replaced (default): it is opened again as `acquire` opened it, for a second and a half, else the CPU takes over, and
   * a training continues from its last state on the host. False: `GpuLost` is thrown, as it is by models of more than 2²² parameters between
   * two trainings.
   */
  readonly recover?: boolean;
  /** Told at once when the device is lost, before there is another. */
  readonly onLost?: (why: string) => void;
}

/** Most times that `fit` scores the validation rows, unless `logInterval` says when. */
const mostValidations = 200;

function requireParameters(place: string, parameters: FloatArray, length: number): void {
  requireRows(place, parameters, length);
  if (parameters.length === length) return;
  const fix = "pass [members, parameterCount], members concatenated";
  throw new InvalidInput({ place, expected: `${length} values`, got: String(parameters.length), fix });
}

/** Members of one network on one device. Free it with `dispose()` or `using`. */
export class Model<Architecture extends AnyNetwork = Network> {
  readonly network: Architecture;
  readonly members: number;
  readonly #executor: RecoveringExecutor;
  #isTraining = false;
  #trainer: Trainer | undefined;

  /** Use `createModel`. */
  constructor(network: Architecture, executor: RecoveringExecutor) {
    this.network = network;
    this.members = executor.members;
    this.#executor = executor;
  }

  /** The device that computes: that of `createModel`, or its replacement after a loss. */
  get device(): Device {
    return this.#executor.device;
  }

  /**
   * Returns the plan of `train` with these options without training; a schedule does not change it.
   * @throws InvalidInput, LimitExceeded
   */
  async plan(data: Dataset, options: TrainOptions = {}): Promise<PlanReport> {
    const { planTraining } = await import("./options.ts");
    return this.#executor.planRun((await planTraining(this.network, data, options, this.members)).settings);
  }

  /**
   * Trains, and yields an event per log interval and one at the end. Leaving the loop early stops the training;
   * the parameters stay at the last step done. `next({ logInterval, learningRate })` steers it from an event on.
   * @param data inputs [rows, network.inputs], targets [rows, network.outputs]
   * A lost GPU is replaced, and the next event reports it: see `recover` of `createModel`.
   * @throws InvalidInput, LimitExceeded, GpuOutOfMemory, GpuLost, NonFinite, or the signal's reason
   */
  async *train(
    data: Dataset,
    options: TrainOptions = {},
  ): AsyncGenerator<Progress, void, TrainingControls | undefined> {
    const { planTraining } = await import("./options.ts"); // a page downloads it when it trains
    yield* this.#events(await planTraining(this.network, data, options, this.members));
  }

  async *#events(plan: TrainPlan): AsyncGenerator<Progress, void, TrainingControls | undefined> {
    if (this.#isTraining) {
      const fix = "await the running training, or create a second model";
      throw new InvalidInput({ place: "train", expected: "one training at a time", got: "a second one", fix });
    }
    this.#isTraining = true;
    try {
      plan.signal?.throwIfAborted();
      if (plan.metrics.metrics) (await import("./measure.ts")).planFor("train", this.network, plan.metrics);
      if (plan.settings.resume) this.#executor.writeParameters(plan.settings.resume.parameters);
      const { eventsUntil, soonAfterAbort } = await import("./eventsUntil.ts");
      const { Trainer: LoadedTrainer } = await import("./trainer.ts");
      const run = await soonAfterAbort(this.#executor.createRun(plan.settings), plan.signal);
      const open = (members: number) => createExecutor(this.device, this.network, members, this.members);
      const trainer = new LoadedTrainer(this.#executor, run, plan, open);
      this.#trainer = trainer;
      try {
        const next = (work: Promise<IteratorResult<Progress, void>>): typeof work =>
          this.#executor.untilDisposed(soonAfterAbort(work, plan.signal));
        yield* eventsUntil(trainer.events(), next);
      } finally {
        trainer.dispose();
      }
    } finally {
      this.#isTraining = false;
    }
  }

  /**
   * Copy on the host of where the latest training stood at its last event: what is left when the GPU is lost, and what another
   * training continues from by `resume`. Undefined before any training; of models of more than 2²² parameters it may be older.
   */
  get checkpoint(): Checkpoint | undefined {
    return this.#trainer?.checkpoint;
  }

  /**
   * Results of the latest training per member: available when it has ended, at its last step, by an abort or by leaving the
   * loop early. Undefined before; of a large model also where its device was lost for good.
   */
  get results(): MemberResults | undefined {
    return this.#trainer?.results;
  }

  /** History of the latest training up to its last event; of a resumed training from its very first step. Undefined before any training. */
  get history(): History | undefined {
    return this.#trainer?.recorder.history;
  }

  /** Early-stopping results of the latest training per member, at its last event. Undefined without early stopping. */
  get earlyStopping(): StoppingResult | undefined {
    return this.#trainer?.earlyStopping;
  }

  /** Successive-halving results of the latest training, at its last event. Undefined without halving. */
  get halving(): HalvingResult | undefined {
    return this.#trainer?.halving;
  }

  /** Learning-rate reductions of the latest training, as of its last event. Undefined without `reduceOnPlateau`. */
  get reduceOnPlateau(): PlateauResult | undefined {
    return this.#trainer?.reduceOnPlateau;
  }

  /**
   * Trains to the end. With validation rows and no `logInterval` they are scored after each epoch, of more than 200 epochs after every n-th.
   * `onEpoch` is called with each epoch. Throws as `train` does.
   */
  async fit(data: Dataset, options: FitOptions = {}): Promise<FitResult> {
    const isObject = typeof options === "object" && options !== null; // if not, planTraining refuses it
    const { onEpoch, ...training } = isObject ? options : {};
    requireCallback("fit: onEpoch", onEpoch);
    const { planTraining, planOfFit } = await import("./options.ts");
    const planned = await planTraining(this.network, data, isObject ? training : options, this.members);
    const epochs = onEpoch ? 1 : Math.ceil(planned.totalSteps / planned.perEpoch / mostValidations);
    const plan = planOfFit(planned, options, { epochs, isTold: onEpoch !== undefined });
    const recoveries: Recovery[] = [];
    let last: Progress | undefined;
    for await (last of this.#events(plan)) {
      if (last.recovered) recoveries.push(last.recovered);
      if (onEpoch) for (const point of this.#trainer!.recorder.takeDone(last)) await onEpoch(point);
    }
    const { step: steps, validation, diverged } = last!;
    const { history } = this.#trainer!.recorder;
    const { earlyStopping, reduceOnPlateau, halving } = this;
    return {
      steps,
      loss: history.loss.at(-1)!,
      validation,
      diverged,
      results: this.results!,
      history,
      recoveries,
      ...(earlyStopping && { earlyStopping }),
      ...(reduceOnPlateau && { reduceOnPlateau }),
      ...(halving && { halving }),
    };
  }

  /**
   * Returns the outputs of the network; where the loss takes logits, the probabilities.
   * @param inputs [rows, network.inputs]
   * @returns [rows, network.outputs], of several members [members, rows, network.outputs]; f64 on the CPU
   */
  async predict(inputs: FloatArray): Promise<FloatArray> {
    requireInputs("predict: inputs", inputs, this.network);
    return probabilitiesOf(this.network, await this.#executor.predict(inputs));
  }

  /** Returns the outputs of the last layer unchanged: logits where the loss takes logits. Otherwise like `predict`. */
  async logits(inputs: FloatArray): Promise<FloatArray> {
    requireInputs("logits: inputs", inputs, this.network);
    return this.#executor.predict(inputs);
  }

  /**
   * Loss, and accuracy for the cross entropies, on rows of data: the mean over members, and of each one. One network with at most 2²²
   * outputs is scored in float64 from its outputs; otherwise sums are taken where the outputs are, in float32 over 128 rows and in
   * float64 beyond: of a hundred thousand networks nothing but their scores is read. Metrics, where they are requested, are computed in
   * float64 from the outputs of all members, slice by slice.
   * @throws InvalidInput on metrics that do not fit the network
   */
  async evaluate(data: Dataset, options: MetricOptions = {}): Promise<Evaluation> {
    requireDataset("evaluate", data, this.network);
    requireOptions("evaluate", options, ["metrics", "targetUnits"]);
    const { evaluate } = await import("./metrics.ts");
    return evaluate(this.#executor, data, options);
  }

  /**
   * Cross-validates this network on this device, like the function `crossValidate`; the model's parameters do not change.
   * @throws InvalidInput, LimitExceeded, GpuOutOfMemory, GpuLost, NonFinite, or the signal's reason
   */
  async crossValidate(data: Dataset, options: CrossValidationOptions = {}): Promise<CrossValidation> {
    const { startCrossValidation } = await import("./crossValidation.ts");
    return startCrossValidation(this.device, this.network, data, options);
  }

  /**
   * Returns the prediction of the ensemble, a deep ensemble (Lakshminarayanan, Pritzel, Blundell 2017): mean and standard deviation of
   * `predict` over them.
   * @param inputs [rows, network.inputs]
   * @param options.members default all
   * @throws InvalidInput
   */
  async predictEnsemble(inputs: FloatArray, options: { readonly members?: ArrayLike<number> } = {}): Promise<Ensemble> {
    requireInputs("predictEnsemble: inputs", inputs, this.network);
    requireOptions("predictEnsemble", options, ["members"]);
    const { predictTogether } = await import("./population.ts");
    if (options.members === undefined) return predictTogether(this.#executor, inputs);
    const members = await this.#pick("predictEnsemble: member", options.members);
    try {
      return await predictTogether(members.#executor, inputs);
    } finally {
      members.dispose();
    }
  }

  /**
   * One member, or several in the order named, as a model of its own on the same device.
   * @throws InvalidInput on a number that no member has, LimitExceeded, GpuOutOfMemory
   */
  pick(members: number | ArrayLike<number>): Promise<Model<Architecture>> {
    return this.#pick("pick: member", members);
  }

  /** Models of other members; they are not notified. */
  #place(members: number): Place & { readonly network: Architecture } {
    const { device, recovers } = this.#executor;
    return { device, network: this.network, members, recovers };
  }

  async #pick(place: string, members: number | ArrayLike<number>): Promise<Model<Architecture>> {
    const { chosenMembers, readMembers } = await import("./population.ts");
    const chosen = chosenMembers(place, members, this.members);
    const parameters = await readMembers(this.#executor, chosen);
    return openModel(this.#place(chosen.length), () => parameters);
  }

  /**
   * A model whose parameters are the mean of the members', taken in float64. Sensible only for networks that lie near each
   * other, such as those that continued from the same one; of networks trained apart use `predictEnsemble`.
   * @param members default all
   * @throws InvalidInput on a number that no member has, LimitExceeded, GpuOutOfMemory
   */
  async average(members?: ArrayLike<number>): Promise<Model<Architecture>> {
    const { allMembers, averageParameters, chosenMembers } = await import("./population.ts");
    const chosen = chosenMembers("average: member", members ?? allMembers(this.members), this.members);
    const parameters = await averageParameters(this.#executor, chosen);
    return openModel(this.#place(1), () => parameters);
  }

  /** [members, parameterCount]: per layer weights [fanIn, fanOut] row-major, then bias; f64 on the CPU. */
  readParameters(): Promise<FloatArray> {
    return this.#executor.readParameters();
  }

  /**
   * Replaces the parameters [members, parameterCount]. Between two events of `train` its steps continue from them, but for members that have
   * stopped; where it keeps averages of the parameters, the model has them until the next step and the training continues as it was.
   * @throws InvalidInput on another length or a value that is not finite
   */
  writeParameters(parameters: FloatArray): void {
    requireParameters("writeParameters", parameters, this.members * this.network.parameterCount);
    this.#executor.writeParameters(parameters);
    if (this.#isTraining) this.#trainer?.parametersWritten(parameters.slice() as FloatArray);
  }

  /**
   * Bytes of a safetensors file from which `load` and `loadModel` restore the model: architecture, parameters, and what `extras` adds.
   * @throws InvalidInput when a parameter is not finite
   */
  async save(extras: SaveExtras = {}): Promise<Uint8Array> {
    const { encode } = await import("./savedModel.ts");
    return encode(this, await this.readParameters(), extras);
  }

  /**
   * Replaces the parameters by those of a file that `save` wrote.
   * @throws BadFile, or InvalidInput where the file holds another network or number of members
   */
  async load(bytes: Uint8Array): Promise<void> {
    const { decode, requireAlike } = await import("./savedModel.ts");
    const saved = await decode("load", bytes);
    requireAlike(this, saved);
    this.writeParameters(saved.parameters);
  }

  /**
   * The network as a function of WGSL, `fn name(x: array<f32, inputs>) -> array<f32, outputs>`, to paste into a shader of your own: what
   * `exportModule` of thalweg/data writes with `{ to: "wgsl" }`. It answers as `predict` does.
   * @param options.member which of several members, from 0
   * @param options.weights the storage buffer that the parameters are read from, as `readParameters` gives them; default: they are constants
   * @throws InvalidInput on a name that WGSL does not take, and on more than 4,096 parameters as constants
   */
  async wgslFunction(name: string, options: Omit<ModuleOptions, "to" | "name"> = {}): Promise<string> {
    requireOptions("wgslFunction", options, ["member", "weights"]);
    const { exportModule } = await import("../formats/source/exportModule.ts");
    const { network, members } = this;
    return exportModule(
      { network, members, parameters: await this.readParameters() },
      { to: "wgsl", name, ...options },
    );
  }

  /** The layers as a table of text: activation, output width and number of parameters of each, and their sum. */
  summary(): string {
    return summaryOf(this.network, this.members);
  }

  /**
   * Every value of one training step over `data` as one batch; the parameters stay as they are.
   * @param options what training makes of the targets
   */
  async trace(data: Dataset, optimizer: Optimizer, options: LabelOptions = {}): Promise<Trace> {
    requireDataset("trace", data, this.network);
    requireOptimizer("trace", optimizer);
    const { labelOptions, trainingRows } = await import("./trainingRows.ts");
    requireOptions("trace", options, labelOptions);
    return this.#executor.trace(trainingRows(this.network, data, options), optimizer);
  }

  /** Frees every buffer; may be called again. */
  dispose(): void {
    this.#executor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const known = ["device", "seed", "members", "initializer", "parameters", "recover", "onLost"];

/** `createModel` where this file is loaded. */
export async function startModel<Architecture extends AnyNetwork>(
  network: Architecture,
  options: ModelOptions,
): Promise<Model<Architecture>> {
  requireNetwork("createModel: network", network);
  requireOptions("createModel", options, known);
  const { device, seed = 0, initializer, parameters, recover: recovers = true, onLost } = options;
  requireBoolean("createModel: recover", recovers);
  requireCallback("createModel: onLost", onLost);
  const { members = typeof seed === "object" ? seed?.length : 1 } = options;
  requireInteger("createModel: members", members, 1, 2 ** 20);
  const length = members * network.parameterCount;
  if (parameters) requireParameters("createModel: parameters", parameters, length);
  const drawn = { seed, members, ...(initializer && { initializer }) };
  return openModel({ device, network, members, recovers, onLost }, () => parameters ?? initialize(network, drawn));
}

/** Allocates a model before its parameters are made: drawing some that would not fit could take minutes. */
async function openModel<Architecture extends AnyNetwork>(
  place: Place & { readonly network: Architecture },
  parameters: () => FloatArray,
): Promise<Model<Architecture>> {
  const executor = await RecoveringExecutor.open(place);
  try {
    executor.writeParameters(parameters());
    return new Model(place.network, executor);
  } catch (error) {
    executor.dispose();
    throw error;
  }
}
