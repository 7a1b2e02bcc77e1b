import {
  type AroundUpdate,
  averageRateInput,
  averageState,
  gradientScaleOf,
  isWeightInput,
  shapeOf,
  surrounded,
} from "./aroundUpdate.ts";
import { inOrder, Expression } from "./expression.ts";
import { hoist } from "./hoist.ts";
import { type HyperParameters, memberHyperParameters } from "./hyperParameters.ts";
import type { OptimizerDefinition, UpdateInputs } from "./optimizers.ts";
import { factorInput } from "./scheduled.ts";
import { Simplifier } from "./simplify.ts";

/** Expressions of hyper-parameters that an update may have computed by the host: `Hyper` of shaders/hyper.wgsl holds so many. */
export const mostRunValues = 13;

/** Expressions of the number of the step that an update may have computed by the host: `Step` of shaders/step.wgsl holds so many. */
export const mostStepValues = 5;

/** An optimizer's update for one choice of hyper-parameters: simplified, with the state that this choice needs. */
export interface OptimizerUpdate {
  /** Names of the state, in the order in which it is stored. */
  readonly state: readonly string[];
  /**
   * The new parameter, then the new state: of `parameter`, `gradient`, the state, `stepInputs`, numeric hyper-parameters, and of what
   * src/math/aroundUpdate.ts names.
   */
  readonly outputs: readonly Expression[];
  /** What is made orthogonal, of the same inputs, where matrices are: src/math/orthogonal.ts. */
  readonly direction: Expression | undefined;
  /** Numbers that the host gives each step: `step`, products, the rate of an average, factors of schedules. */
  readonly stepInputs: readonly string[];
  /** What gradients are multiplied by, where they are clipped by norm. */
  readonly gradientScale: Expression | undefined;
  /** Whether it takes `is weight`. */
  readonly takesWeights: boolean;
  /** Of each state: whether a value that is not finite is dropped, as of the parameter. */
  readonly keepsFinite: readonly boolean[];
  /** Of each state: whether it may leave the finite numbers while the new parameter does not. */
  readonly watchesState: readonly boolean[];
  /** Whether the gradient may be infinite or NaN while all that is watched is finite. */
  readonly watchesGradient: boolean;
  /** What each state is before the first step: the value of a hyper-parameter, or of the parameter; undefined: 0. */
  readonly initial: readonly (string | undefined)[];
  /** Factors of the products over steps that the update takes, by name. */
  readonly products: ReadonlyMap<string, Expression>;
  /** Shares what is equal in `outputs`. */
  readonly simplifier: Simplifier;
}

/** Rebuilds an expression from its inputs. @param replace what stands for a node, or undefined: the node over its new operands */
function rebuilt(
  output: Expression,
  replace: (node: Expression, operands: readonly Expression[]) => Expression | undefined,
): Expression {
  const done = new Map<Expression, Expression>();
  for (const node of inOrder([output])) {
    const operands = node.operands.map((operand) => done.get(operand)!);
    const same = node.kind === "application" ? Expression.application(node.primitive!, operands) : node;
    done.set(node, replace(node, operands) ?? same);
  }
  return done.get(output)!;
}

/** Replaces a hyper-parameter by 0. A product of 0 and a state is 0, since state that is not finite ends a training. */
function withZero(output: Expression, name: string, state: readonly string[]): Expression {
  const zero = Expression.constant(0);
  const isZero = (node: Expression): boolean => node.isConstant(0);
  const isState = (node: Expression): boolean => node.kind === "input" && state.includes(node.name);
  return rebuilt(output, (node, operands) => {
    if (node.kind === "input" && node.name === name) return zero;
    return node.primitive === "multiply" && operands.some(isZero) && operands.some(isState) ? zero : undefined;
  });
}

/** Multiplies each of some hyper-parameters by the factor that a step brings for it. */
const withFactors = (output: Expression, scheduled: readonly string[]): Expression =>
  rebuilt(output, (node) =>
    node.kind === "input" && scheduled.includes(node.name)
      ? node.times(Expression.input(factorInput(node.name)))
      : undefined,
  );

const inputsOf = (expression: Expression): string[] =>
  inOrder([expression])
    .filter(({ kind }) => kind === "input")
    .map(({ name }) => name);

