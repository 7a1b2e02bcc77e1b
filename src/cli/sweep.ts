import { type AnyNetwork, type Device, type FloatArray, type Model, type ModelOptions, createModel } from "../node.ts";
import { describeData, describeDevice, describeNetwork, describePlan } from "./describe.ts";
import { Stop, exitCodes, messageOf } from "./exitCodes.ts";
import { openDevice, readTableFile } from "./files.ts";
import type { Interrupts } from "./interrupts.ts";
import { counted, duration, grouped } from "./numbers.ts";
import { createOutput } from "./output.ts";
import { type OutputFile, claimOutput, describeKept, describeOutputs, sweepTableKind } from "./outputFile.ts";
import { type ProgressView, createProgressView } from "./progress.ts";
import { readOptionsForTraining } from "./readFlags.ts";
import { describeSchedule } from "./scheduleFlag.ts";
import { type SweepPlan, axes, planSweep } from "./sweepPlan.ts";
import { rankNetworks } from "./sweepRanking.ts";
import { type SweepReport, axisNames, bestRecords, csvOf, reportOf, tellReport } from "./sweepReport.ts";
import { saveAfterLoss } from "./sweepLoss.ts";
import { type SweepResults, noResults, quantilesOf, rankedLosses, stepsTaken } from "./sweepResults.ts";
import { type SweepFlags, type SweepSession, optionsOf } from "./sweepSession.ts";
import { reductionsOf, requireStopping, stoppingOf } from "./stopping.ts";
import { describeValues } from "./sweepValues.ts";
import { working } from "./work.ts";
import { networkOf } from "./trainFlags.ts";
import {
  type Outcome,
  type Session,
  claimModel,
  interruptedAt,
  lostNote,
  prepareTable,
  recordOf,
  runTraining,
  save,
  scoreHeldOut,
  tellStopping,
} from "./training.ts";
import { exitCodeOfChecks, isVerified, requireVerified, verify } from "./verify.ts";

/** The settings in words, those that are given. */
function describeSettings({ output, flags, plan, prepared }: SweepSession): void {
  const batch = `batches of ${grouped(Math.min(flags.batchSize, prepared.trainingRows))}`;
  const sample = flags.bootstrap ? ", a bootstrap sample for each seed" : "";
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

/** Says everything there is to say before the first step. */
async function announce(session: SweepSession, device: Device): Promise<void> {
  const { output, flags, table, prepared, model, options, file, csv } = session;
  describeDevice(output, device);
  describeData(output, table, prepared, flags.splitSeed);
  describeNetwork(output, model.network, model.members);
  describePlan(output, await model.plan(prepared.training, options));
  describeOutputs(output, csv ? [file, csv] : [file], flags.force ?? false);
  describeSettings(session);
}

/** Shows the median of the networks: a few that are about to diverge would be all that there is to see in a mean. */
function viewOf({ output, flags, model }: SweepSession): ProgressView {
  const view = createProgressView(output, { epochs: flags.epochs, lossName: "median loss", chart: flags.chart });
  return {
    ...view,
    show(progress) {
      const [loss] = quantilesOf(progress.losses.subarray(-model.members), [0.5]);
      view.show({ ...progress, loss: loss! });
    },
  };
}

/** Scores and ranks the networks: all over the rows held out, only the best over the others, which are many more. */
async function measure(session: SweepSession): Promise<SweepResults> {
  const { flags, model, prepared } = session;
  const { validation } = prepared;
  const training = model.results ?? noResults(model.members);
  const scores = await model.evaluate(validation ?? prepared.training);
  const { ranking, learned } = await rankNetworks(model, prepared, rankedLosses(scores, training), flags.top);
  const rows = validation ? prepared.validationRows : prepared.trainingRows;
  return { training, scores, rows, isHeldOut: validation !== undefined, ranking, learned };
}

/** Parameters that the winner began with. */
async function initialParametersOf({ flags, model, plan }: SweepSession, winner: number): Promise<FloatArray> {
  const { device, network } = model;
  const { initializer } = flags;
  const seed = plan.settings.seed[winner]!;
  const single = await createModel(network, { device, seed, ...(initializer && { initializer }) });
  try {
    return await single.readParameters();
  } finally {
    single.dispose();
  }
}

/** Networks times steps that were done in a second. */
function tellSpeed(
  { output, plan, model }: SweepSession,
  { training }: SweepResults,
  { last }: Outcome,
): number | undefined {
  if (!last) return undefined;
  const taken = model.earlyStopping?.memberSteps ?? stepsTaken(training, last.step);
  const speed = (1000 * taken) / last.elapsedMs;
  const work = `${grouped(plan.members)} networks, ${grouped(last.step)} steps in ${duration(last.elapsedMs)}`;
  output.result("speed", `${grouped(speed)} networks·steps/s (${work})`);
  return speed;
}

async function sweepRecord(session: SweepSession, report: SweepReport, outcome: Outcome) {
  const { ranking, quantiles, stopped, ranked, rows, saturated, tied } = report;
  const { flags } = session;
  return {
    command: "sweep",
    ...(await recordOf(session, outcome)),
    winner: ranking[0],
    best: bestRecords(report, flags.top),
    quantiles: { of: ranked, at: quantiles },
    saturated: { networks: saturated, rows },
    tied,
    diverged: { count: stopped.length, first: stopped.slice(0, flags.top) },
    csv: flags.csv,
  };
}

/** Does what may be refused, and goes on. */
function attempts() {
  const refused: unknown[] = [];
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      refused.push(error);
      return undefined;
    }
  };
  return { attempt, refused };
}

