import { bestMembers, type CrossValidated, type CrossValidation, type ValidatedSetting } from "../node.ts";
import { counted, grouped, percent, short } from "./numbers.ts";
import type { Output } from "./output.ts";
import type { Axis, SweepPlan } from "./sweepPlan.ts";
import { alignRight, axisNames } from "./sweepReport.ts";
import type { SweepFlags } from "./sweepSession.ts";

// Report of settings that were compared by cross-validation.

/** Axes of a setting: not the seed, since every setting is trained with each seed. */
export const settingAxes = ["learningRate", "momentum", "weightDecay"] as const satisfies readonly Axis[];

/** Settings and seeds that were compared. */
export interface ComparedSettings {
  readonly flags: SweepFlags;
  readonly output: Output;
  /** Of the settings, without seeds. */
  readonly plan: SweepPlan;
  readonly seeds: readonly number[];
}

/** Settings by their mean loss, the best first; of equal ones the first; last those of which a training has diverged. */
export function rankSettings(settings: readonly ValidatedSetting[]): number[] {
  const means = settings.map(({ loss }) => loss.mean);
  const finite = bestMembers(means, means.length);
  return [...finite, ...[...means.keys()].filter((at) => !Number.isFinite(means[at]))];
}

/** A score of each setting. */
interface Scored {
  readonly name: string;
  readonly show: (value: number) => string;
  readonly of: readonly CrossValidated[];
}

function scoresOf(settings: readonly ValidatedSetting[]): Scored[] {
  const first = settings[0]!;
  const metrics = Object.keys(first.metrics) as (keyof typeof first.metrics)[];
  return [
    { name: "loss", show: short, of: settings.map(({ loss }) => loss) },
    ...(first.accuracy ? [{ name: "accuracy", show: percent, of: settings.map(({ accuracy }) => accuracy!) }] : []),
    ...metrics.map((name) => ({ name, show: short, of: settings.map((setting) => setting.metrics[name]!) })),
  ];
}

const divergedOf = ({ loss }: ValidatedSetting): number =>
  loss.values.filter((value) => !Number.isFinite(value)).length;

/** Float32 has no more than nine digits. */
const cellOf = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(9))) : "");

/** A line for each setting, in the order of their numbers; cells are empty where a training has diverged. */
export function csvOfSettings(settings: readonly ValidatedSetting[], ranking: readonly number[]): string {
  const scores = scoresOf(settings);
  const names = Object.keys(settings[0]!.setting) as (typeof settingAxes)[number][];
  const heads = scores.flatMap(({ name }) => [`${name}Mean`, `${name}Deviation`]);
  const lines = settings.map((setting, at) => {
    const cells = scores.flatMap(({ of }) => [cellOf(of[at]!.mean), cellOf(of[at]!.deviation)]);
    const values = names.map((name) => cellOf(setting.setting[name]!));
    return [at, ranking.indexOf(at) + 1, ...cells, ...values, divergedOf(setting)].join(",");
  });
  return `${[["setting", "rank", ...heads, ...names, "diverged"].join(","), ...lines].join("\n")}\n`;
}

/** The table of the best. */
export function tellSettings(
  { output, flags, plan, seeds }: ComparedSettings,
  settings: readonly ValidatedSetting[],
  ranking: readonly number[],
): void {
  const scores = scoresOf(settings);
  const varied = settingAxes.filter((axis) => plan.varied.includes(axis));
  const told = ranking.filter((at) => Number.isFinite(settings[at]!.loss.mean)).slice(0, flags.top);
  const rows = told.map((at, rank) => [
    String(rank + 1),
    String(at),
    ...scores.map(({ of, show }) => `${show(of[at]!.mean)} ± ${show(of[at]!.deviation)}`),
    ...varied.map((axis) => short(settings[at]!.setting[axis]!)),
  ]);
  const heads = ["rank", "setting", ...scores.map(({ name }) => name), ...varied.map((axis) => axisNames[axis])];
  for (const [at, line] of alignRight([heads, ...rows]).entries()) output.result(at === 0 ? "best" : "", line);
  const models = counted(flags.folds! * seeds.length, "model");
  output.result(
    "",
    `mean ± deviation of ${models} each, scored on held-out folds; preprocessing was fitted on all rows`,
  );
  const diverged = settings.filter((setting) => divergedOf(setting) > 0).length;
  output.result("diverged", `${diverged === 0 ? "none" : grouped(diverged)} of ${counted(settings.length, "setting")}`);
}

/** The comparison in the --json record. */
export function recordOfSettings(
  { flags, plan, seeds }: ComparedSettings,
  { settings, trainingRows, diverged }: Pick<CrossValidation, "settings" | "trainingRows" | "diverged">,
  ranking: readonly number[],
) {
  const best = ranking.slice(0, flags.top).map((at, rank) => {
    const { setting, loss, accuracy, metrics } = settings[at]!;
    return { rank: rank + 1, setting: at, ...setting, loss, accuracy, metrics };
  });
  return { folds: flags.folds, seeds, settings: plan.members, trainingRows, divergedTrainings: diverged, best };
}
