import { InvalidInput } from "../errors.ts";
import { rowCountOf } from "../backend/batches.ts";
import type { RunSettings } from "../backend/executor.ts";
import { type AnyNetwork, graphOf } from "../graph/graphNetwork.ts";
import type { Mixup } from "./mixup.ts";

/** Options that a line search cannot go with, and why. */
const refused = {
  schedule: "its line search chooses the length of steps",
  clipNorm: "its line search needs the gradients of the loss as they are",
  clipValue: "its line search needs the gradients of the loss as they are",
  l1: "its line search compares losses, which have no penalty in them",
  average: "its line search evaluates trial points, which are not steps to average",
  reduceOnPlateau: "its line search chooses the length of steps",
  halving: "it would compare members in the middle of a line search",
} as const;

function refuse(place: string, expected: string, got: string, fix: string): never {
  throw new InvalidInput({ place: `train: ${place}`, expected, got, fix });
}

/** Throws `InvalidInput` unless the loss of a training is a function of the parameters alone, and nothing but the line search chooses steps. */
export function requireLineSearch(
  network: AnyNetwork,
  options: { readonly [Name in keyof typeof refused]?: unknown } & { readonly mixup?: Mixup },
  settings: RunSettings,
): void {
  const { name } = settings.optimizer;
  const rows = rowCountOf(settings, network);
  if (settings.batchSize < rows) {
    const expected = `all ${rows} rows: L-BFGS needs full batches`;
    if (options.mixup !== undefined && options.mixup.copies !== 1) {
      const fix = "pass mixup with copies: 1, or choose another optimizer";
      refuse("mixup", `${expected}, which one copy of each row makes`, `${settings.batchSize} of ${rows}`, fix);
    }
    refuse("batchSize", expected, String(settings.batchSize), "leave batchSize out, or choose another optimizer");
  }
  for (const key of Object.keys(refused) as (keyof typeof refused)[]) {
    if (options[key] === undefined) continue;
    refuse(key, `none with ${name}: ${refused[key]}`, "one", `leave ${key} out, or choose another optimizer`);
  }
  const random = graphOf(network).nodes.find(({ kind }) => kind === "dropout" || kind === "noise");
  if (!random) return;
  const expected = `a network without dropout and noise for ${name}: its line search compares losses, which they change`;
  refuse("optimizer", expected, `one with ${random.kind}`, "leave these layers out, or choose another optimizer");
}
