import type { Dataset } from "../backend/executor.ts";
import { InvalidInput } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { MetricName } from "../metrics/metrics.ts";
import { type EarlyStopping, stoppingRule, type StoppingRule } from "./earlyStopping.ts";
import { type Halving, type HalvingContext, halvingRule, type HalvingRule } from "./halving.ts";
import { type JudgedOptions, type Monitor, monitorOf } from "./monitor.ts";
import { type PlateauRule, plateauRule, type ReduceOnPlateau } from "./reduceOnPlateau.ts";

/** Options of a training that judge members on the validation rows. */
export interface JudgingOptions {
  /** Stop each member when its validation gets no better, and restore its best parameters. Needs `validation`. */
  readonly earlyStopping?: EarlyStopping;
  /** Reduce the learning rate of each member when its validation gets no better. Needs `validation`. */
  readonly reduceOnPlateau?: ReduceOnPlateau;
  /** Compare members at rungs by their validation, and let only the best continue: successive halving, or Hyperband. Needs `validation`. */
  readonly halving?: Halving;
}

/** What follows from judging members. */
export interface Judging {
  readonly stopping: StoppingRule | undefined;
  readonly plateau: PlateauRule | undefined;
  readonly halving: HalvingRule | undefined;
  /** Beside loss and accuracy, which are scored anyway. */
  readonly metrics: readonly MetricName[];
  /** Steps from one judgement that comes again and again to the next; undefined where only halving judges. */
  readonly everySteps: number | undefined;
  /** Whether every event has scores, or only those that judge. */
  readonly scoresAll: boolean;
}

interface JudgingContext extends Omit<HalvingContext, "monitor"> {
  readonly validation: Dataset | undefined;
  /** Steps between two judgements. */
  readonly stepsOf: (place: string, interval: JudgedOptions["interval"]) => number;
}

/** The options that judge members, those that are given. */
const judgingOptions = ["earlyStopping", "reduceOnPlateau", "halving"] as const satisfies (keyof JudgingOptions)[];

function requireRows(options: JudgingOptions, validation: Dataset | undefined): void {
  if (validation !== undefined) return;
  const place = `train: ${judgingOptions.find((name) => options[name] !== undefined)}`;
  const fix = "pass validation: { inputs, targets } of rows that are held out";
  throw new InvalidInput({ place, expected: "validation rows, by which members are judged", got: "none", fix });
}

/**
 * Checks the options and fills in defaults.
 * @throws InvalidInput
 */
export function judgingOf(options: JudgingOptions, network: AnyNetwork, context: JudgingContext): Judging {
  const { earlyStopping, reduceOnPlateau, halving } = options;
  const { validation, stepsOf } = context;
  requireRows(options, validation);
  const everyOf = (name: "earlyStopping" | "reduceOnPlateau"): number =>
    stepsOf(`train: ${name}: interval`, options[name]?.interval);
  const stopping =
    earlyStopping === undefined ? undefined : stoppingRule(earlyStopping, network, everyOf("earlyStopping"));
  const plateau =
    reduceOnPlateau === undefined ? undefined : plateauRule(reduceOnPlateau, network, everyOf("reduceOnPlateau"));
  const monitor = (): Monitor => monitorOf("train: halving", halving!, network);
  const rungs = halving === undefined ? undefined : halvingRule(halving, { ...context, monitor });
  const monitored = [stopping, plateau, rungs].flatMap((rule) => (rule ? [rule.metric] : []));
  const metrics = new Set(monitored.flatMap((name) => (name === "loss" || name === "accuracy" ? [] : [name])));
  const every = [stopping, plateau].flatMap((rule) => (rule ? [rule.everySteps] : []));
  const everySteps = every.length > 0 ? Math.min(...every) : undefined;
  const given = [earlyStopping, reduceOnPlateau].filter((option) => option !== undefined);
  const scoresAll = halving !== undefined || given.some(({ interval }) => interval === undefined);
  return { stopping, plateau, halving: rungs, metrics: [...metrics], everySteps, scoresAll };
}
