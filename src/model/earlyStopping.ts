import { InvalidInput, requireOptions } from "../errors.ts";
import type { Dataset } from "../backend/executor.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { requireInteger, requireName, takesLogits } from "../graph/network.ts";

/** What early stopping may watch, and whether higher values are better. */
const isHigherBetter = { loss: false, accuracy: true } as const;

/** The name of a metric that early stopping may watch. */
export type WatchedMetric = keyof typeof isHigherBetter;

/** When a member stops, as Keras' EarlyStopping: it is judged by a metric on the validation rows. */
export interface EarlyStopping {
  /** Validations in a row without improvement after which a member stops; 0 and 1 both stop at the first. */
  readonly patience: number;
  /** An improvement is one by more than this; default 0. */
  readonly minDelta?: number;
  /** On the validation rows; default: the loss. */
  readonly metric?: WatchedMetric;
  /** Whether low or high values are good; default: what the metric means. */
  readonly mode?: "min" | "max";
  /** How often members are judged; default: as `logInterval` says in steps or epochs, else after every epoch. An event tells each time. */
  readonly interval?: { readonly steps: number } | { readonly epochs: number };
  /** Whether each member ends with the parameters of its best validation (default), stopped or not, or with those it has at the end. */
  readonly restoreBest?: boolean;
}

/** Early stopping with every default filled in. */
export interface StoppingRule extends Required<Omit<EarlyStopping, "interval">> {
  /** Steps from one judgement to the next: at their multiples, however the training is interrupted. */
  readonly everySteps: number;
}

const place = "train: earlyStopping";
export const intervalPlace = `${place}: interval`;

interface StoppingContext {
  readonly validation: Dataset | undefined;
  /** See `StoppingRule`. */
  readonly everySteps: number;
}

/** What members are judged by. */
interface JudgedBy {
  readonly metric?: WatchedMetric;
  readonly mode?: "min" | "max";
}

/**
 * Checks by what members are judged and fills in defaults.
 * @param at the option, for messages
 * @throws InvalidInput
 */
export function judgeBy(
  at: string,
  { metric = "loss", ...options }: JudgedBy,
  network: AnyNetwork,
  validation: Dataset | undefined,
): Required<JudgedBy> {
  if (validation === undefined) {
    const fix = "pass validation: { inputs, targets } of rows that are held out";
    throw new InvalidInput({ place: at, expected: "validation rows, by which members are judged", got: "none", fix });
  }
  requireName(`${at}: metric`, metric, Object.keys(isHigherBetter));
  const { mode = isHigherBetter[metric] ? "max" : "min" } = options;
  requireName(`${at}: mode`, mode, ["min", "max"]);
  if (metric === "accuracy" && !takesLogits(network.loss)) {
    const expected = "a metric of this network: accuracy is one of the cross entropies";
    throw new InvalidInput({ place: `${at}: metric`, expected, got: metric, fix: 'watch "loss"' });
  }
  return { metric, mode };
}

/**
 * Checks the option and fills in defaults.
 * @throws InvalidInput
 */
export function stoppingRule(
  options: EarlyStopping,
  network: AnyNetwork,
  { validation, everySteps }: StoppingContext,
): StoppingRule {
  requireOptions(place, options, ["patience", "minDelta", "metric", "mode", "interval", "restoreBest"]);
  const { metric, mode } = judgeBy(place, options, network, validation);
  const { patience, minDelta = 0, restoreBest = true } = options;
  requireInteger(`${place}: patience`, patience, 0, 2 ** 32);
  if (!(minDelta >= 0 && Number.isFinite(minDelta))) {
    const expected = "a number of at least 0";
    throw new InvalidInput({ place: `${place}: minDelta`, expected, got: String(minDelta), fix: "leave it out" });
  }
  if (typeof restoreBest !== "boolean") {
    const fix = "pass true, or leave it out";
    throw new InvalidInput({
      place: `${place}: restoreBest`,
      expected: "true or false",
      got: String(restoreBest),
      fix,
    });
  }
  return { patience, minDelta, metric, mode, restoreBest, everySteps };
}
