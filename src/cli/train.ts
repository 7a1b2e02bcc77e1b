import path from "node:path";
import {
  type Prepared,
  type Preprocessing,
  type Table,
  type TrainingSummary,
  encodeModel,
  prepare,
  scorePredictions,
} from "../data.ts";
import {
  type Device,
  type FloatArray,
  GpuLost,
  type Model,
  type Optimizer,
  type Progress,
  type TrainOptions,
  type Verification,
  acquire,
  createModel,
  verifyTraining,
  widthsOf,
} from "../node.ts";
import {
  describeData,
  describeDevice,
  describeNetwork,
  describePlan,
  scoreLines,
  verificationLines,
} from "./describe.ts";
import { Stop, exitCodes } from "./exitCodes.ts";
import { readTableFile, requireWritable, writeAtomically } from "./files.ts";
import type { Interrupts } from "./interrupts.ts";
import { byteSize, grouped } from "./numbers.ts";
import { type Output, createOutput } from "./output.ts";
import { predictionsOf } from "./predictionsOf.ts";
import { createProgressView } from "./progress.ts";
import { type TrainFlags, columnsOf, networkOf, optimizerOf, targetsOf } from "./trainFlags.ts";

/** Everything that one training needs, from its flags to its model. */
interface Session {
  readonly flags: TrainFlags;
  readonly output: Output;
  readonly interrupts: Interrupts;
  readonly table: Table;
  readonly prepared: Prepared;
  readonly options: TrainOptions;
  readonly model: Model;
  readonly path: string;
}

interface Outcome {
  readonly last: Progress | undefined;
  readonly finished: boolean;
  /** The GPU was lost: the model is what was copied from it last. */
  readonly lost?: GpuLost;
}

/** Beside the data's name, in the current folder. */
function outputPath(file: string, flags: TrainFlags): string {
  if (flags.output !== undefined) return flags.output;
  return file === "-" ? "model.safetensors" : `${path.parse(file).name}.safetensors`;
}

const optionsOf = (flags: TrainFlags, { validation }: Prepared, optimizer: Optimizer): TrainOptions => ({
  optimizer,
  epochs: flags.epochs,
  batchSize: flags.batchSize,
  seed: flags.seed,
  ...(validation && { validation }),
});

function prepareTable(table: Table, flags: TrainFlags): Prepared {
  const { task, columns, ignore, validation, seed, loss } = flags;
  return prepare(table, {
    target: targetsOf(table, flags),
    validation,
    seed,
    binary: loss === "binaryCrossEntropy",
    ...(task && { task }),
    ...(columns !== undefined && { columns: columnsOf(table, "--columns", columns) }),
    ...(ignore !== undefined && { ignore: columnsOf(table, "--ignore", ignore) }),
  });
}

/** Trains to the end, or to the end of the step in which a signal comes. */
async function trainModel({ flags, output, interrupts, prepared, options, model }: Session): Promise<Outcome> {
  const view = createProgressView(output, { epochs: flags.epochs, quiet: flags.quiet ?? false });
  const signal = interrupts.begin();
  let last: Progress | undefined;
  try {
    for await (const progress of model.train(prepared.training, { ...options, every: view.every, signal })) {
      last = progress;
      view.show(progress);
    }
    return { last, finished: true };
  } catch (error) {
    if (error instanceof GpuLost && model.lastGood) return { last, finished: false, lost: error };
    if (!signal.aborted) throw error;
    return { last, finished: false };
  } finally {
    view.end(); // the work ends with `save`, so that no signal comes between
  }
}

function requireConverged({ model }: Session, { last }: Outcome): void {
  const diverged = last?.diverged ?? 0;
  if (diverged === 0) return;
  const text = `${diverged} of ${model.replicas} replicas diverged, no model was saved; lower --learning-rate`;
  throw new Stop(text, exitCodes.diverged[0]);
}

/** Written before it is judged: a signal or a failed check afterwards costs no training. */
async function save(session: Session, outcome: Outcome): Promise<number> {
  const { flags, model, prepared, options } = session;
  const training: TrainingSummary = {
    steps: (outcome.lost ? model.lastGood?.step : outcome.last?.step) ?? 0,
    epochs: flags.epochs,
    batchSize: flags.batchSize,
    seed: flags.seed,
    optimizer: options.optimizer.name,
    learningRate: options.optimizer.learningRate,
    trainingRows: prepared.trainingRows,
    finished: outcome.finished,
  };
  const { network, replicas } = model;
  const parameters = outcome.lost ? model.lastGood!.parameters : await model.readParameters();
  const bytes = encodeModel({ network, replicas, parameters, preprocessing: prepared.preprocessing, training });
  writeAtomically(session.path, bytes);
  session.interrupts.end(session.path);
  return bytes.length;
}

