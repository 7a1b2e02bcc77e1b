import type { Dataset } from "../backend/executor.ts";
import { InvalidInput } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { MetricName } from "../metrics/metrics.ts";
import { type EarlyStopping, stoppingRule, type StoppingRule } from "./earlyStopping.ts";
import { type PlateauRule, plateauRule, type ReduceOnPlateau } from "./reduceOnPlateau.ts";

/** Options of a training that judge members on the validation rows. */
export interface JudgingOptions {
  /** Stop each member when its validation gets no better, and restore its best parameters. Needs `validation`. */
  readonly earlyStopping?: EarlyStopping;
  /** Reduce the learning rate of each member when its validation gets no better. Needs `validation`. */
  readonly reduceOnPlateau?: ReduceOnPlateau;
}

/** What follows from judging members, and when they are judged. */
export interface Judging {
  readonly stopping: StoppingRule | undefined;
  readonly plateau: PlateauRule | undefined;
  /** Beside loss and accuracy, which are scored anyway. */
  readonly metrics: readonly MetricName[];
  /** Steps from one judgement to the next: at their multiples, however the training is interrupted. */
  readonly everySteps: number;
}

/**
 * Checks the options and fills in defaults.
 * @throws InvalidInput
 */
export function judgingOf(
  { earlyStopping, reduceOnPlateau }: JudgingOptions,
  network: AnyNetwork,
  { validation, everySteps }: { readonly validation: Dataset | undefined; readonly everySteps: number },
): Judging {
  if (validation === undefined) {
    const place = `train: ${earlyStopping === undefined ? "reduceOnPlateau" : "earlyStopping"}`;
    const fix = "pass validation: { inputs, targets } of rows that are held out";
    throw new InvalidInput({ place, expected: "validation rows, by which members are judged", got: "none", fix });
  }
  const stopping = earlyStopping === undefined ? undefined : stoppingRule(earlyStopping, network);
  const plateau = reduceOnPlateau === undefined ? undefined : plateauRule(reduceOnPlateau, network);
  const monitored = [stopping, plateau].flatMap((rule) => (rule ? [rule.metric] : []));
  const metrics = new Set(monitored.flatMap((name) => (name === "loss" || name === "accuracy" ? [] : [name])));
  return { stopping, plateau, metrics: [...metrics], everySteps };
}
