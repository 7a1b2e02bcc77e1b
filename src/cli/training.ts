import path from "node:path";
import {
  type Prepared,
  type PredictionScore,
  type Table,
  type TrainingSummary,
  encodeModel,
  prepare,
  scorePredictions,
  toPredictions,
} from "../data.ts";
import {
  type AnyNetwork,
  describeArchitecture,
  type FloatArray,
  GpuLost,
  type Model,
  type Progress,
  type Optimizer,
  type Reductions,
  type TrainOptions,
  nameOf,
} from "../node.ts";
import type { Checkpointing } from "./checkpointing.ts";
import { Stop } from "./exitCodes.ts";
import type { HistoryFile } from "./historyFile.ts";
import type { Interrupts } from "./interrupts.ts";
import { byteSize, grouped } from "./numbers.ts";
import type { Output } from "./output.ts";
import { type OutputFile, claimOutput, describeKept, modelKind } from "./outputFile.ts";
import { scoreLines } from "./scoreLines.ts";
import type { ProgressView } from "./progress.ts";
import { describeReductions, describeStopping } from "./stopping.ts";
import { startWork, working } from "./work.ts";
import { type CommonFlags, columnsOf, targetsOf } from "./trainFlags.ts";

// What `thalweg train` and `thalweg sweep` have in common: from a table to a model file.

/** Everything that one training needs, from its flags to its model. */
/** Options of a training whose optimizer the flags name. */
export type SessionOptions = TrainOptions & { readonly optimizer: Optimizer };

export interface Session<Flags extends CommonFlags = CommonFlags> {
  readonly flags: Flags;
  readonly output: Output;
  readonly interrupts: Interrupts;
  readonly table: Table;
  readonly prepared: Prepared;
  readonly options: SessionOptions;
  readonly model: Model<AnyNetwork>;
  /** Where the course of the training goes. */
  readonly history?: HistoryFile | undefined;
  /** Where the model goes. */
  readonly file: OutputFile;
  /** Of a network of a population, where its learning rate was reduced. */
  readonly reductions?: Reductions;
  /** Where its checkpoints are written during training. */
  readonly checkpointing?: Checkpointing | undefined;
  /** Steps that led to the model, where these are not all of the options. */
  readonly steps?: number | undefined;
}

export interface Outcome {
  readonly last: Progress | undefined;
  readonly finished: boolean;
  /** The GPU was lost: the model is what was copied from it last. */
  readonly lost?: GpuLost;
}

/** The model's file: without --output called like the data, in the current folder. */
export function claimModel(input: string, { output, force = false }: CommonFlags): OutputFile {
  const name = input === "-" ? "model" : path.parse(input).name;
  const file = output ?? `${name}.safetensors`;
  return claimOutput({ file, flag: "--output", kind: modelKind, inputs: [input], force });
}

/** @param seed decides which rows are held out */
export function prepareTable(output: Output, table: Table, flags: CommonFlags, seed: number): Promise<Prepared> {
  const { task, columns, ignore, weightColumn, validation, loss, missingCells, categories } = flags;
  const target = targetsOf(table, flags);
  const options = {
    target,
    validation,
    seed,
    binary: loss === "binaryCrossEntropy",
    missingCells,
    categories,
    ...(task && { task }),
    ...(columns !== undefined && { columns: columnsOf(table, "--columns", columns) }),
    ...(weightColumn !== undefined && { weightColumn }),
    ...(ignore !== undefined && { ignore: columnsOf(table, "--ignore", ignore) }),
  };
  const preparing = `preparing ${grouped(table.rowCount)} rows`;
  return working(output, preparing, (onProgress) => prepare(table, { ...options, onProgress }));
}

/** Saves the newest state at once, for a signal that cannot wait. @returns where it is saved; undefined before the first state */
function rescue(session: Session): string | undefined {
  const { model, file, checkpointing } = session;
  const { checkpoint } = model;
  if (!checkpoint) return undefined;
  const { step, parameters } = checkpoint;
  file.write(modelBytes(session, { parameters, step, finished: false }), false);
  checkpointing?.writeNow(checkpoint);
  return `the model after step ${grouped(step)} is in ${file.path}${resumeHint(session)}`;
}

