import type { Command } from "commander";
import type { Prepared } from "../data.ts";
import { type Halving, type HalvingResult, hyperbandMembers, InvalidInput, type TrainOptions } from "../node.ts";
import { integer } from "./flags.ts";
import { counted, grouped } from "./numbers.ts";
import type { StoppingFlags } from "./stopping.ts";

// Successive halving and Hyperband on the command line: flags, options and report.

export interface HalvingFlags {
  /** The factor; true: the usual one. */
  readonly halving?: number | true;
  readonly hyperband?: number | true;
  readonly minEpochs?: number;
}

export const addHalvingOptions = (command: Command): Command =>
  command
    .option(
      "--halving [factor]",
      "successive halving: at each rung keep the best 1 / factor of the networks by held-out loss (or --monitor) and stop the others (default factor: 3)",
      integer("--halving", 2, 2 ** 20),
    )
    .option(
      "--hyperband [factor]",
      "Hyperband: several halving brackets, each with a later first rung; without --members it chooses the number of networks",
      integer("--hyperband", 2, 2 ** 20),
    )
    .option(
      "--min-epochs <count>",
      "epochs before the first rung of --halving or --hyperband (default: 1)",
      integer("--min-epochs", 1, 2 ** 32),
    );

/** The given flag. */
const flagOf = ({ halving, hyperband }: HalvingFlags): "--halving" | "--hyperband" | undefined =>
  halving === undefined ? (hyperband === undefined ? undefined : "--hyperband") : "--halving";

const factorOf = ({ halving, hyperband }: HalvingFlags): number => {
  const factor = halving ?? hyperband;
  return typeof factor === "number" ? factor : 3;
};

/** Number of networks where neither --members nor lists give it; undefined: the default. */
export const hyperbandNetworks = (flags: HalvingFlags & { readonly epochs: number }): number | undefined =>
  flags.hyperband === undefined
    ? undefined
    : Math.max(2, hyperbandMembers(Math.max(1, flags.epochs / (flags.minEpochs ?? 1)), factorOf(flags)));

/** Other options that it must not be combined with. */
interface BesideHalving extends HalvingFlags, StoppingFlags {
  readonly epochs: number;
  readonly folds?: number;
  readonly optimizer?: string;
}

function refuse(place: string, expected: string, got: string, fix: string): never {
  throw new InvalidInput({ place, expected, got, fix });
}

/** @throws InvalidInput where incompatible options are given */
function requireAlone(flag: string, { folds, optimizer }: BesideHalving): void {
  const refuseBeside = (other: string, why = ""): never =>
    refuse(flag, `no ${other} with it${why}`, "both", "remove one of them");
  if (optimizer === "lbfgs")
    refuseBeside("--optimizer lbfgs", ": it would compare networks in the middle of a line search");
  if (folds !== undefined)
    refuseBeside("--folds", ": halving compares networks on held-out rows, and cross-validation uses all rows");
}

/**
 * What the flags ask for.
 * @throws InvalidInput where they do not fit each other
 */
export function halvingOf(
  flags: BesideHalving,
  { validation }: Pick<Prepared, "validation">,
): Pick<TrainOptions, "halving" | "validation"> | undefined {
  const { halving, hyperband, minEpochs, monitor, epochs } = flags;
  const flag = flagOf(flags);
  if (flag === undefined) {
    if (minEpochs === undefined) return undefined;
    const expected = "--halving or --hyperband with it: it sets the epochs before their first rung";
    return refuse("--min-epochs", expected, "neither", "add --halving");
  }
  if (halving !== undefined && hyperband !== undefined)
    refuse("--halving", "no --hyperband with it", "both", "remove one of them");
  requireAlone(flag, flags);
  if (!validation) {
    const fix = `remove --validation 0 or ${flag}`;
    return refuse(flag, "held-out rows", "--validation 0", fix);
  }
  const factor = factorOf(flags);
  if (epochs < factor * (minEpochs ?? 1)) {
    const expected = `at least ${grouped(factor * (minEpochs ?? 1))} epochs: factor × epochs before the first rung`;
    refuse(flag, expected, `--epochs ${epochs}`, "train for more --epochs");
  }
  const rule: Halving = {
    factor,
    ...(hyperband !== undefined && { hyperband: true }),
    ...(minEpochs !== undefined && { minEpochs }),
    ...(monitor !== undefined && { metric: monitor }),
  };
  return { halving: rule, validation };
}

/** One sentence of what is going to be done: `the best third of the networks goes on from each rung (factor 3)`. */
export function describeHalving({ factor = 3, hyperband = false, minEpochs = 1, metric = "loss" }: Halving): string {
  const how = `each rung keeps the best 1 / ${factor} by held-out ${metric}; the first rung is after at least ${counted(minEpochs, "epoch")}`;
  return hyperband ? `Hyperband: ${how}, and later in each further bracket` : how;
}

/** `27 networks to 9 after epoch 2, 9 to 3 after epoch 6`, a line for each bracket. */
export function halvingLines({ rungs, bracketOf }: HalvingResult, perEpoch: number): string[] {
  const brackets = bracketOf.reduce((most, bracket) => Math.max(most, bracket), 0) + 1;
  const epochOf = (step: number): string => String(Number((step / perEpoch).toFixed(2)));
  return Array.from({ length: brackets }, (_, bracket) => {
    const own = rungs.filter((rung) => rung.bracket === bracket);
    const size = bracketOf.reduce((count, each) => count + (each === bracket ? 1 : 0), 0);
    const steps = own.map(({ step, kept }) => `${grouped(kept)} after epoch ${epochOf(step)}`);
    const text =
      own.length === 0
        ? `${counted(size, "network")} to the end`
        : `${counted(size, "network")} to ${steps.join(", ")}`;
    return brackets > 1 ? `bracket ${bracket + 1}: ${text}` : text;
  });
}

/** Number of the rung, from 1 within its bracket, at which each network stopped, [members]; −1 where it continued. */
export const rungsLeft = ({ rungs, bracketOf, stoppedSteps }: HalvingResult): Float64Array =>
  stoppedSteps.map((stopped, member) => {
    const own = rungs.filter(({ bracket }) => bracket === bracketOf[member]);
    return stopped < 0 ? -1 : own.findIndex(({ step }) => step === stopped) + 1;
  });

/** How far each network came, [members]: the step of the rung at which it left; infinite where it continued. */
export const reachOf = (halving: HalvingResult | undefined): Float64Array | undefined =>
  halving?.stoppedSteps.map((stopped) => (stopped < 0 ? Infinity : stopped));
