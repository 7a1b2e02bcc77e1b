import { type CheckpointToSave, type Prepared, requireMetrics, type SavedCheckpoint } from "../data.ts";
import {
  type AnyNetwork,
  type Checkpoint,
  createModel,
  crossValidate,
  type CrossValidation,
  type Device,
  type FloatArray,
  InvalidInput,
  type Model,
} from "../node.ts";
import { Checkpointing, type CheckpointPlace, claimCheckpoints } from "./checkpointing.ts";
import { describeData, describeDevice, describeNetwork } from "./describe.ts";
import { exitCodeOf, exitCodes, messageOf, Stop } from "./exitCodes.ts";
import { openDevice, readTableFile } from "./files.ts";
import { type FoldStage, isInFolds, validateFolds, withFolds } from "./folds.ts";
import { halvingOf } from "./halving.ts";
import type { Interrupts } from "./interrupts.ts";
import { metricOptions } from "./metrics.ts";
import { counted, grouped } from "./numbers.ts";
import type { Output } from "./output.ts";
import { describeKept, describeOutputs, type OutputFile } from "./outputFile.ts";
import { createProgressView } from "./progress.ts";
import { readOptionsForTraining } from "./readFlags.ts";
import { inOwnWords, keptFlags, type Resumed, tellOtherDevice } from "./resume.ts";
import { stoppingOf } from "./stopping.ts";
import { planSweep, type SweepPlan } from "./sweepPlan.ts";
import {
  type ComparedSettings,
  csvOfSettings,
  rankSettings,
  recordOfSettings,
  settingAxes,
  tellSettings,
} from "./sweepFoldsReport.ts";
import { axisNames } from "./sweepReport.ts";
import { claimTable, type SweepFlags, optionsOf } from "./sweepSession.ts";
import { describeValues, type Values } from "./sweepValues.ts";
import { networkOf } from "./trainFlags.ts";
import {
  claimModel,
  interruptedAt,
  lostNote,
  type Outcome,
  prepareTable,
  recordOf,
  runTraining,
  save,
  scoreHeldOut,
  type Session,
} from "./training.ts";
import { exitCodeOfChecks, isVerified, requireVerified, verify } from "./verify.ts";

// `thalweg sweep --folds`: settings are compared by cross-validation, all of them, all seeds and all folds side by side; then the best one is
// trained on all rows.

/** Most seeds of a range. */
const mostSeeds = 2 ** 20;

/** The seeds that every setting is trained with. */
function seedsOf(values: Values | undefined): number[] {
  if (values === undefined) return [1];
  if (values.kind === "same") return [values.value];
  if (values.kind === "list") return [...values.values];
  const { from, to } = values;
  if (to - from < mostSeeds) return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const expected = `at most ${grouped(mostSeeds)} seeds`;
  throw new InvalidInput({ place: "--seed", expected, got: grouped(to - from + 1), fix: "pass a shorter range" });
}

/** What does not go with folds. @throws InvalidInput */
function refuseOthers(flags: SweepFlags): void {
  const none = { validation: undefined };
  halvingOf(flags, none);
  stoppingOf({ ...flags, members: 1 }, none);
}

/** Settings without the seed, which every one is trained with. */
function planSettings(flags: SweepFlags): SweepPlan {
  const { members, learningRate, momentum, weightDecay } = flags;
  const isCompared = settingAxes.some((axis) => flags[axis] && flags[axis].kind !== "same");
  if (isCompared) {
    const request = { members, learningRate, momentum, weightDecay };
    const given = Object.entries(request).filter(([, value]) => value !== undefined);
    return planSweep(Object.fromEntries(given), flags.splitSeed);
  }
  const fix = "pass --learning-rate log:1e-4..1, for example, or evaluate one setting with thalweg train --folds";
  const expected = "settings that differ in learning rate, momentum or weight decay";
  throw new InvalidInput({ place: "--folds", expected, got: "one", fix });
}

/** Results of the settings; kept in the checkpoint of the final training. */
type Validated = Pick<CrossValidation, "settings" | "trainingRows" | "diverged">;

/** What a sweep by folds is made of. */
interface FoldSweep extends ComparedSettings, Pick<Session, "interrupts" | "checkpointing" | "table" | "file"> {
  /** Where the table of the settings goes. */
  readonly csv: OutputFile | undefined;
  /** The resumed run. */
  readonly resumed: SavedCheckpoint | undefined;
  /** What checkpoints say of the folds from now on. */
  readonly enter: (stage: FoldStage) => void;
  readonly prepared: Prepared;
  readonly network: AnyNetwork;
  readonly device: Device;
}