/** `; to resume: thalweg train cars.csv --resume` */
export function resumeHint({ checkpointing }: Session): string {
  const command = checkpointing?.command;
  return command === undefined ? "" : `; to resume: ${command}`;
}

/** Printed at once when the device is lost. */
export const lostNote = (why: string): string =>
  `the device was lost: ${why}; opening another device and resuming from the last checkpoint`;

/** Trains to the end, or to the end of the step in which a signal comes. */
export async function runTraining(session: Session, view: ProgressView): Promise<Outcome> {
  const { interrupts, output, prepared, options, model, checkpointing } = session;
  const signal = interrupts.begin(() => rescue(session));
  const preparing = startWork(output, "preparing the first steps"); // a GPU compiles its kernels now
  let last: Progress | undefined;
  try {
    for await (const progress of model.train(prepared.training, {
      ...options,
      logInterval: view.logInterval,
      signal,
      ...(checkpointing && { checkpoint: checkpointing.option }),
    })) {
      preparing.end();
      last = progress;
      const { recovered } = progress;
      if (recovered) {
        const after = `after step ${grouped(recovered.step)}, ${grouped(recovered.ms)} ms later`;
        output.info("", `training continues on ${recovered.device} ${after}`);
      }
      view.show(progress);
    }
    return { last, finished: true };
  } catch (error) {
    if (error instanceof GpuLost && model.checkpoint) return { last, finished: false, lost: error };
    if (!signal.aborted) throw error;
    return { last, finished: false };
  } finally {
    preparing.end();
    view.end(); // the work ends with `save`, so that no signal comes between
  }
}

/**
 * Written before it is judged: a signal or a failed check afterwards costs no training.
 * @param trained the training whose state is kept, where the model is one of its members
 * @returns what to tell of it
 */
export async function save(session: Session, outcome: Outcome, trained = session): Promise<string> {
  const { model } = session;
  const { checkpoint } = model;
  const steps = (outcome.lost ? checkpoint?.step : outcome.last?.step) ?? checkpoint?.step ?? 0;
  const parameters = outcome.lost ? checkpoint!.parameters : await model.readParameters();
  const bytes = modelBytes(session, { parameters, step: steps, finished: outcome.finished });
  const kept = session.file.write(bytes, outcome.finished);
  await keepState(trained, outcome);
  session.interrupts.end(session.file.path);
  return `${session.file.path} (${byteSize(bytes.length)})${describeKept(kept)}`;
}

/** An interrupted run keeps its newest checkpoint; a finished one leaves no files that were not requested. */
async function keepState({ checkpointing, model, output }: Session, { finished }: Outcome): Promise<void> {
  await checkpointing?.settled();
  if (finished) return checkpointing?.end();
  const { checkpoint } = model;
  try {
    if (checkpoint) checkpointing?.writeNow(checkpoint);
  } catch (error) {
    output.info("", `no checkpoint could be written: ${(error as Error).message}`);
  }
}

interface ModelState {
  readonly parameters: FloatArray;
  readonly step: number;
  readonly finished: boolean;
}

function modelBytes(
  { flags, model, prepared, options }: Session,
  { parameters, step, finished }: ModelState,
): Uint8Array {
  const training: TrainingSummary = {
    steps: step,
    epochs: flags.epochs,
    batchSize: Math.min(flags.batchSize, prepared.trainingRows),
    seed: options.seed ?? 0,
    optimizer: options.optimizer.name,
    learningRate: options.optimizer.learningRate,
    trainingRows: prepared.trainingRows,
    finished,
  };
  const { network, members } = model;
  return encodeModel({ network, members, parameters, preprocessing: prepared.preprocessing, training });
}

export const stepsPerEpoch = ({ batchSize }: CommonFlags, { trainingRows }: Prepared): number =>
  Math.ceil(trainingRows / Math.min(batchSize, trainingRows));