/** State that the new parameter depends on, at once or through other state or what is made orthogonal; averages are kept for themselves. */
function neededState(
  state: readonly string[],
  { outputs: [parameter, ...next], direction }: Pick<OptimizerUpdate, "outputs" | "direction">,
): string[] {
  const needed = new Set<string>();
  const visit = (expression: Expression): void => {
    for (const name of inputsOf(expression)) {
      const place = state.indexOf(name);
      if (place < 0 || needed.has(name)) continue;
      needed.add(name);
      visit(next[place]!);
    }
  };
  visit(parameter!);
  if (direction) visit(direction);
  return state.filter((name) => needed.has(name) || name === averageState);
}

/** Whether an infinite or NaN value of a node makes the output infinite or NaN, whatever else goes into it. */
function carries(output: Expression, source: (node: Expression) => boolean): boolean {
  if (source(output)) return true;
  switch (output.primitive) {
    case "add":
    case "subtract":
    case "multiply":
    case "negate":
    case "sqrt":
      return output.operands.some((operand) => carries(operand, source));
    case "divide":
      return carries(output.operands[0]!, source);
    default:
      return false;
  }
}

/** Whether a hyper-parameter is compiled in where it is 0: only if that saves state, and never one that may change. */
const canBeFixed = (name: string, value: number | boolean): boolean => name !== "learningRate" && value === 0;

/** What the expressions of a definition are built from. */
function inputsOfUpdate(
  { hyperParameters, state, products = {}, update }: OptimizerDefinition,
  values: HyperParameters,
): Parameters<typeof update>[0] {
  const names = ["parameter", "gradient", "step", ...state, ...Object.keys(products), ...Object.keys(hyperParameters)];
  return Object.fromEntries(
    names.map((name) => {
      const value = values[name];
      return [name, typeof value === "boolean" ? value : Expression.input(name)];
    }),
  ) as Parameters<typeof update>[0];
}

/** The expressions of a definition, before anything is left out. */
export function expressionsOf(definition: OptimizerDefinition, values: HyperParameters): readonly Expression[] {
  const outputs = definition.update(inputsOfUpdate(definition, values));
  return ["parameter", ...definition.state].map((name) => outputs[name as "parameter"]);
}

/** Expressions that an update computes for each parameter. */
type Computed = Pick<OptimizerUpdate, "outputs" | "direction">;

const mapped = ({ outputs, direction }: Computed, change: (expression: Expression) => Expression): Computed => ({
  outputs: outputs.map(change),
  direction: direction && change(direction),
});

/** What a definition computes, with what a training does around it. */
function computedBy(definition: OptimizerDefinition, values: HyperParameters, around: AroundUpdate): Computed {
  const direction = definition.direction?.(inputsOfUpdate(definition, values));
  return {
    outputs: surrounded(expressionsOf(definition, values), around),
    direction: direction && surrounded([direction], { ...around, average: undefined })[0],
  };
}

/** Factors of the products that a definition has. */
function factorsOf(definition: OptimizerDefinition, values: HyperParameters): ReadonlyMap<string, Expression> {
  const inputs = inputsOfUpdate(definition, values) as UpdateInputs<HyperParameters, never>;
  return new Map(Object.entries(definition.products ?? {}).map(([name, factor]) => [name, factor(inputs)]));
}

