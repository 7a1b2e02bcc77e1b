import { type CheckpointToSave, type Prepared, type SavedCheckpoint, requireMetrics } from "../data.ts";
import {
  type AnyNetwork,
  type Checkpoint,
  type Device,
  type FloatArray,
  type Model,
  type ModelOptions,
  type TrainOptions,
  createModel,
} from "../node.ts";
import { type CheckpointPlace, Checkpointing, claimCheckpoints } from "./checkpointing.ts";
import { describeData, describeDevice, describeNetwork, describePlan } from "./describe.ts";
import { exitCodeOf, exitCodes } from "./exitCodes.ts";
import { openDevice, readTableFile } from "./files.ts";
import { describeHalving, halvingOf, hyperbandNetworks } from "./halving.ts";
import type { Interrupts } from "./interrupts.ts";
import { counted, grouped } from "./numbers.ts";
import { type Output, createOutput } from "./output.ts";
import { describeOutputs } from "./outputFile.ts";
import { type ProgressView, createProgressView } from "./progress.ts";
import { readOptionsForTraining } from "./readFlags.ts";
import { inOwnWords, keptFlags, resume, tellOtherDevice } from "./resume.ts";
import { describeSchedule } from "./scheduleFlag.ts";
import { judgingFlagsOf, requireMonitor, stoppingOf } from "./stopping.ts";
import { conclude } from "./sweepConclusion.ts";
import { type SweepPlan, axes, planSweep } from "./sweepPlan.ts";
import { axisNames } from "./sweepReport.ts";
import { quantilesOf } from "./sweepResults.ts";
import { type SweepFlags, type SweepSession, claimTable, optionsOf } from "./sweepSession.ts";
import { describeValues } from "./sweepValues.ts";
import { networkOf } from "./trainFlags.ts";
import { claimModel, lostNote, prepareTable, runTraining, stepsPerEpoch } from "./training.ts";

/** Prints the given settings. */
function describeSettings({ output, flags, plan, prepared }: SweepSession): void {
  const batch = `batches of ${grouped(Math.min(flags.batchSize, prepared.trainingRows))}`;
  const sample = flags.bootstrap ? ", one bootstrap sample per seed" : "";
  output.info(
    "training",
    `${counted(flags.epochs, "epoch")}, ${batch}, ${flags.optimizer}${describeSchedule(flags)}${sample}`,
  );
  const { seed } = plan.settings;
  const own = `${seed[0]} to ${seed[seed.length - 1]}`;
  const lines = axes.flatMap((axis) => {
    const values = flags[axis];
    if (!values) return axis === "seed" ? [`seed ${own}`] : [];
    return [`${axisNames[axis]} ${describeValues(values, axis === "seed" ? String : undefined)}`];
  });
  output.info("sweep", `${grouped(plan.members)} networks: ${lines.join("; ")}`);
}

/** Prints everything that is known before the first step. */
async function announce(session: SweepSession, device: Device): Promise<void> {
  const { output, flags, table, prepared, model, options, file, csv, checkpointing } = session;
  describeDevice(output, device);
  describeData(output, table, prepared, flags.splitSeed);
  describeNetwork(output, model.network, model.members);
  describePlan(output, await model.plan(prepared.training, options), flags.verbose);
  describeOutputs(output, csv ? [file, csv] : [file], flags.force ?? false);
  if (checkpointing?.description) output.info("saving", checkpointing.description);
  describeSettings(session);
  if (options.halving) output.info("halving", describeHalving(options.halving));
}

const medianOf = (values: FloatArray): number => quantilesOf(values, [0.5])[0]!;

/** Shows the median over the networks: a few diverging networks would dominate a mean. */
function viewOf(output: Output, { epochs, chart }: SweepFlags, members: number): ProgressView {
  const view = createProgressView(output, { epochs, lossName: "median loss", chart });
  return {
    ...view,
    show(progress) {
      const { validation: scores, losses } = progress;
      const accuracy = scores?.accuracies && medianOf(scores.accuracies);
      const validation = scores && { ...scores, loss: medianOf(scores.losses), accuracy };
      view.show({ ...progress, loss: medianOf(losses.subarray(-members)), validation });
    },
  };
}

interface Start extends Pick<ModelOptions, "device" | "onLost"> {
  /** Of the resumed run. */
  readonly parameters: FloatArray | undefined;
}

function createPopulation(
  { initializer }: SweepFlags,
  { members, settings }: SweepPlan,
  network: AnyNetwork,
  { parameters, ...start }: Start,
): Promise<Model<AnyNetwork>> {
  const drawn = { seed: settings.seed, ...(initializer && { initializer }) };
  return createModel(network, { ...start, members, ...(parameters ? { parameters } : drawn) });
}