/** The values of the settings, those that were given. */
const listsOf = ({ settings }: SweepPlan) =>
  Object.fromEntries(settingAxes.flatMap((axis) => (settings[axis] ? [[axis, settings[axis]]] : [])));

function describeSweep({ output, flags, plan, seeds, prepared }: FoldSweep): void {
  const lines = settingAxes.flatMap((axis) =>
    flags[axis] ? [`${axisNames[axis]} ${describeValues(flags[axis])}`] : [],
  );
  const trainings = plan.members * seeds.length * flags.folds!;
  output.info("sweep", `${counted(plan.members, "setting")}: ${lines.join("; ")}`);
  const each = Math.ceil(prepared.trainingRows / flags.folds!);
  const ofSeeds = seeds.length > 1 ? `, ${counted(seeds.length, "seed")}` : "";
  const rows = counted(each, "row");
  output.info(
    "folds",
    `${grouped(flags.folds!)} of up to ${rows}${ofSeeds}: ${grouped(trainings)} trainings side by side`,
  );
}

/** Trains all of them. */
async function validate(sweep: FoldSweep): Promise<Validated> {
  const { flags, output, prepared, network, device, plan, seeds, resumed, enter } = sweep;
  const known = resumed?.run["crossValidation"] as Validated | undefined;
  if (known) return known;
  enter({ phase: "folds" });
  const { initializer } = flags;
  const { perMember: _, seed: __, ...ofAll } = optionsOf(flags, plan);
  const view = createProgressView(output, { epochs: flags.epochs, lossName: "mean loss" });
  return validateFolds({ ...sweep, view, resume: resumed?.checkpoint }, (shown) =>
    crossValidate(network, prepared.training, {
      ...ofAll,
      ...metricOptions(flags, prepared.preprocessing),
      ...shown,
      device,
      folds: flags.folds!,
      seeds,
      settings: listsOf(plan),
      splitSeed: flags.splitSeed,
      ...(initializer && { initializer }),
    }),
  );
}

/** The winner, trained on all rows. */
interface Winner {
  readonly outcome: Outcome;
  /** Parameters before its first step. */
  readonly initial: FloatArray;
}

async function trainWinner(session: Session<SweepFlags>): Promise<Winner> {
  const { model, output, flags } = session;
  const initial = await model.readParameters();
  return { outcome: await runTraining(session, createProgressView(output, { epochs: flags.epochs })), initial };
}

/** Additional output at the end. */
interface Told {
  readonly told: object;
  /** Why the table could not be written. */
  readonly refused: string | undefined;
}

/** After training the winner: save, report, check. */
async function conclude(
  session: Session<SweepFlags>,
  { outcome, initial }: Winner,
  { told, refused }: Told,
): Promise<void> {
  const { output, interrupts, flags } = session;
  if (outcome.last?.diverged) {
    throw new Stop("the best setting diverged when trained on all rows, no model was saved", exitCodes.diverged[0]);
  }
  const written = await save(session, outcome);
  const record = { command: "sweep", ...(await recordOf(session, outcome)), ...told };
  if (outcome.lost || interrupts.exitCode !== 0) {
    output.result("saved", written);
    const exitCode = outcome.lost ? exitCodes.gpuLost[0] : interrupts.exitCode;
    output.record({ ...record, exitCode });
    if (!outcome.lost) throw interruptedAt(session, outcome);
    throw new Stop(`${outcome.lost.message}; the last copy of the model is in ${session.file.path}`, exitCode);
  }
  const heldOut = await scoreHeldOut(session);
  const { resume: _, ...wholeRun } = session.options; // all steps are checked, those before a resumption too
  const whole = { ...session, options: wholeRun };
  const verified = isVerified(flags) ? await verify(whole, outcome, initial) : undefined;
  output.result("saved", written);
  const exitCode = refused === undefined ? exitCodeOfChecks(verified) : exitCodes.failed[0];
  output.record({ ...record, heldOut, ...verified, exitCode });
  requireVerified(verified);
  if (refused !== undefined) throw new Stop(refused, exitCode);
}