function specialise(
  definition: OptimizerDefinition,
  values: HyperParameters,
  around: AroundUpdate,
  scheduled: readonly string[],
): OptimizerUpdate {
  const simplifier = new Simplifier();
  const all = around.average ? [...definition.state, averageState] : definition.state;
  let computed = mapped(computedBy(definition, values, around), (output) => simplifier.simplify(output));
  for (const [name, value] of Object.entries(values)) {
    if (!canBeFixed(name, value)) continue;
    const without = mapped(computed, (output) => simplifier.simplify(withZero(output, name, all)));
    if (neededState(all, without).length < neededState(all, computed).length) computed = without;
  }
  if (scheduled.length > 0)
    computed = mapped(computed, (output) => simplifier.simplify(withFactors(output, scheduled)));
  const { outputs, direction } = computed;
  const state = neededState(all, computed);
  const [parameter, ...next] = outputs;
  const kept = state.map((name) => next[all.indexOf(name)]!);
  const watchesState = kept.map((own) => !carries(parameter!, (node) => node === own));
  const isGradient = (node: Expression): boolean => node.kind === "input" && node.name === "gradient";
  const watched = [parameter!, ...kept.filter((_, index) => watchesState[index])];
  const products = factorsOf(definition, values);
  const gradientScale = gradientScaleOf(around);
  return {
    state,
    outputs: [parameter!, ...kept],
    direction,
    stepInputs: [
      "step",
      ...products.keys(),
      ...(around.average ? [averageRateInput] : []),
      ...scheduled.map(factorInput),
    ],
    gradientScale: gradientScale && simplifier.simplify(gradientScale),
    takesWeights: [...outputs, ...(direction ? [direction] : [])].some((output) =>
      inputsOf(output).includes(isWeightInput),
    ),
    keepsFinite: state.map((name) => name === averageState),
    watchesState,
    watchesGradient: !watched.some((output) => carries(output, isGradient)),
    initial: state.map((name) => (name === averageState ? "parameter" : definition.initial?.[name])),
    products,
    simplifier,
  };
}

const known = new WeakMap<OptimizerDefinition, Map<string, OptimizerUpdate>>();

/**
 * The update of a definition for a choice of hyper-parameters; the same object where nothing but their values differs.
 * @param scheduled those that each step multiplies by a factor
 */
export function optimizerUpdate(
  definition: OptimizerDefinition,
  values: HyperParameters,
  around: AroundUpdate = {},
  scheduled: readonly string[] = [],
): OptimizerUpdate {
  const updates = known.get(definition) ?? new Map<string, OptimizerUpdate>();
  known.set(definition, updates);
  const choice = Object.entries(values).filter(([name, value]) => value === true || canBeFixed(name, value));
  const choices = choice.map(([name, value]) => `${name} ${value}`);
  const key = [...choices, shapeOf(around), ...scheduled.map(factorInput)].join(", ");
  const update = updates.get(key) ?? specialise(definition, values, around, scheduled);
  updates.set(key, update);
  return update;
}

/** An update without what the host computes. */
export interface HostedUpdate {
  /** As in `OptimizerUpdate`, of `hyper 0`, `hyper 1`, … and `step 0`, … too. */
  readonly outputs: readonly Expression[];
  /** What gradients are multiplied by, and what is made orthogonal, likewise. */
  readonly gradientScale: Expression | undefined;
  readonly direction: Expression | undefined;
  /** Of hyper-parameters that are the same for all members: `hyper 0`, … */
  readonly ofRun: readonly Expression[];
  /** Of these, `step` and the factors of schedules: `step 0`, … */
  readonly ofStep: readonly Expression[];
}

/**
 * Moves what is the same for all parameters and members of a step out of an update. What also depends on the hyper-parameters of a
 * member stays.
 * @param numbers names of the numeric hyper-parameters
 */
export function hostedUpdate(
  { simplifier, outputs, stepInputs, gradientScale, direction }: OptimizerUpdate,
  numbers: readonly string[],
): HostedUpdate {
  const ofMembers: readonly string[] = memberHyperParameters;
  const isOfRun = (name: string): boolean => numbers.includes(name) && !ofMembers.includes(name);
  const isOfStep = (name: string): boolean => stepInputs.includes(name);
  const beside = [gradientScale, direction].filter((own) => own !== undefined);
  const whole = hoist(
    simplifier,
    [...outputs, ...beside],
    [
      { prefix: "hyper ", takes: isOfRun },
      { prefix: "step ", takes: (name) => isOfStep(name) || isOfRun(name) },
    ],
  );
  const partsOf = (prefix: string): Expression[] =>
    whole.hoisted.filter(({ name }) => name.startsWith(prefix)).map(({ expression }) => expression);
  return {
    outputs: whole.outputs.slice(0, outputs.length),
    gradientScale: gradientScale && whole.outputs[outputs.length],
    direction: direction && whole.outputs.at(-1),
    ofRun: partsOf("hyper "),
    ofStep: partsOf("step "),
  };
}