type Judged = Pick<TrainOptions, "earlyStopping" | "reduceOnPlateau" | "halving" | "validation">;

/** How networks are judged on the rows held out, each for itself or by the others. */
function judgedBy(flags: SweepFlags, prepared: Prepared): Judged {
  requireMonitor(flags, prepared);
  const halving = halvingOf(flags, prepared);
  const { monitor, ...others } = { ...flags, members: 1 }; // one of them is verified
  const isMonitored = halving === undefined || judgingFlagsOf(flags).length > 0;
  return {
    ...stoppingOf(isMonitored && monitor !== undefined ? { ...others, monitor } : others, prepared),
    ...halving,
  };
}

export interface SweepCall {
  readonly flags: SweepFlags;
  readonly interrupts: Interrupts;
  /** Whether an option was typed. */
  readonly isTyped: (key: string) => boolean;
}

const command = "sweep";

/** What is known of a run before a device is opened. */
interface Prospect extends Pick<
  SweepSession,
  "flags" | "output" | "interrupts" | "plan" | "file" | "csv" | "table" | "prepared"
> {
  readonly resumed: SavedCheckpoint | undefined;
  readonly network: AnyNetwork;
  readonly options: SweepSession["options"];
  readonly place: CheckpointPlace | undefined;
}

/** What was typed, or with `--resume` the options of the run. */
async function begin(name: string, { flags: typed, interrupts, isTyped }: SweepCall) {
  const output = createOutput(typed);
  const run = typed.resume === undefined ? undefined : await resume(output, name, { flags: typed, command, isTyped });
  return { output, interrupts, resumed: run, flags: run?.flags ?? typed };
}

async function prospect(name: string, begun: Awaited<ReturnType<typeof begin>>): Promise<Prospect> {
  const { output, interrupts, resumed: run, flags } = begun;
  const resumed = run?.saved;
  const plan = planSweep(flags, flags.splitSeed, hyperbandNetworks(flags));
  const place = claimCheckpoints({ flags, table: name, resumed: run?.file, command });
  const ofAll = optionsOf(flags, plan);
  const file = claimModel(name, flags);
  const csv = claimTable(name, flags, file);
  const table = await readTableFile(output, name, readOptionsForTraining(flags));
  const prepared = await prepareTable(output, table, flags, flags.splitSeed);
  requireMetrics("sweep", flags.metrics ?? [], prepared.preprocessing);
  const options = { ...ofAll, ...judgedBy(flags, prepared), ...(resumed && { resume: resumed.checkpoint }) };
  const network = networkOf(flags, prepared.preprocessing);
  return { flags, output, interrupts, plan, file, csv, table, prepared, resumed, network, options, place };
}

function checkpointingOf(
  { flags, plan, prepared, network, place }: Prospect,
  { name, device, say }: { readonly name: string; readonly device: Device; readonly say: (text: string) => void },
): Checkpointing | undefined {
  const contentOf = (checkpoint: Checkpoint): CheckpointToSave => {
    const { preprocessing } = prepared;
    const run = { command, flags: keptFlags(flags), device: device.name };
    return { network, members: plan.members, checkpoint, preprocessing, run };
  };
  // After its last step a run is ranked: it would have nothing to continue with, and its last losses are in no checkpoint.
  const lastStep = flags.epochs * stepsPerEpoch(flags, prepared);
  return place && new Checkpointing({ flags, table: name, command, place, contentOf, lastStep, say });
}

/** `thalweg sweep FILE`: wrong flags and data are reported before a device is opened. */
export async function sweep(name: string, call: SweepCall): Promise<void> {
  const begun = await begin(name, call);
  if (begun.flags.folds !== undefined) {
    const { sweepFolds } = await import("./sweepFolds.ts");
    return sweepFolds(name, begun);
  }
  const known = await prospect(name, begun);
  const { flags, output, plan, network, options, resumed, table } = known;
  const device = await openDevice(output, flags.device);
  try {
    const view = viewOf(output, flags, plan.members);
    const onLost = (why: string): void => output.info("", lostNote(why));
    const parameters = resumed?.checkpoint.parameters;
    const model = await createPopulation(flags, plan, network, { device, onLost, parameters });
    const checkpointing = checkpointingOf(known, { name, device, say: (text) => output.info("", text) });
    const session = { ...known, options, model, checkpointing };
    try {
      await announce(session, device);
      tellOtherDevice(output, resumed, device);
      await conclude(session, await runTraining(session, view));
    } catch (error) {
      if (exitCodeOf(error) === exitCodes.diverged[0]) await checkpointing?.end(); // it would diverge again
      throw inOwnWords(error, table);
    }
    model.dispose();
  } finally {
    device.dispose();
  }
}
