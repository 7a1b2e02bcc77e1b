import { InvalidInput, requireOptions } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { requireInteger, requireName } from "../graph/network.ts";
import { type JudgedOptions, monitorOf } from "./monitor.ts";

/**
 * When the learning rate of a member is reduced, as `torch.optim.lr_scheduler.ReduceLROnPlateau`: it is judged by a metric on the validation
 * rows. A schedule multiplies the reduced rate.
 */
export interface ReduceOnPlateau extends JudgedOptions {
  /** What the rate is multiplied by, from 0 to below 1; default 0.1. */
  readonly factor?: number;
  /** Validations in a row without improvement that are tolerated: the next one reduces the rate. Default 10. */
  readonly patience?: number;
  /** How much an improvement takes at least; default 1e-4. */
  readonly threshold?: number;
  /** "rel" (default): better than best · (1 − threshold), of "max" best · (1 + threshold). "abs": than best − threshold, or best + threshold. */
  readonly thresholdMode?: "rel" | "abs";
  /** Validations after a reduction that are not counted; default 0. */
  readonly cooldown?: number;
  /** The rate, without the factor of a schedule, is reduced to no less; default 0. */
  readonly minLearningRate?: number;
  /** A reduction by no more than this is not made; default 1e-8. */
  readonly epsilon?: number;
}

/** Reductions on plateaus with every default filled in. */
export interface PlateauRule extends Required<Omit<ReduceOnPlateau, "interval">> {
  /** Monitored metric and mode, as in early stopping. */
  readonly everySteps: number;
}

const place = "train: reduceOnPlateau";

const defaults = {
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: "rel",
  cooldown: 0,
  minLearningRate: 0,
  epsilon: 1e-8,
} as const;

/**
 * Checks the option and fills in defaults.
 * @throws InvalidInput
 */
export function plateauRule(options: ReduceOnPlateau, network: AnyNetwork, everySteps: number): PlateauRule {
  requireOptions(place, options, ["metric", "mode", "interval", ...Object.keys(defaults)]);
  const { interval: _, ...own } = options;
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  const rule = { ...defaults, ...(Object.fromEntries(given) as typeof own) };
  if (!(typeof rule.factor === "number" && rule.factor >= 0 && rule.factor < 1)) {
    const expected = "a number from 0 to below 1";
    throw new InvalidInput({ place: `${place}: factor`, expected, got: String(rule.factor), fix: "pass 0.1" });
  }
  for (const name of ["patience", "cooldown"] as const) requireInteger(`${place}: ${name}`, rule[name], 0, 2 ** 32);
  requireName(`${place}: thresholdMode`, rule.thresholdMode, ["rel", "abs"]);
  for (const name of ["threshold", "minLearningRate", "epsilon"] as const) {
    if (Number.isFinite(rule[name]) && rule[name] >= 0) continue;
    const expected = "a number of at least 0";
    throw new InvalidInput({ place: `${place}: ${name}`, expected, got: String(rule[name]), fix: "leave it out" });
  }
  return { ...rule, everySteps, ...monitorOf(place, rule, network) };
}
