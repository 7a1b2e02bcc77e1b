import type { Command } from "commander";
import { type PredictionScore, type SavedCheckpoint, scorePredictions, toPredictions } from "../data.ts";
import {
  type Checkpoint,
  crossValidate,
  type CrossValidation,
  type CrossValidationOptions,
  type Dataset,
  type FloatArray,
  InvalidInput,
  type MetricOptions,
} from "../node.ts";
import { Stop } from "./exitCodes.ts";
import { integer } from "./flags.ts";
import { counted, grouped, percent, short } from "./numbers.ts";
import { createProgressView, type ProgressView } from "./progress.ts";
import { judgingFlagsOf, type StoppingFlags } from "./stopping.ts";
import type { TrainFlags } from "./trainFlags.ts";
import type { Session } from "./training.ts";

// `--folds`: estimates the score on unseen rows by cross-validation.

export const addFoldOptions = (
  command: Command,
  then = "k-fold cross-validation: train once per fold with that fold held out, then train the model on all rows",
): Command => command.option("--folds <count>", then, integer("--folds", 2));

interface FoldFlags extends StoppingFlags {
  readonly folds?: number;
  readonly mixup?: unknown;
}

/** Flags for `--folds`: no rows are held out except the folds. @throws InvalidInput where that leaves nothing to judge by */
export function withFolds<Flags extends FoldFlags>(flags: Flags): Flags {
  if (flags.folds === undefined) return flags;
  if (flags.mixup !== undefined) {
    const expected = "no --mixup with it: held-out rows would be mixed with training rows";
    throw new InvalidInput({ place: "--folds", expected, got: "both", fix: "remove one of them" });
  }
  const [judging] = judgingFlagsOf(flags);
  if (judging === undefined) return { ...flags, validation: 0 };
  const expected = `no ${judging} with it: the final model is trained on all rows, so no validation rows are left`;
  throw new InvalidInput({ place: "--folds", expected, got: "both", fix: "remove one of them" });
}

/** A number over the folds. */
interface Measured {
  readonly name: string;
  readonly mean: number;
  /** That of a population. */
  readonly deviation: number;
  readonly format: (value: number) => string;
}

const fixed = (value: number): string => value.toFixed(4);

function measured(name: string, values: readonly number[], format: (value: number) => string): Measured {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { name, mean, deviation: Math.sqrt(squares / values.length), format };
}

/** Some rows of values [rows, width]. */
function rowsOf(values: FloatArray, width: number, rows: readonly number[]): Float64Array {
  const picked = new Float64Array(rows.length * width);
  for (const [place, row] of rows.entries()) picked.set(values.subarray(row * width, (row + 1) * width), place * width);
  return picked;
}

/** Scores of each model on the rows that it has not seen. */
function scoresOf(
  { prepared, model }: Session<TrainFlags>,
  { foldOf, predictions }: CrossValidation,
): PredictionScore[] {
  const { preprocessing, training } = prepared;
  const { outputs } = model.network;
  const folds = foldOf.reduce((most, fold) => Math.max(most, fold), 0) + 1;
  const rows = Array.from({ length: folds }, (_, fold) => [...foldOf.keys()].filter((row) => foldOf[row] === fold));
  const size = training.targets.length;
  return Array.from({ length: predictions!.length / size }, (_, seed) =>
    predictions!.subarray(seed * size, (seed + 1) * size),
  ).flatMap((all) =>
    rows.map((held) => {
      const data: Dataset = { inputs: new Float32Array(), targets: rowsOf(training.targets, outputs, held) };
      return scorePredictions(preprocessing, toPredictions(preprocessing, rowsOf(all, outputs, held), 1), data);
    }),
  );
}

const show = (value: number): string => short(value);