/** @returns why the table could not be written: a full disk, say, which costs no training */
function writeTable(output: Output, csv: OutputFile, text: string): string | undefined {
  try {
    const kept = csv.write(new TextEncoder().encode(text), true);
    output.result("table", `${csv.path}, one line per setting${describeKept(kept)}`);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Ranks the settings, and trains the best. */
async function compare(sweep: FoldSweep): Promise<void> {
  const { flags, output, interrupts, prepared, network, device, plan, seeds, table, file, csv, checkpointing } = sweep;
  const { settings, trainingRows, diverged } = await validate(sweep);
  const validated = { settings, trainingRows, diverged };
  const ranking = rankSettings(settings);
  const winner = ranking[0]!;
  if (!Number.isFinite(settings[winner]!.loss.mean))
    throw new Stop("every setting diverged in some training, no model was saved", exitCodes.diverged[0]);
  tellSettings(sweep, settings, ranking);
  const refused = csv && writeTable(output, csv, csvOfSettings(settings, ranking));
  sweep.enter({ crossValidation: validated });
  const resume = isInFolds(sweep.resumed) ? undefined : sweep.resumed?.checkpoint;
  const seed = seeds[0]!;
  output.result("training", `setting ${winner} with seed ${seed} on all rows`);
  const { initializer } = flags;
  const onLost = (why: string): void => output.info("", lostNote(why));
  const begun = { device, seed, onLost, ...(initializer && { initializer }) };
  const model: Model<AnyNetwork> = await createModel(network, begun);
  const options = { ...optionsOf(flags, plan, winner), seed, ...(resume && { resume }) };
  const known = { flags, output, interrupts, table, prepared, options, model, file, checkpointing };
  try {
    const told = { winner, crossValidation: recordOfSettings(sweep, validated, ranking), csv: flags.csv };
    await conclude(known, await trainWinner(known), { told, refused });
  } finally {
    model.dispose();
  }
}

/** States of the run: of all trainings of the cross-validation, then of the one on all rows. */
function checkpointingOf(
  { flags, output, prepared, network, device }: Pick<FoldSweep, "flags" | "output" | "prepared" | "network" | "device">,
  { name, place }: { readonly name: string; readonly place: CheckpointPlace | undefined },
): Pick<FoldSweep, "checkpointing" | "enter"> {
  let stage: FoldStage = {};
  const { preprocessing } = prepared;
  const contentOf = (checkpoint: Checkpoint): CheckpointToSave => {
    const run = { command, flags: keptFlags(flags), device: device.name, ...stage };
    return { network, members: checkpoint.bestSteps.length, checkpoint, preprocessing, run };
  };
  const say = (text: string): void => output.info("", text);
  return {
    checkpointing: place && new Checkpointing({ flags, table: name, command, place, contentOf, say }),
    enter(entered) {
      stage = entered;
    },
  };
}

const command = "sweep";

/** A run with folds: new or resumed. */
interface FoldRun {
  readonly output: Output;
  readonly interrupts: Interrupts;
  readonly flags: SweepFlags;
  readonly resumed: Resumed<SweepFlags> | undefined;
}

/** `thalweg sweep FILE --folds K`: wrong flags and data are reported before a device is opened. */
export async function sweepFolds(name: string, { output, interrupts, ...run }: FoldRun): Promise<void> {
  const flags = withFolds(run.flags);
  refuseOthers(flags);
  const [plan, seeds] = [planSettings(flags), seedsOf(flags.seed)];
  const place = claimCheckpoints({ flags, table: name, resumed: run.resumed?.file, command });
  const file = claimModel(name, flags);
  const csv = claimTable(name, flags, file);
  const table = await readTableFile(output, name, readOptionsForTraining(flags));
  const prepared = await prepareTable(output, table, flags, flags.splitSeed);
  requireMetrics(command, flags.metrics ?? [], prepared.preprocessing);
  const network = networkOf(flags, prepared.preprocessing);
  const device = await openDevice(output, flags.device);
  const resumed = run.resumed?.saved;
  const known = { flags, output, prepared, network, device };
  const kept = checkpointingOf(known, { name, place });
  const sweep = { ...known, ...kept, interrupts, plan, seeds, table, file, csv, resumed };
  try {
    describeDevice(output, device);
    describeData(output, table, prepared, flags.splitSeed);
    describeNetwork(output, network, plan.members * seeds.length * flags.folds!);
    describeOutputs(output, csv ? [file, csv] : [file], flags.force ?? false);
    if (kept.checkpointing?.description) output.info("saving", kept.checkpointing.description);
    describeSweep(sweep);
    tellOtherDevice(output, resumed, device);
    await compare(sweep);
  } catch (error) {
    if (exitCodeOf(error) === exitCodes.diverged[0]) await kept.checkpointing?.end(); // it would diverge again
    throw inOwnWords(error, table);
  } finally {
    device.dispose();
  }
}
