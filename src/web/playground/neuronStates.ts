// Which neurons learn nothing: where their activation is flat, no gradient passes.

import type { Activation, ActivationName } from "../../index.ts";

/**
 * At a training point an activation is flat where its slope is less than a twentieth of its largest. A neuron is dead where its
 * activation has one flat side and is there at all points; saturated where it has two and is flat at 19 of 20 points or more.
 */
export type NeuronState = "live" | "dead" | "saturated";

/** Share of the points from which on a neuron with two flat sides is saturated. */
const saturatedShare = 0.95;

const endless = Number.POSITIVE_INFINITY;
/** Sums between which the slope is at least a twentieth of the largest. Those of others have no flat side, or are not known. */
export const steepRanges: Partial<Record<ActivationName, readonly [from: number, to: number]>> = {
  sigmoid: [-4.357, 4.357],
  tanh: [-2.178, 2.178],
  relu: [0, endless],
  elu: [-2.995, endless],
  gelu: [-2.279, endless],
  silu: [-3.93, endless],
  mish: [-3.981, endless],
  softplus: [-2.944, endless],
};

/** @param sums of a neuron before its activation, one for each point */
export function neuronStateOf(activation: Activation, sums: ArrayLike<number>): NeuronState {
  const [from, to] = (typeof activation === "string" && steepRanges[activation]) || [-endless, endless];
  let flat = 0;
  for (let at = 0; at < sums.length; at++) if (!(sums[at]! > from && sums[at]! < to)) flat++;
  if (to < endless) return flat >= saturatedShare * sums.length ? "saturated" : "live";
  return flat === sums.length ? "dead" : "live";
}

/** The marks of a drawing in words; nothing where all neurons are live. @param states of each hidden layer */
export function describeStates(states: readonly (readonly NeuronState[])[]): string {
  const namesOf = (wanted: NeuronState): string[] =>
    states.flatMap((layer, at) => layer.flatMap((state, unit) => (state === wanted ? [`${at + 1}.${unit + 1}`] : [])));
  const told = (label: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${label} (${names.length}): ${shortened(names)}.`];
  return [...told("× Dead", namesOf("dead")), ...told("= Saturated", namesOf("saturated"))].join(" ");
}

const mostNames = 12;
const shortened = (names: readonly string[]): string =>
  names.length <= mostNames
    ? names.join(", ")
    : `${names.slice(0, mostNames).join(", ")} and ${names.length - mostNames} more`;