/** Tells when members stopped, where they might. */
export function tellStopping({ model, output, flags, prepared }: Session): void {
  const { earlyStopping, reduceOnPlateau } = model;
  const perEpoch = stepsPerEpoch(flags, prepared);
  if (earlyStopping) output.result("training", describeStopping(earlyStopping, { perEpoch, epochs: flags.epochs }));
  if (reduceOnPlateau) output.result(earlyStopping ? "" : "training", describeReductions(reduceOnPlateau, perEpoch));
}

/** Tells how good the model is on the rows that were held out, in the units of the table. */
export async function scoreHeldOut({
  model,
  prepared,
  output,
  flags,
  options,
}: Session): Promise<PredictionScore | undefined> {
  const { preprocessing, validation } = prepared;
  if (!validation) {
    const { folds } = flags as { readonly folds?: number };
    output.result("held-out", `no rows were held out (${folds === undefined ? "--validation 0" : "--folds"})`);
    return undefined;
  }
  const predict = async () => toPredictions(preprocessing, await model.predict(validation.inputs), model.members);
  const predictions = await working(output, "scoring the held-out rows", predict);
  const score = scorePredictions(preprocessing, predictions, validation, options);
  const mean = model.members > 1 ? `, mean of ${model.members} members` : "";
  for (const [index, line] of scoreLines(score).entries()) {
    const isFirst = index === 0 || score.kind === "number";
    output.result(isFirst ? "held-out" : "", isFirst ? `${line}${mean}` : line);
  }
  return score;
}

/** The error that ends the command after a signal, once the model is saved. */
export function interruptedAt(session: Session, { last }: Outcome): Stop {
  const { file, interrupts } = session;
  const done = last ? `after ${grouped(last.step)} of ${grouped(last.steps)} steps` : "during the first steps";
  return new Stop(
    `interrupted ${done}; the current model is in ${file.path}${resumeHint(session)}`,
    interrupts.exitCode,
  );
}

const earlyStoppingRecord = ({ earlyStopping }: Model<AnyNetwork>) =>
  earlyStopping && {
    stoppedSteps: Array.from(earlyStopping.stoppedSteps),
    bestSteps: Array.from(earlyStopping.bestSteps),
    bestValues: Array.from(earlyStopping.bestValues),
  };

const plateauRecord = ({ reduceOnPlateau }: Model<AnyNetwork>) =>
  reduceOnPlateau && {
    factors: Array.from(reduceOnPlateau.factors),
    reductions: Array.from(reduceOnPlateau.reductions.steps, (step, at) => ({
      step,
      member: reduceOnPlateau.reductions.members[at],
      factor: reduceOnPlateau.reductions.factors[at],
    })),
  };

/** The training in the --json record. */
export async function recordOf(session: Session, { last, finished }: Outcome) {
  const { model, prepared, options, table, file, interrupts } = session;
  const { device, network, members } = model;
  const { preprocessing, trainingRows, validationRows, report } = prepared;
  const architecture = {
    widths: describeArchitecture(network),
    loss: nameOf(network.loss),
    members,
    parameters: network.parameterCount,
  };
  const training = last && {
    step: last.step,
    steps: last.steps,
    epoch: last.epoch,
    loss: last.loss,
    learningRate: last.learningRate,
    ms: last.elapsedMs,
  };
  return {
    device: { kind: device.kind, name: device.name, fallbackReason: device.fallbackReason },
    data: { place: table.place, ...report, trainingRows, validationRows, preprocessing },
    network: architecture,
    plan: await model.plan(prepared.training, options),
    training: {
      ...training,
      finished,
      validation: last?.validation,
      earlyStopping: earlyStoppingRecord(model),
      reduceOnPlateau: plateauRecord(model),
    },
    model: file.path,
    checkpoint: session.checkpointing?.newest,
    resume: session.checkpointing?.command,
    exitCode: interrupts.exitCode,
  };
}
