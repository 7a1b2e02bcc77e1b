import { InvalidInput } from "../errors.ts";
import { decodeDefinition, type Definition, encodeDefinition } from "./definition.ts";
import type { Expression } from "./expression.ts";
import type { HyperParameters } from "./hyperParameters.ts";
import type { OptimizerDefinition } from "./optimizers.ts";
import { expressionsOf } from "./optimizerUpdate.ts";
import { Simplifier } from "./simplify.ts";

/** The update of an own optimizer as plain data, which can be saved, copied and sent to a worker. */
export interface OwnUpdate {
  /** Hyper-parameters by name. */
  readonly values: HyperParameters;
  /** Names of the values that are kept per parameter. */
  readonly state: readonly string[];
  /** The new parameter, then the new state. */
  readonly outputs: readonly Definition[];
}

/** Inputs of every update. */
export const commonInputs = ["parameter", "gradient", "step"] as const;
/** Values that an own optimizer keeps per parameter at most. */
export const mostState = 4;

const inputName = /^[a-z][A-Za-z0-9]{0,63}$/;

function refuse(place: string, expected: string, got: unknown, fix: string): never {
  throw new InvalidInput({ place, expected, got: String(JSON.stringify(got) ?? got).slice(0, 60), fix });
}

/** @throws InvalidInput unless all names are different and of letters and digits */
export function requireInputNames(place: string, names: readonly unknown[], others: readonly string[]): void {
  const taken = [...others];
  for (const name of names) {
    if (typeof name !== "string" || !inputName.test(name))
      refuse(place, "names of letters and digits that begin with a small letter", name, "rename it");
    if (taken.includes(name)) refuse(place, `a name other than ${taken.join(", ")}`, name, "rename it");
    taken.push(name);
  }
}

/** An update as data, for one choice of hyper-parameters. */
export function encodeUpdate(definition: OptimizerDefinition, values: HyperParameters): OwnUpdate {
  const simplifier = new Simplifier();
  const outputs = expressionsOf(definition, values).map((output) => encodeDefinition(simplifier.simplify(output)));
  return Object.freeze({ values, state: definition.state, outputs });
}

function decode(place: string, own: OwnUpdate): OptimizerDefinition {
  const { values, state, outputs } = own;
  const fix = "pass what an optimizer defined by optimizer() returned";
  if (typeof values !== "object" || values === null) refuse(place, "hyper-parameters", values, fix);
  if (!Array.isArray(state) || state.length > mostState) refuse(place, "names of its state", state, fix);
  if (!Array.isArray(outputs) || outputs.length !== 1 + state.length) refuse(place, "an update", outputs, fix);
  requireInputNames(place, [...Object.keys(values), ...state], commonInputs);
  const inputs = [...commonInputs, ...state, ...Object.keys(values).filter((key) => typeof values[key] === "number")];
  const decoded = outputs.map((rows, at) => [
    at === 0 ? "parameter" : state[at - 1]!,
    decodeDefinition(place, rows, inputs),
  ]);
  const update = Object.fromEntries(decoded) as Record<"parameter", Expression>;
  return { hyperParameters: values, state, update: () => update };
}

const decoded = new WeakMap<OwnUpdate, OptimizerDefinition>();

/**
 * The definition that data stand for.
 * @throws InvalidInput on anything but expressions of the optimizer's own inputs
 */
export function decodeUpdate(place: string, own: OwnUpdate): OptimizerDefinition {
  if (typeof own !== "object" || own === null) refuse(place, "an update", own, "pass optimizer: adam()");
  const definition = decoded.get(own) ?? decode(place, own);
  decoded.set(own, definition);
  return definition;
}