/** After training: rank, save, tell, check. */
async function conclude(session: SweepSession, outcome: Outcome): Promise<void> {
  const { flags, output, interrupts, model, plan } = session;
  if (outcome.lost) return saveAfterLoss(session, outcome);
  const results = await working(output, "scoring the networks", () => measure(session));
  const report = reportOf(plan, results);
  const winner = report.ranking[0]!;
  if (!Number.isFinite(report.best))
    throw new Stop("no network has a finite loss, no model was saved", exitCodes.diverged[0]);
  const picked = await model.pick(winner);
  try {
    const { epochs: _, ...ofWinner } = optionsOf(flags, plan, winner);
    const steps = model.earlyStopping?.steps[winner];
    const length = steps === undefined ? { epochs: flags.epochs } : { steps };
    const reductions = model.reduceOnPlateau && reductionsOf(model.reduceOnPlateau, winner);
    const { validation, reduceOnPlateau } = session.options;
    const judged = reductions && validation && reduceOnPlateau && { validation, reduceOnPlateau };
    const options = { ...ofWinner, ...length, ...judged };
    const own: Session = { ...session, model: picked, options, ...(reductions && { reductions }) };
    const { attempt, refused } = attempts(); // a full disk, say: the ranking is told nevertheless
    const written = await attempt(() => save(own, outcome));
    const keptTable = await attempt(() =>
      session.csv?.write(new TextEncoder().encode(csvOf(report)), outcome.finished),
    );
    tellReport(output, report, flags.top);
    tellStopping(session);
    const networkStepsPerSecond = tellSpeed(session, results, outcome);
    const saved = (): void => {
      output.result("saved", `${written}, member ${winner}`);
      if (session.csv) output.result("", `${session.csv.path}, a line for each network${describeKept(keptTable)}`);
    };
    const record = { ...(await sweepRecord(session, report, outcome)), networkStepsPerSecond };
    if (refused.length > 0) {
      output.record({ ...record, exitCode: exitCodes.failed[0] });
      throw new Stop(refused.map(messageOf).join("; "), exitCodes.failed[0]);
    }
    if (interrupts.exitCode !== 0) {
      saved();
      output.record(record);
      throw interruptedAt(session, outcome);
    }
    const heldOut = await scoreHeldOut(own);
    const initialParameters = isVerified(flags) ? await initialParametersOf(session, winner) : undefined;
    const verified = initialParameters && (await verify(own, outcome, initialParameters));
    saved();
    output.record({ ...record, heldOut, ...verified, exitCode: exitCodeOfChecks(verified) });
    requireVerified(verified);
  } finally {
    picked.dispose();
  }
}

/** Where the table of all networks goes. */
function claimTable(input: string, { csv, force = false }: SweepFlags, model: OutputFile): OutputFile | undefined {
  if (csv === undefined) return undefined;
  return claimOutput({ file: csv, flag: "--csv", kind: sweepTableKind, inputs: [input], others: [model], force });
}

function createPopulation(
  flags: SweepFlags,
  plan: SweepPlan,
  network: AnyNetwork,
  start: Pick<ModelOptions, "device" | "onLost">,
): Promise<Model<AnyNetwork>> {
  const { initializer } = flags;
  const { members, settings } = plan;
  return createModel(network, { ...start, members, seed: settings.seed, ...(initializer && { initializer }) });
}

/** `thalweg sweep FILE`: wrong flags and data are told before a device is opened. */
export async function sweep(file: string, flags: SweepFlags, interrupts: Interrupts): Promise<void> {
  const output = createOutput(flags);
  const plan = planSweep(flags, flags.splitSeed);
  const ofAll = optionsOf(flags, plan);
  const modelFile = claimModel(file, flags);
  const csv = claimTable(file, flags, modelFile);
  const table = await readTableFile(output, file, readOptionsForTraining(flags));
  const prepared = await prepareTable(output, table, flags, flags.splitSeed);
  const network = networkOf(flags, prepared.preprocessing);
  const judged = { ...flags, members: 1 }; // one of them is verified
  requireStopping(judged, prepared);
  const device = await openDevice(output, flags.device);
  try {
    const model = await createPopulation(flags, plan, network, {
      device,
      onLost: (why) => output.info("", lostNote(why)),
    });
    const options = { ...ofAll, ...stoppingOf(judged, prepared) };
    const session = { flags, output, interrupts, table, prepared, options, model, plan, file: modelFile, csv };
    await announce(session, device);
    await conclude(session, await runTraining(session, viewOf(session)));
    model.dispose();
  } finally {
    device.dispose();
  }
}
