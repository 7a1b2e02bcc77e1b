import { gradientScaleInput, isWeightInput, squaresInput, unitInput } from "../../math/aroundUpdate.ts";
import { type Expression, inOrder } from "../../math/expression.ts";
import { hoist } from "../../math/hoist.ts";
import type { Optimizer } from "../../math/optimizer.ts";
import { updateOf } from "../../math/optimizerFunction.ts";
import { memberHyperParameters } from "../../math/hyperParameters.ts";
import type { OptimizerUpdate } from "../../math/optimizerUpdate.ts";
import { isMatrixInput, orthogonalInput } from "../../math/orthogonal.ts";
import { type UpdateValues, updateValuesOf } from "../../math/updateValues.ts";
import { emitExpressions } from "./emitExpression.ts";
import { f32x4 } from "./instructions.ts";
import { remembered } from "./remembered.ts";
import type { Address } from "./rowLoops.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";

/** Expressions of a parameter without what is the same for all parameters of a member in a step. */
interface ParameterExpressions {
  /** Of `shared 0`, … too. */
  readonly outputs: readonly Expression[];
  /** Computed once a step, of learning rate, momentum, weight decay, `hyper 0`, … and `step 0`, … */
  readonly shared: readonly { readonly name: string; readonly expression: Expression }[];
}

/** An update as code computes it: the new parameter and states. */
export interface UpdatePlan extends UpdateValues, ParameterExpressions {
  readonly update: OptimizerUpdate;
  /** What is made orthogonal before, where matrices are. */
  readonly direction: ParameterExpressions | undefined;
}

/** Inputs that parameters have each for themselves, besides the optimizer's state. */
const parameterInputs = ["parameter", "gradient", isWeightInput, isMatrixInput, orthogonalInput];

function planOf(optimizer: Optimizer, update: OptimizerUpdate): UpdatePlan {
  const values = updateValuesOf(optimizer);
  const ofParameter = new Set([...parameterInputs, ...update.state]);
  const withoutShared = (expressions: readonly Expression[]): ParameterExpressions => {
    const simplified = expressions.map((own) => update.simplifier.simplify(own));
    const takes = (name: string): boolean => !ofParameter.has(name);
    const { outputs, hoisted: shared } = hoist(update.simplifier, simplified, [{ prefix: "shared ", takes }]);
    return { outputs, shared };
  };
  const { outputs, direction } = values.hosted;
  return { ...values, update, ...withoutShared(outputs), direction: direction && withoutShared([direction]) };
}

const plans = new WeakMap<OptimizerUpdate, UpdatePlan>();

/** How an optimizer's update is computed; the same object for all hyper-parameters that differ by value alone. */
export function updatePlan(optimizer: Optimizer): UpdatePlan {
  const update = updateOf(optimizer);
  return remembered(plans, update, () => planOf(optimizer, update));
}

/** Where an update finds what it does not compute. */
export interface UpdateSources {
  /** Learning rate, momentum and weight decay: in the order of `memberHyperParameters`. */
  readonly rate: (at: number) => Floats;
  /** Addresses of the values of the run and of the step that the host has computed. */
  readonly hyper: Address;
  readonly step: Address;
  /** What gradients are multiplied by, of updates that clip by norm. */
  readonly gradientScale?: Floats | undefined;
}

/** The unit in which squares of gradients are summed where those of the gradients overflow. */
export const smallUnit = 2 ** -64;

/** What clipping by norm multiplies gradients by. @param squares sum of the squares of all gradients in a unit; may be used often */
export function emitGradientScale(
  code: VectorCode,
  { hosted }: UpdatePlan,
  { squares, unit, hyper }: { readonly squares: Floats; readonly unit: Floats; readonly hyper: Address },
): Floats {
  const scale = hosted.gradientScale!;
  const named = inOrder([scale]).flatMap(({ kind, name }): (readonly [string, Floats])[] => {
    if (kind !== "input") return [];
    if (name === squaresInput) return [[name, squares]];
    if (name === unitInput) return [[name, unit]];
    return [[name, code.let(f32x4.loadSplat(hyper, 4 * Number(name.split(" ")[1])))]];
  });
  return code.let(emitExpressions(code, [scale], new Map(named))[0]!);
}

/** One vector of parameters: what an update reads of it. All may be used often. */
interface UpdateInputs {
  readonly gradient: Floats;
  /** The parameter, and what the optimizer keeps. */
  readonly old: readonly Floats[];
  /** 1 for weights, of updates that take it. */
  readonly isWeight: Floats;
  /** Of updates that make matrices orthogonal. */
  readonly isMatrix?: Floats | undefined;
  readonly orthogonal?: Floats | undefined;
}

interface Updated {
  /** The new parameter, and what the optimizer keeps. */
  readonly now: readonly Floats[];
  /** Values of which each is to be finite. */
  readonly watched: readonly Floats[];
}

/** Writes what is the same for all parameters. @returns writes expressions of a vector of them */
function emitOfParameters(
  code: VectorCode,
  { outputs, shared }: ParameterExpressions,
  { state }: OptimizerUpdate,
  { rate, hyper, step, gradientScale }: UpdateSources,
): (inputs: UpdateInputs) => readonly Floats[] {
  const sourceOf = (name: string): Floats => {
    const place = (memberHyperParameters as readonly string[]).indexOf(name);
    if (place >= 0) return rate(place);
    if (name === gradientScaleInput) return gradientScale!;
    const [kind, at] = name.split(" ");
    return f32x4.loadSplat(kind === "hyper" ? hyper : step, 4 * Number(at));
  };
  const expressions = shared.map(({ expression }) => expression);
  const names = inOrder(expressions).flatMap(({ kind, name }) => (kind === "input" ? [name] : []));
  const inputs = new Map([...new Set(names)].map((name) => [name, code.let(sourceOf(name))]));
  const values = emitExpressions(code, expressions, inputs);
  const common = shared.map(({ name }, at) => [name, values[at]!] as const);
  const stores = ["parameter", ...state];
  return ({ gradient, old, isWeight, isMatrix, orthogonal }) => {
    const ofParameter = [["gradient", gradient] as const, [isWeightInput, isWeight] as const];
    const ofMatrix = isMatrix ? [[isMatrixInput, isMatrix] as const, [orthogonalInput, orthogonal!] as const] : [];
    const ofStores = stores.map((name, at) => [name, old[at]!] as const);
    return emitExpressions(code, outputs, new Map([...common, ...ofParameter, ...ofMatrix, ...ofStores]));
  };
}

/** Writes what is made orthogonal. @returns writes it for a vector of parameters */
export function emitDirection(
  code: VectorCode,
  { update, direction }: UpdatePlan,
  sources: UpdateSources,
): (inputs: UpdateInputs) => Floats {
  const write = emitOfParameters(code, direction!, update, sources);
  return (inputs) => write(inputs)[0]!;
}

/** Writes an update. @returns writes it for a vector of parameters */
export function emitUpdate(
  code: VectorCode,
  plan: UpdatePlan,
  sources: UpdateSources,
): (inputs: UpdateInputs) => Updated {
  const { update } = plan;
  const write = emitOfParameters(code, plan, update, sources);
  return (inputs) => {
    const now = write(inputs);
    const states = now.slice(1).filter((_, state) => update.watchesState[state]);
    return { now, watched: [now[0]!, ...states, ...(update.watchesGradient ? [inputs.gradient] : [])] };
  };
}
