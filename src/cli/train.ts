import { initialParameters, type Prepared, type Preprocessing, requireMetrics, type SavedCheckpoint } from "../data.ts";
import {
  type AnyNetwork,
  type Checkpoint,
  type Device,
  type FloatArray,
  InvalidInput,
  type Model,
  type Optimizer,
  createModel,
  nameOf,
} from "../node.ts";
import { Checkpointing, claimCheckpoints } from "./checkpointing.ts";
import { describeData, describeDevice, describeNetwork, describePlan } from "./describe.ts";
import { Stop, exitCodeOf, exitCodes } from "./exitCodes.ts";
import { openDevice, openModelFile, placeOf, readTableFile } from "./files.ts";
import { type FoldStage, isInFolds, tellFolds, withFolds } from "./folds.ts";
import { claimHistory } from "./historyFile.ts";
import type { Interrupts } from "./interrupts.ts";
import { metricOptions } from "./metrics.ts";
import { counted, grouped } from "./numbers.ts";
import { type Output, createOutput } from "./output.ts";
import { describeOutputs } from "./outputFile.ts";
import { type ProgressView, createProgressView } from "./progress.ts";
import { readOptionsForTraining } from "./readFlags.ts";
import { describeSchedule, scheduleOf } from "./scheduleFlag.ts";
import { inOwnWords, keptFlags, resume, tellOtherDevice } from "./resume.ts";
import { requireStopping, stoppingOf } from "./stopping.ts";
import { regularisationOf } from "./regularisation.ts";
import { updateOptionsOf } from "./updateFlags.ts";
import { type TrainFlags, networkOf, optimizerOf } from "./trainFlags.ts";
import {
  type Outcome,
  type Session,
  claimModel,
  interruptedAt,
  lostNote,
  resumeHint,
  prepareTable,
  recordOf,
  runTraining,
  save,
  type SessionOptions,
  scoreHeldOut,
  tellStopping,
} from "./training.ts";
import { exitCodeOfChecks, isVerified, requireVerified, verify } from "./verify.ts";

const optionsOf = (flags: TrainFlags, prepared: Prepared, optimizer: Optimizer): SessionOptions => ({
  optimizer,
  ...scheduleOf(flags),
  epochs: flags.epochs,
  batchSize: flags.batchSize,
  seed: flags.seed,
  strategy: flags.strategy,
  ...regularisationOf(flags),
  ...updateOptionsOf(flags),
  ...(prepared.validation && { validation: prepared.validation }),
  ...(flags.folds === undefined && metricOptions(flags, prepared.preprocessing)),
  ...stoppingOf(flags, prepared),
});

/** Flags that can make steps too long. */
const stepFlags = ({ momentum, weightDecay }: TrainFlags): string =>
  ["--learning-rate", ...(momentum ? ["--momentum"] : []), ...(weightDecay ? ["--weight-decay"] : [])].join(" or ");

function requireConverged({ model, flags }: Session<TrainFlags>, { last }: Outcome): void {
  const diverged = last?.diverged ?? 0;
  if (diverged === 0) return;
  const text = `${diverged} of ${model.members} members diverged, no model was saved; lower ${stepFlags(flags)}`;
  throw new Stop(text, exitCodes.diverged[0]);
}

/** Values from before the first step. */
interface Before {
  /** Where the steps are to be verified. */
  readonly initialParameters: FloatArray | undefined;
  readonly folds: Awaited<ReturnType<typeof tellFolds>> | undefined;
}

