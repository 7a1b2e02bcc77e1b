import type { Prepared, Preprocessing } from "../data.ts";
import { type AnyNetwork, type Device, type FloatArray, type Model, type Optimizer, createModel } from "../node.ts";
import { describeData, describeDevice, describeNetwork, describePlan } from "./describe.ts";
import { Stop, exitCodes } from "./exitCodes.ts";
import { openDevice, readTableFile } from "./files.ts";
import type { Interrupts } from "./interrupts.ts";
import { counted, grouped } from "./numbers.ts";
import { createOutput } from "./output.ts";
import { describeOutputs } from "./outputFile.ts";
import { createProgressView } from "./progress.ts";
import { readOptionsForTraining } from "./readFlags.ts";
import { describeSchedule, scheduleOf } from "./scheduleFlag.ts";
import { stoppingOf } from "./stopping.ts";
import { regularisationOf } from "./regularisation.ts";
import { type TrainFlags, networkOf, optimizerOf } from "./trainFlags.ts";
import {
  type Outcome,
  type Session,
  claimModel,
  interruptedAt,
  prepareTable,
  recordOf,
  runTraining,
  save,
  type SessionOptions,
  scoreHeldOut,
  tellStopping,
} from "./training.ts";
import { exitCodeOfChecks, requireVerified, verify } from "./verify.ts";

const optionsOf = (flags: TrainFlags, prepared: Prepared, optimizer: Optimizer): SessionOptions => ({
  optimizer,
  ...scheduleOf(flags),
  epochs: flags.epochs,
  batchSize: flags.batchSize,
  seed: flags.seed,
  strategy: flags.strategy,
  ...regularisationOf(flags),
  ...(prepared.validation && { validation: prepared.validation }),
  ...stoppingOf(flags, prepared),
});

/** What makes the steps long, as far as it was asked for. */
const stepFlags = ({ momentum, weightDecay }: TrainFlags): string =>
  ["--learning-rate", ...(momentum ? ["--momentum"] : []), ...(weightDecay ? ["--weight-decay"] : [])].join(" or ");

function requireConverged({ model, flags }: Session<TrainFlags>, { last }: Outcome): void {
  const diverged = last?.diverged ?? 0;
  if (diverged === 0) return;
  const text = `${diverged} of ${model.members} members diverged, no model was saved; lower ${stepFlags(flags)}`;
  throw new Stop(text, exitCodes.diverged[0]);
}

/** After training: save, score, check, in the order in which they are told. */
async function conclude(
  session: Session<TrainFlags>,
  outcome: Outcome,
  initialParameters: FloatArray | undefined,
): Promise<void> {
  const { output, interrupts } = session;
  requireConverged(session, outcome);
  const written = await save(session, outcome);
  const saved = (): void => output.result("saved", written);
  const record = { command: "train", ...recordOf(session, outcome) };
  if (outcome.lost) {
    saved();
    const exitCode = exitCodes.gpuLost[0];
    output.record({ ...record, exitCode });
    const step = grouped(session.model.checkpoint!.step);
    throw new Stop(
      `${outcome.lost.message}; the model as it was after step ${step} is in ${session.file.path}`,
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

/** Says everything there is to say before the first step. */
function announce(session: Session<TrainFlags>, device: Device): void {
  const { output, flags, table, prepared, model, options, file } = session;
  describeDevice(output, device);
  describeData(output, table, prepared, flags.seed);
  describeNetwork(output, model.network, flags.members);
  describePlan(output, model.plan(prepared.training, options));
  describeOutputs(output, [file], flags.force ?? false);
  const { name, learningRate } = options.optimizer;
  const batch = `batches of ${grouped(Math.min(flags.batchSize, prepared.trainingRows))}`;
  const rate = `learning rate ${learningRate}${describeSchedule(flags)}`;
  output.info("training", `${counted(flags.epochs, "epoch")}, ${batch}, ${name}, ${rate}`);
}

async function createTrainingModel(
  flags: TrainFlags,
  preprocessing: Preprocessing,
  device: Device,
): Promise<Model<AnyNetwork>> {
  const { seed, members, initializer } = flags;
  const network = networkOf(flags, preprocessing);
  return createModel(network, { device, seed, members, ...(initializer && { initializer }) });
}

/** `thalweg train FILE`: wrong flags and data are told before a device is opened. */
export async function train(file: string, flags: TrainFlags, interrupts: Interrupts): Promise<void> {
  const output = createOutput(flags);
  const optimizer = optimizerOf(flags);
  const modelFile = claimModel(file, flags);
  const table = await readTableFile(output, file, readOptionsForTraining(flags));
  const prepared = await prepareTable(output, table, flags, flags.seed);
  networkOf(flags, prepared.preprocessing);
  const device = await openDevice(output, flags.device);
  try {
    const model = await createTrainingModel(flags, prepared.preprocessing, device);
    const options = optionsOf(flags, prepared, optimizer);
    const session = { flags, output, interrupts, table, prepared, options, model, file: modelFile };
    announce(session, device);
    const initialParameters = flags.verify ? await model.readParameters() : undefined;
    const view = createProgressView(output, { epochs: flags.epochs });
    await conclude(session, await runTraining(session, view), initialParameters);
    model.dispose();
  } finally {
    device.dispose();
  }
}
