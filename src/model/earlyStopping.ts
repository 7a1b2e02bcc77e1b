import { InvalidInput, requireOptions } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { requireBoolean, requireInteger } from "../graph/network.ts";
import { type JudgedOptions, monitorOf } from "./monitor.ts";

/** When a member stops, as Keras' EarlyStopping: it is judged by a metric on the validation rows. */
export interface EarlyStopping extends JudgedOptions {
  /** Validations in a row without improvement after which a member stops; 0 and 1 both stop at the first. */
  readonly patience: number;
  /** An improvement is one by more than this; default 0. */
  readonly minDelta?: number;
  /** Whether each member ends with the parameters of its best validation (default), stopped or not, or with those it has at the end. */
  readonly restoreBest?: boolean;
}

/** Early stopping with every default filled in. */
export interface StoppingRule extends Required<Omit<EarlyStopping, "interval">> {
  /** Steps from one judgement to the next: at their multiples, however the training is interrupted. */
  readonly everySteps: number;
}

const place = "train: earlyStopping";

/**
 * Checks the option and fills in defaults.
 * @throws InvalidInput
 */
export function stoppingRule(options: EarlyStopping, network: AnyNetwork, everySteps: number): StoppingRule {
  requireOptions(place, options, ["patience", "minDelta", "metric", "mode", "interval", "restoreBest"]);
  const { patience, minDelta = 0, restoreBest = true } = options;
  requireInteger(`${place}: patience`, patience, 0, 2 ** 32);
  if (!(minDelta >= 0 && Number.isFinite(minDelta))) {
    const expected = "a number of at least 0";
    throw new InvalidInput({ place: `${place}: minDelta`, expected, got: String(minDelta), fix: "leave it out" });
  }
  requireBoolean(`${place}: restoreBest`, restoreBest);
  return { patience, minDelta, restoreBest, everySteps, ...monitorOf(place, options, network) };
}
