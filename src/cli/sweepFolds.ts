import { type Prepared, requireMetrics } from "../data.ts";
import {
  type AnyNetwork,
  createModel,
  crossValidate,
  type CrossValidation,
  type Device,
  type FloatArray,
  InvalidInput,
  type Model,
} from "../node.ts";
import { describeData, describeDevice, describeNetwork } from "./describe.ts";
import { exitCodes, messageOf, Stop } from "./exitCodes.ts";
import { openDevice, readTableFile } from "./files.ts";
import { validateFolds, withFolds } from "./folds.ts";
import { halvingOf } from "./halving.ts";
import type { Interrupts } from "./interrupts.ts";
import { metricOptions } from "./metrics.ts";
import { counted, grouped } from "./numbers.ts";
import { createOutput, type Output } from "./output.ts";
import { describeKept, describeOutputs, type OutputFile } from "./outputFile.ts";
import { createProgressView } from "./progress.ts";
import { readOptionsForTraining } from "./readFlags.ts";
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
  const names = ["resume", "checkpoint", "every", "keep"] as const;
  const wrong = names.find((name) => flags[name] !== undefined && flags[name] !== false);
  if (wrong === undefined) return;
  const expected = "no --folds beside it: cross-validation keeps no state";
  throw new InvalidInput({ place: `--${wrong}`, expected, got: "both", fix: "leave one of them out" });
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
  const fix = "pass --learning-rate log:1e-4..1, for example, or judge one setting by thalweg train --folds";
  const expected = "settings that differ in learning rate, momentum or weight decay";
  throw new InvalidInput({ place: "--folds", expected, got: "one", fix });
}

/** What a sweep by folds is made of. */
interface FoldSweep extends ComparedSettings {
  readonly interrupts: Interrupts;
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
async function validate(sweep: FoldSweep): Promise<CrossValidation> {
  const { flags, output, interrupts, prepared, network, device, plan, seeds } = sweep;
  const { initializer } = flags;
  const { perMember: _, seed: __, ...ofAll } = optionsOf(flags, plan);
  const view = createProgressView(output, { epochs: flags.epochs, lossName: "mean loss" });
  return validateFolds(view, interrupts, (shown) =>
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

/** What else there is to tell at the end. */
interface Told {
  readonly told: object;
  /** Why the table could not be written. */
  readonly refused: string | undefined;
}

/** After the training of the winner: save, tell, check. */
async function conclude(
  session: Session<SweepFlags>,
  { outcome, initial }: Winner,
  { told, refused }: Told,
): Promise<void> {
  const { output, interrupts, flags } = session;
  if (outcome.last?.diverged) {
    throw new Stop("the best setting diverged on all rows, no model was saved", exitCodes.diverged[0]);
  }
  const written = await save(session, outcome);
  const record = { command: "sweep", ...(await recordOf(session, outcome)), ...told };
  if (outcome.lost || interrupts.exitCode !== 0) {
    output.result("saved", written);
    const exitCode = outcome.lost ? exitCodes.gpuLost[0] : interrupts.exitCode;
    output.record({ ...record, exitCode });
    if (!outcome.lost) throw interruptedAt(session, outcome);
    throw new Stop(`${outcome.lost.message}; the model as it was copied last is in ${session.file.path}`, exitCode);
  }
  const heldOut = await scoreHeldOut(session);
  const verified = isVerified(flags) ? await verify(session, outcome, initial) : undefined;
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
    output.result("table", `${csv.path}, a line for each setting${describeKept(kept)}`);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Ranks the settings, and trains the best. */
async function compare(
  sweep: FoldSweep,
  { table, file, csv }: Pick<Session, "table" | "file"> & { readonly csv: OutputFile | undefined },
) {
  const { flags, output, interrupts, prepared, network, device, plan, seeds } = sweep;
  const validated = await validate(sweep);
  const ranking = rankSettings(validated.settings);
  const winner = ranking[0]!;
  if (!Number.isFinite(validated.settings[winner]!.loss.mean))
    throw new Stop("every setting has diverged in a training, no model was saved", exitCodes.diverged[0]);
  tellSettings(sweep, validated.settings, ranking);
  const refused = csv && writeTable(output, csv, csvOfSettings(validated.settings, ranking));
  const seed = seeds[0]!;
  output.result("training", `setting ${winner} with seed ${seed} on all rows`);
  const { initializer } = flags;
  const onLost = (why: string): void => output.info("", lostNote(why));
  const model: Model<AnyNetwork> = await createModel(network, {
    device,
    seed,
    onLost,
    ...(initializer && { initializer }),
  });
  const options = { ...optionsOf(flags, plan, winner), seed };
  const session: Session<SweepFlags> = { flags, output, interrupts, table, prepared, options, model, file };
  try {
    const told = { winner, crossValidation: recordOfSettings(sweep, validated, ranking), csv: flags.csv };
    await conclude(session, await trainWinner(session), { told, refused });
  } finally {
    model.dispose();
  }
}

/** `thalweg sweep FILE --folds K`: wrong flags and data are told before a device is opened. */
export async function sweepFolds(place: string, typed: SweepFlags, interrupts: Interrupts): Promise<void> {
  const output = createOutput(typed);
  const flags = withFolds(typed);
  refuseOthers(flags);
  const [plan, seeds] = [planSettings(flags), seedsOf(flags.seed)];
  const file = claimModel(place, flags);
  const csv = claimTable(place, flags, file);
  const table = await readTableFile(output, place, readOptionsForTraining(flags));
  const prepared = await prepareTable(output, table, flags, flags.splitSeed);
  requireMetrics("sweep", flags.metrics ?? [], prepared.preprocessing);
  const network = networkOf(flags, prepared.preprocessing);
  const device = await openDevice(output, flags.device);
  const sweep = { flags, output, interrupts, prepared, network, device, plan, seeds };
  try {
    describeDevice(output, device);
    describeData(output, table, prepared, flags.splitSeed);
    describeNetwork(output, network, plan.members * seeds.length * flags.folds!);
    describeOutputs(output, csv ? [file, csv] : [file], flags.force ?? false);
    describeSweep(sweep);
    await compare(sweep, { table, file, csv });
  } finally {
    device.dispose();
  }
}
