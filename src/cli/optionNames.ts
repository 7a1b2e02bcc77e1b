import { type Fault, optimizerNames, type ThalwegError } from "../node.ts";

// The library's errors name its options as programs write them; people on the command line see them as they type them.

/** Options of the library whose names are no words of prose. */
const compound = new Map([
  ["learningRate", "--learning-rate"],
  ["weightDecay", "--weight-decay"],
  ["batchSize", "--batch-size"],
  ["maxIterations", "--max-iterations"],
  ["maxEvaluations", "--max-evaluations"],
  ["historySize", "--history-size"],
  ["toleranceGradient", "--tolerance-gradient"],
  ["toleranceChange", "--tolerance-change"],
  ["missingCells", "--missing-cells"],
  ["splitSeed", "--split-seed"],
  ["weightColumn", "--weight-column"],
  ["labelSmoothing", "--label-smoothing"],
  ["clipNorm", "--clip-norm"],
  ["clipValue", "--clip-value"],
  ["classWeights", "--class-weights"],
]);

/** Checks whose names are not those of options. */
const others: Readonly<Record<string, string>> = {
  "network: dropout: rate": "--dropout",
  "network: gaussianNoise: deviation": "--noise",
  "average: ema": "--ema",
  "average: swa: start": "--swa",
  "average: swa: every": "--swa",
  "train: earlyStopping: minDelta": "--min-delta",
  "train: earlyStopping: metric": "--monitor",
  "train: reduceOnPlateau: metric": "--monitor",
  "train: halving: metric": "--monitor",
  "train: mixup": "--mixup",
  "train: mixup: alpha": "--mixup: alpha",
  "train: mixup: copies": "--mixup: copies",
};

/** Options whose names are also words: they are options only where a place ends with them. */
const words = [
  "validation",
  "momentum",
  "nesterov",
  "l1",
  "decay",
  "target",
  "columns",
  "ignore",
  "epochs",
  "seed",
  "members",
  "metrics",
  "task",
];
const atEnd = new RegExp(`(: )(${words.join("|")})$`);

/** A text in quotes is the user's, a part of a path as well. */
const quotedOrName = new RegExp(
  String.raw`"(?:[^"\\]|\\.)*"|(?<![\w./\\-])(?:${[...compound.keys()].join("|")})(?![\w/\\-]|\.\w)`,
  "g",
);

const named = (text: string): string => text.replaceAll(quotedOrName, (found) => compound.get(found) ?? found);

const checker = new RegExp(`^(?:${[...optimizerNames, "prepare", "readTable"].join("|")}): (?=--)`);

/** `adam: learningRate` → `--learning-rate`: who checks an option is of no interest. */
const placeIn = (place: string): string =>
  others[place] ??
  named(place)
    .replace(atEnd, "$1--$2")
    .replace(/^(explain: )(?=input|target)/, "$1--")
    .replace(/^train: reduceOnPlateau: /, "--reduce-on-plateau: ")
    .replace(checker, "");

const fixIn = (fix: string): string =>
  named(fix)
    .replace(/\bor momentum(?= \()/, "or --momentum")
    .replace(/\bcategories: "oneHot"/, "--categories oneHot")
    .replace(/\bor leave mixup out$/, "or leave --mixup out")
    .replace(
      /^pass momentum, (\S+) for example, or leave nesterov out$/,
      "pass --momentum $1, or leave --nesterov out",
    );

/** What is wrong, with the options of the command line in place of the library's. */
export function faultInOptions({ fault }: ThalwegError): Fault {
  const { place, expected, got, fix } = fault;
  const device = /^acquire: device (\w+)$/.exec(place)?.[1];
  return {
    place: device === undefined ? placeIn(place) : `--device ${device}`,
    expected: named(expected),
    got,
    fix: device === undefined ? fixIn(fix) : fixIn(fix).replace(/\buse auto to/, "use --device auto to"),
  };
}