/** After training: save, score, check, in the order of the output. */
async function conclude(
  session: Session<TrainFlags>,
  outcome: Outcome,
  { initialParameters, folds }: Before,
): Promise<void> {
  const { output, interrupts } = session;
  requireConverged(session, outcome);
  const written = await save(session, outcome);
  const { model } = session;
  const course = { history: model.history, isFinished: outcome.finished };
  const history = await session.history?.write(nameOf(model.network.loss), course);
  const saved = (): void => {
    if (history !== undefined) output.result("history", history);
    output.result("saved", written);
  };
  const told = { crossValidation: folds, history: session.history?.file.path };
  const record = { command: "train", ...(await recordOf(session, outcome)), ...told };
  if (outcome.lost) {
    saved();
    const exitCode = exitCodes.gpuLost[0];
    output.record({ ...record, exitCode });
    const step = grouped(session.model.checkpoint!.step);
    throw new Stop(
      `${outcome.lost.message}; the model after step ${step} is in ${session.file.path}${resumeHint(session)}`,
      exitCode,
    );
  }
  if (interrupts.exitCode !== 0) {
    saved();
    output.record(record);
    throw interruptedAt(session, outcome);
  }
  tellStopping(session);
  const heldOut = await scoreHeldOut(session);
  const verified = initialParameters && (await verify(session, outcome, initialParameters));
  saved();
  output.record({ ...record, heldOut, ...verified, exitCode: exitCodeOfChecks(verified) });
  requireVerified(verified);
}

/** Prints everything that is known before the first step. */
async function announce(session: Session<TrainFlags>, device: Device): Promise<void> {
  const { output, flags, table, prepared, model, options, file, history, checkpointing } = session;
  describeDevice(output, device);
  describeData(output, table, prepared, flags.seed);
  describeNetwork(output, model.network, flags.members);
  describePlan(output, await model.plan(prepared.training, options), flags.verbose);
  describeOutputs(output, history ? [file, history.file] : [file], flags.force ?? false);
  if (checkpointing?.description) output.info("saving", checkpointing.description);
  const { name, learningRate } = options.optimizer;
  const batch = `batches of ${grouped(Math.min(flags.batchSize, prepared.trainingRows))}`;
  const rate = `learning rate ${learningRate}${describeSchedule(flags)}`;
  output.info("training", `${counted(flags.epochs, "epoch")}, ${batch}, ${name}, ${rate}`);
}

interface Start {
  readonly device: Device;
  /** Of the resumed run. */
  readonly parameters: FloatArray | undefined;
  readonly onLost: (why: string) => void;
}

async function createTrainingModel(
  flags: TrainFlags,
  preprocessing: Preprocessing,
  { device, parameters, onLost }: Start,
): Promise<Model<AnyNetwork>> {
  const { seed, members, initializer } = flags;
  const network = networkOf(flags, preprocessing);
  return createModel(network, {
    device,
    seed,
    members,
    onLost,
    ...(initializer && { initializer }),
    ...(parameters && { parameters }),
  });
}

/** Handles a run that was interrupted after its last step, before its model was saved. @returns whether it was */
function tellDone({ output, options }: Session<TrainFlags>, { last }: Outcome): boolean {
  if (options.resume === undefined || last?.step !== options.resume.step) return false;
  output.info("", `all ${grouped(last.step)} steps were already done; raise --epochs to train longer`);
  return true;
}

/** Cross-validates with `--folds`; returns the stored result for a run that was interrupted later. */
async function foldsOf(
  session: Session<TrainFlags>,
  resumed: SavedCheckpoint | undefined,
  inFolds: Checkpoint | undefined,
): Promise<Before["folds"]> {
  const { flags, prepared } = session;
  if (flags.folds === undefined) return undefined;
  if (resumed && !inFolds) return resumed.run["crossValidation"] as Before["folds"];
  return tellFolds(session, metricOptions(flags, prepared.preprocessing), inFolds);
}

const command = "train";

interface TrainCall {
  readonly flags: TrainFlags;
  readonly interrupts: Interrupts;
  /** Whether an option was typed. */
  readonly isTyped: (key: string) => boolean;
}

/** What the command writes at its end. */
function claimFiles(input: string, flags: TrainFlags): Pick<Session, "file" | "history"> {
  const file = claimModel(input, flags);
  return { file, history: claimHistory(input, flags, file) };
}

function viewOf(output: Output, { epochs, chart }: TrainFlags, { history }: Pick<Session, "history">): ProgressView {
  const view = createProgressView(output, { epochs, chart });
  return history?.watching(view) ?? view;
}