async function scoreHeldOut({ model, prepared, output }: Session) {
  const { preprocessing, validation } = prepared;
  if (!validation) {
    output.result("held-out", "no rows were held out (--validation 0)");
    return undefined;
  }
  const predictions = await predictionsOf(model, preprocessing, validation.inputs);
  const score = scorePredictions(preprocessing, predictions, validation);
  const mean = model.replicas > 1 ? `, mean of ${model.replicas} replicas` : "";
  for (const line of scoreLines(score)) output.result("held-out", `${line}${mean}`);
  return score;
}

async function verify(session: Session, initialParameters: FloatArray): Promise<Verification> {
  const { model, prepared, options, output } = session;
  output.info("check", "taking the same steps in float64 on the CPU");
  const verification = await verifyTraining(model, { initialParameters, data: prepared.training, options });
  for (const [index, line] of verificationLines(verification).entries())
    output.result(index === 0 ? "check" : "", line);
  return verification;
}

function recordOf({ model, prepared, options, table, path: file, interrupts }: Session, { last, finished }: Outcome) {
  const { device, network, replicas } = model;
  const { preprocessing, trainingRows, validationRows, report } = prepared;
  const architecture = { widths: widthsOf(network), loss: network.loss, replicas, parameters: network.parameterCount };
  const training = last && {
    step: last.step,
    steps: last.steps,
    epoch: last.epoch,
    loss: last.loss,
    ms: last.elapsedMs,
  };
  return {
    command: "train",
    device: { kind: device.kind, name: device.name, why: device.why },
    data: { place: table.place, ...report, trainingRows, validationRows, preprocessing },
    network: architecture,
    plan: model.plan(prepared.training, options),
    training: { ...training, finished, validation: last?.validation },
    model: file,
    exitCode: interrupts.exitCode,
  };
}

/** After training: save, score, check, in the order in which they are told. */
async function conclude(session: Session, outcome: Outcome, initialParameters: FloatArray | undefined): Promise<void> {
  const { output, interrupts } = session;
  requireConverged(session, outcome);
  const bytes = await save(session, outcome);
  const saved = (): void => output.result("saved", `${session.path} (${byteSize(bytes)})`);
  const record = recordOf(session, outcome);
  if (outcome.lost) {
    saved();
    const exitCode = exitCodes.gpuLost[0];
    output.record({ ...record, exitCode });
    const step = grouped(session.model.lastGood!.step);
    throw new Stop(`${outcome.lost.message}; the model as it was after step ${step} is in ${session.path}`, exitCode);
  }
  if (interrupts.exitCode !== 0) {
    saved();
    output.record(record);
    const { last } = outcome;
    const done = last ? `after ${grouped(last.step)} of ${grouped(last.steps)} steps` : "in its first steps";
    throw new Stop(`interrupted ${done}; the model as it was is in ${session.path}`, interrupts.exitCode);
  }
  const heldOut = await scoreHeldOut(session);
  const verification = initialParameters && (await verify(session, initialParameters));
  saved();
  const exitCode = verification?.passed === false ? exitCodes.failed[0] : 0;
  output.record({ ...record, heldOut, verification, exitCode });
  if (exitCode !== 0)
    throw new Stop("the trained parameters deviate from the float64 reference by more than the bound", exitCode);
}

/** Says everything there is to say before the first step. */
function announce(session: Session, device: Device): void {
  const { output, flags, table, prepared, model, options } = session;
  describeDevice(output, device);
  describeData(output, table, prepared, flags.seed);
  describeNetwork(output, model.network, flags.replicas);
  describePlan(output, model.plan(prepared.training, options));
  const { name, learningRate } = options.optimizer;
  const batch = `batches of ${grouped(Math.min(flags.batchSize, prepared.trainingRows))}`;
  output.info("training", `${grouped(flags.epochs)} epochs, ${batch}, ${name}, learning rate ${learningRate}`);
}

async function createTrainingModel(flags: TrainFlags, preprocessing: Preprocessing, device: Device): Promise<Model> {
  const { seed, replicas, initializer } = flags;
  const network = networkOf(flags, preprocessing);
  return createModel(network, { device, seed, replicas, ...(initializer && { initializer }) });
}

/** `thalweg train FILE`: wrong flags and data are told before a device is opened. */
export async function train(file: string, flags: TrainFlags, interrupts: Interrupts): Promise<void> {
  const output = createOutput(flags);
  const optimizer = optimizerOf(flags);
  const modelPath = outputPath(file, flags);
  requireWritable(modelPath);
  const table = await readTableFile(file);
  const prepared = prepareTable(table, flags);
  networkOf(flags, prepared.preprocessing);
  const device = await acquire({ device: flags.device });
  try {
    const model = await createTrainingModel(flags, prepared.preprocessing, device);
    const options = optionsOf(flags, prepared, optimizer);
    const session: Session = { flags, output, interrupts, table, prepared, options, model, path: modelPath };
    announce(session, device);
    const initialParameters = flags.verify ? await model.readParameters() : undefined;
    await conclude(session, await trainModel(session), initialParameters);
    model.dispose();
  } finally {
    device.dispose();
  }
}
