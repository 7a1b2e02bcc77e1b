import type { Checkpoint, RunSettings } from "../backend/executor.ts";
import { NonFinite } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { divergenceRemedy } from "./divergence.ts";
import { nonFiniteLayer } from "./nonFiniteLayer.ts";

/** A training of which every member has diverged. */
interface Diverged {
  readonly network: AnyNetwork;
  readonly settings: RunSettings;
  /** First step of each member that was not finite. */
  readonly nonFiniteSteps: Float64Array;
  /** As the first one found it, or later. */
  readonly state: Checkpoint;
  /** What the model goes back to, if there is something. */
  readonly goodStep: number | undefined;
}

/** ` in the outputs of layers.1`, of several members ` in the outputs of layers.1 of member 3`; empty where it cannot be told. */
function placeOf({ network, settings, nonFiniteSteps, state }: Diverged, step: number): string {
  const members = nonFiniteSteps.length;
  const member = nonFiniteSteps.indexOf(step);
  const { parameterCount } = network;
  const parameters = state.parameters.subarray(member * parameterCount, (member + 1) * parameterCount);
  const { moments } = state;
  const layer = nonFiniteLayer({ network, settings, member, members, step, parameters, moments });
  if (layer === undefined) return "";
  return members > 1 ? ` in ${layer} of member ${member}` : ` in ${layer}`;
}

/** Where the first member diverged, and what to change. */
export function divergenceError(diverged: Diverged): NonFinite {
  const { settings, nonFiniteSteps, goodStep } = diverged;
  const first = nonFiniteSteps.reduce((least, step) => Math.min(least, step));
  const back = goodStep === undefined ? "" : `; the model is back at step ${goodStep}`;
  return new NonFinite({
    place: `train: step ${first}`,
    expected: "finite gradients, loss and parameters",
    got: `an infinite value or NaN${placeOf(diverged, first)}: training diverged`,
    fix: `${divergenceRemedy(settings, nonFiniteSteps.length, first)}${back}`,
  });
}