/** Scores of the table, requested metrics, and the loss. */
function measuresOf(scores: readonly PredictionScore[], { settings }: CrossValidation): Measured[] {
  const { loss, metrics } = settings[0]!;
  const asked = Object.entries(metrics).map(([name, own]) => measured(name, Array.from(own!.values), show));
  const others = [...asked, measured("loss", Array.from(loss.values), show)];
  const ofClasses = scores.filter((score) => score.kind === "class");
  if (ofClasses.length > 0) {
    const of = (name: "accuracy" | "balancedAccuracy" | "macroF1"): number[] => ofClasses.map((score) => score[name]);
    return [
      measured("accuracy", of("accuracy"), percent),
      measured("balanced accuracy", of("balancedAccuracy"), percent),
      measured("macro F1", of("macroF1"), fixed),
      ...others,
    ];
  }
  const ofNumbers = scores.filter((score) => score.kind === "number");
  const columns = ofNumbers[0]!.columns.flatMap(({ name }, at) => {
    const of = (figure: "rmse" | "r2"): number[] => ofNumbers.map((score) => score.columns[at]![figure]);
    return [measured(`${name}: RMSE`, of("rmse"), show), measured(`${name}: R²`, of("r2"), fixed)];
  });
  return [...columns, ...others];
}

/** What a checkpoint of a run with folds says of them. */
export interface FoldStage {
  /** Checkpoint from which the cross-validation resumes. */
  readonly phase?: "folds";
  /** Its outcome, once it has ended: the model is trained on all rows. */
  readonly crossValidation?: unknown;
}

/** Whether a run was interrupted while it was cross-validated. */
export const isInFolds = (saved: SavedCheckpoint | undefined): boolean => saved?.run["phase"] === "folds";

/** Where a cross-validation keeps its state, and shows how it goes. */
interface Watched extends Pick<Session, "interrupts" | "checkpointing"> {
  readonly view: ProgressView;
  /** The checkpoint of the resumed run. */
  readonly resume: Checkpoint | undefined;
}

type ShownOptions = Pick<CrossValidationOptions, "signal" | "onProgress" | "checkpoint" | "resume">;

/** Shows the progress of a cross-validation, and keeps its state. @throws Stop where a signal ends it */
export async function validateFolds(
  { view, interrupts, checkpointing, resume }: Watched,
  validate: (shown: ShownOptions) => Promise<CrossValidation>,
): Promise<CrossValidation> {
  const hint = (): string | undefined => checkpointing?.command && `to resume: ${checkpointing.command}`;
  const signal = interrupts.begin(hint);
  try {
    return await validate({
      signal,
      onProgress: (progress) => view.show(progress),
      ...(checkpointing && { checkpoint: checkpointing.option }),
      ...(resume && { resume }),
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    await checkpointing?.settled();
    const where = ["interrupted during cross-validation, before a model was trained", hint()];
    throw new Stop(where.filter((part) => part !== undefined).join("; "), interrupts.exitCode);
  } finally {
    view.end();
  }
}

/** Cross-validates, and prints mean and deviation of every metric. @returns the part of the --json record */
export async function tellFolds(session: Session<TrainFlags>, asked: MetricOptions, resume?: Checkpoint) {
  const { flags, model, prepared, options, output } = session;
  const { folds, members, initializer } = flags;
  const { validation: _, earlyStopping: __, resume: ___, ...ofTraining } = options;
  const rows = prepared.trainingRows;
  const each = Math.ceil(rows / folds!);
  output.info(
    "folds",
    `${grouped(folds!)} of ${each === rows / folds! ? "" : "up to "}${counted(each, "row")}, ${counted(folds! * members, "training")} side by side`,
  );
  const view = createProgressView(output, { epochs: flags.epochs });
  const validated = await validateFolds({ ...session, view, resume }, (shown) =>
    crossValidate(model.network, prepared.training, {
      ...ofTraining,
      ...asked,
      ...shown,
      device: model.device,
      folds: folds!,
      seeds: Array.from({ length: members }, (_seed, at) => flags.seed + at),
      splitSeed: flags.seed,
      predictions: true,
      ...(initializer && { initializer }),
    }),
  );
  const measures = measuresOf(scoresOf(session, validated), validated);
  for (const [at, { name, mean, deviation, format }] of measures.entries())
    output.result(at === 0 ? "folds" : "", `${name} ${format(mean)} ± ${format(deviation)}`);
  const of = `mean ± deviation of ${counted(folds! * members, "model")}, each scored on its held-out fold`;
  output.result("", `${of}; preprocessing was fitted on all rows`);
  if (validated.diverged > 0) output.result("", `${validated.diverged} of these models diverged`);
  const metrics = Object.fromEntries(measures.map(({ name, mean, deviation }) => [name, { mean, deviation }]));
  return { folds: folds!, trainingRows: validated.trainingRows, diverged: validated.diverged, metrics };
}
