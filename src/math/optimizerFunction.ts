import { InvalidInput } from "../errors.ts";
import { lbfgsRows } from "./lbfgsState.ts";
import { checkOptimizer, hyperParameterOf, type Optimizer, type OptimizerName, optimizerNames } from "./optimizer.ts";
import { type OptimizerDefinition, optimizers } from "./optimizers.ts";
import { type OptimizerUpdate, optimizerUpdate } from "./optimizerUpdate.ts";
import { decodeUpdate } from "./ownUpdate.ts";
import { scheduledNames } from "./scheduled.ts";

const isBuiltIn = (name: unknown): name is OptimizerName => (optimizerNames as readonly unknown[]).includes(name);

/** What defines an optimizer. */
const definitionOf = ({ name, own }: Optimizer): OptimizerDefinition =>
  own ? decodeUpdate(`optimizer ${name}`, own) : (optimizers[name as OptimizerName] as unknown as OptimizerDefinition);

/** Throws `InvalidInput` unless `optimizer` came from `sgd()`, `adam()` or another of these functions, or is as good. */
export function requireOptimizer(place: string, optimizer: Optimizer | undefined): void {
  if (typeof optimizer === "object" && (isBuiltIn(optimizer?.name) || optimizer?.own !== undefined)) {
    definitionOf(optimizer);
    checkOptimizer(optimizer);
    return;
  }
  const got = typeof optimizer === "object" ? String(optimizer?.name) : String(optimizer);
  throw new InvalidInput({ place, expected: "an optimizer", got, fix: "pass optimizer: adam()" });
}

const updates = new WeakMap<Optimizer, OptimizerUpdate>();

/** The expressions of an optimizer's update. */
export function updateOf(optimizer: Optimizer): OptimizerUpdate {
  const known = updates.get(optimizer);
  if (known) return known;
  const definition = definitionOf(optimizer);
  const names = Object.keys(definition.hyperParameters);
  const values = Object.fromEntries(names.map((name) => [name, hyperParameterOf(optimizer, name)]));
  const update = optimizerUpdate(definition, values, optimizer.around, scheduledNames(optimizer));
  updates.set(optimizer, update);
  return update;
}

/** Values that the optimizer keeps per parameter: momentum or moments. */
export const momentCount = (optimizer: Optimizer): number => updateOf(optimizer).state.length;

/** Whether the parameters of a member are updated together: by src/math/lbfgs.ts. */
export const searchesLine = ({ name, own }: Optimizer): boolean => name === "lbfgs" && own === undefined;

/** Rows [parameterCount] that a member's optimizer keeps: its momentum or moments, and other state. */
export const stateCount = (optimizer: Optimizer, parameterCount: number): number =>
  momentCount(optimizer) + (searchesLine(optimizer) ? lbfgsRows(optimizer.historySize, parameterCount) : 0);

/** What each of these rows is before the first step: the same number for all parameters, or "parameter". */
export function initialState(optimizer: Optimizer, parameterCount: number): readonly (number | "parameter")[] {
  if (searchesLine(optimizer)) {
    const rows = stateCount(optimizer, parameterCount);
    return Array.from({ length: rows }, (_, row) => (row === rows - 1 ? "parameter" : 0));
  }
  return updateOf(optimizer).initial.map((name) => {
    if (name === undefined || name === "parameter") return name ?? 0;
    return hyperParameterOf(optimizer, name) as number;
  });
}

/** Whether it makes the weights of dense layers orthogonal, as matrices: src/math/orthogonal.ts. */
export const makesOrthogonal = (optimizer: Optimizer): boolean => updateOf(optimizer).direction !== undefined;

/** Why only the layered strategy takes an optimizer, as the end of a sentence; undefined where all strategies do. */
export const layeredOnly = (optimizer: Optimizer): string | undefined => definitionOf(optimizer).layeredOnly;

/** Whether weight decay alone moves a parameter by learningRate · weightDecay · parameter. */
export const takesDecayAsStep = (optimizer: Optimizer): boolean => definitionOf(optimizer).takesDecayAsStep ?? false;