/** Throws `InvalidInput` on flags that do not fit the table, before a device is opened. @returns what the training starts from, where that is given */
async function requireFitting(
  flags: TrainFlags,
  prepared: Prepared,
  resumes: boolean,
): Promise<FloatArray | undefined> {
  requireMetrics("train", flags.metrics ?? [], prepared.preprocessing);
  requireStopping(flags, prepared);
  networkOf(flags, prepared.preprocessing);
  return resumes ? undefined : initialOf(flags, prepared.preprocessing);
}

/** What `--init` starts from; undefined without it, and where a checkpoint goes on. */
async function initialOf(flags: TrainFlags, preprocessing: Preprocessing): Promise<FloatArray | undefined> {
  const { init, activation, members } = flags;
  if (init === undefined) return undefined;
  if (flags.folds !== undefined) {
    const fix = "leave one of them out: folds start from their own weights";
    throw new InvalidInput({ place: "--init", expected: "no --folds", got: `--folds ${flags.folds}`, fix });
  }
  const model = await openModelFile(init, { activation });
  return initialParameters(model, networkOf(flags, preprocessing), members, `--init ${placeOf(init)}`);
}

/** `thalweg train FILE`: wrong flags and data are reported before a device is opened. */
export async function train(file: string, { flags: typed, interrupts, isTyped }: TrainCall): Promise<void> {
  const output = createOutput(typed);
  const resumed =
    typed.resume === undefined ? undefined : await resume(output, file, { flags: typed, command, isTyped });
  const flags = withFolds(resumed?.flags ?? typed);
  const place = claimCheckpoints({ flags, table: file, resumed: resumed?.file, command });
  const optimizer = optimizerOf(flags);
  const files = claimFiles(file, flags);
  const table = await readTableFile(output, file, readOptionsForTraining(flags));
  const prepared = await prepareTable(output, table, flags, flags.seed);
  const initial = await requireFitting(flags, prepared, resumed !== undefined);
  const device = await openDevice(output, flags.device);
  try {
    const inFolds = isInFolds(resumed?.saved) ? resumed?.saved.checkpoint : undefined;
    const checkpoint = inFolds ? undefined : resumed?.saved.checkpoint;
    const view = viewOf(output, flags, files);
    const say = (text: string): void => output.info("", text);
    const start = {
      device,
      parameters: checkpoint?.parameters ?? initial,
      onLost: (why: string) => say(lostNote(why)),
    };
    const model = await createTrainingModel(flags, prepared.preprocessing, start);
    const options = { ...optionsOf(flags, prepared, optimizer), ...(checkpoint && { resume: checkpoint }) };
    const [{ network }, { preprocessing }] = [model, prepared];
    let stage: FoldStage = { phase: "folds" };
    const contentOf = (state: Checkpoint) => {
      const run = { flags: keptFlags(flags), device: device.name, ...stage };
      return { network, members: state.bestSteps.length, checkpoint: state, preprocessing, run };
    };
    const checkpointing = place && new Checkpointing({ flags, table: file, place, command, contentOf, say });
    const session = { flags, output, interrupts, table, prepared, options, model, ...files, checkpointing };
    try {
      await announce(session, device);
      tellOtherDevice(output, resumed?.saved, device);
      const folds = await foldsOf(session, resumed?.saved, inFolds);
      stage = { ...(folds && { crossValidation: folds }) };
      const initialParameters = isVerified(flags) ? await model.readParameters() : undefined;
      const outcome = await runTraining(session, view);
      const before = tellDone(session, outcome) ? undefined : initialParameters; // no step is left to verify
      await conclude(session, outcome, { initialParameters: before, folds });
    } catch (error) {
      if (exitCodeOf(error) === exitCodes.diverged[0]) await checkpointing?.end(); // it would diverge again
      throw inOwnWords(error, table);
    }
    model.dispose();
  } finally {
    device.dispose();
  }
}
