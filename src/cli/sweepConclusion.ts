import { type FloatArray, createModel } from "../node.ts";
import { Stop, exitCodes, messageOf } from "./exitCodes.ts";
import { halvingLines, reachOf } from "./halving.ts";
import { metricOptions } from "./metrics.ts";
import { duration, grouped } from "./numbers.ts";
import { describeKept } from "./outputFile.ts";
import { reductionsOf } from "./stopping.ts";
import { saveAfterLoss } from "./sweepLoss.ts";
import { rankNetworks } from "./sweepRanking.ts";
import { type SweepReport, bestRecords, csvOf, reportOf, tellReport } from "./sweepReport.ts";
import { type SweepResults, noResults, rankedLosses, stepsTaken } from "./sweepResults.ts";
import { type SweepSession, optionsOf } from "./sweepSession.ts";
import {
  type Outcome,
  type Session,
  interruptedAt,
  recordOf,
  save,
  scoreHeldOut,
  stepsPerEpoch,
  tellStopping,
} from "./training.ts";
import { exitCodeOfChecks, isVerified, requireVerified, verify } from "./verify.ts";
import { working } from "./work.ts";

// After the training of a sweep: the networks are scored and ranked, the best is saved, reported and checked.

/** Scores and ranks the networks: all over the rows held out, only the best over the others, which are many more. */
async function measure(session: SweepSession): Promise<SweepResults> {
  const { flags, model, prepared } = session;
  const { validation } = prepared;
  const { halving } = model;
  const training = model.results ?? noResults(model.members);
  const scores = await model.evaluate(validation ?? prepared.training, metricOptions(flags, prepared.preprocessing));
  const ranked = { losses: rankedLosses(scores, training), reach: reachOf(halving) };
  const { ranking, learned } = await rankNetworks(model, prepared, ranked, flags.top);
  const rows = validation ? prepared.validationRows : prepared.trainingRows;
  return { training, scores, halving, rows, isHeldOut: validation !== undefined, ranking, learned };
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
  const taken = (model.earlyStopping ?? model.halving)?.memberSteps ?? stepsTaken(training, last.step);
  const speed = (1000 * taken) / last.elapsedMs;
  const work = `${grouped(plan.members)} networks, ${grouped(last.step)} steps in ${duration(last.elapsedMs)}`;
  output.result("speed", `${grouped(speed)} network steps/s (${work})`);
  return speed;
}

/** What successive halving has saved: steps of networks that were taken, of those that all would have taken to the end. */
function tellHalving({ output, model, prepared, flags, options }: SweepSession): void {
  const { halving } = model;
  if (!halving) return;
  const perEpoch = stepsPerEpoch(flags, prepared);
  for (const [at, line] of halvingLines(halving, perEpoch).entries()) output.result(at === 0 ? "halving" : "", line);
  const all = model.members * flags.epochs * perEpoch;
  const since = options.resume ? " since the run was resumed" : "";
  output.result("", `${grouped(halving.memberSteps)} of ${grouped(all)} network steps were trained${since}`);
}

const halvingRecord = ({ model }: SweepSession) =>
  model.halving && { rungs: model.halving.rungs, networkSteps: model.halving.memberSteps };

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
    halving: halvingRecord(session),
    csv: flags.csv,
  };
}

/** Tries an operation that may fail, and continues. */
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

/** After training: rank, save, report, check. */
export async function conclude(session: SweepSession, outcome: Outcome): Promise<void> {
  const { flags, output, interrupts, model, plan } = session;
  if (outcome.lost) return saveAfterLoss(session, outcome);
  const results = await working(output, "scoring the networks", () => measure(session));
  const report = reportOf(plan, results);
  const winner = report.ranking[0]!;
  if (!Number.isFinite(report.best))
    throw new Stop("no network has a finite loss, no model was saved", exitCodes.diverged[0]);
  const picked = await model.pick(winner);
  try {
    const steps = (model.earlyStopping ?? model.halving)?.steps[winner];
    const reductions = model.reduceOnPlateau && reductionsOf(model.reduceOnPlateau, winner);
    const { validation, reduceOnPlateau } = session.options;
    const judged = reductions && validation && reduceOnPlateau && { validation, reduceOnPlateau };
    const options = { ...optionsOf(flags, plan, winner), ...judged };
    const own: Session = { ...session, model: picked, options, steps, ...(reductions && { reductions }) };
    const { attempt, refused } = attempts(); // a full disk, say: the ranking is told nevertheless
    const written = await attempt(() => save(own, outcome, session));
    const keptTable = await attempt(() =>
      session.csv?.write(new TextEncoder().encode(csvOf(report)), outcome.finished),
    );
    tellReport(output, report, flags.top);
    tellStopping(session);
    tellHalving(session);
    const networkStepsPerSecond = tellSpeed(session, results, outcome);
    const saved = (): void => {
      output.result("saved", `${written}, member ${winner}`);
      if (session.csv) output.result("", `${session.csv.path}, one line per network${describeKept(keptTable)}`);
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
    const measured = metricOptions(flags, session.prepared.preprocessing);
    const heldOut = await scoreHeldOut({ ...own, options: { ...own.options, ...measured } });
    const initialParameters = isVerified(flags) ? await initialParametersOf(session, winner) : undefined;
    const verified = initialParameters && (await verify(own, outcome, initialParameters));
    saved();
    output.record({ ...record, heldOut, ...verified, exitCode: exitCodeOfChecks(verified) });
    requireVerified(verified);
  } finally {
    picked.dispose();
  }
}
