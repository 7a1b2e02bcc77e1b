import { InvalidInput, requireOptions } from "../errors.ts";
import { inOrder, Expression } from "./expression.ts";
import { compileFloat64 } from "./float64.ts";
import { type HyperParameterOptions, type HyperParameters, memberHyperParameters } from "./hyperParameters.ts";
import type { OptimizerDefinition, UpdateInputs } from "./optimizers.ts";
import { expressionsOf, hostedUpdate, mostRunValues, mostStepValues, optimizerUpdate } from "./optimizerUpdate.ts";
import { commonInputs, encodeUpdate, mostState, requireInputNames } from "./ownUpdate.ts";
import { type Optimizer, optimizerNames, ownOptimizer, requireHyperParameter } from "./optimizer.ts";

/** What `optimizer` defines an optimizer by. */
export interface OptimizerOptions<Defaults extends HyperParameters, State extends string> {
  /** Defaults by name, `learningRate` among them. Members of a population may differ in learningRate, momentum and weightDecay. */
  readonly hyperParameters: Defaults;
  /** Names of the values kept per parameter from step to step, at most 4, which are 0 before the first step. */
  readonly state?: readonly State[];
  /**
   * Returns the new parameter and state, as expressions of the old ones, the gradient, the hyper-parameters, and `step`, which is 1
   * in the first step. Hyper-parameters that are true or false come as such.
   */
  readonly update: (
    inputs: UpdateInputs<Defaults, State>,
  ) => Readonly<Record<"parameter" | State, Expression | number>>;
}

const ownName = /^[A-Za-z][\w-]{0,39}$/;

const refuse = (place: string, expected: string, got: string, fix: string): never => {
  throw new InvalidInput({ place, expected, got, fix });
};

const textOf = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : String(value));

function requireName(name: unknown): void {
  if (typeof name !== "string" || !ownName.test(name))
    refuse("optimizer", "a name of up to 40 letters, digits, _ and -", textOf(name), 'pass "signum" for example');
  if ((optimizerNames as readonly unknown[]).includes(name))
    refuse("optimizer", "a name that thalweg does not use", textOf(name), "choose another name");
}

function requireHyperParameters(place: string, values: HyperParameters): void {
  if (typeof values !== "object" || values === null)
    refuse(place, "an object", textOf(values), "pass hyperParameters: { learningRate: 0.001 }");
  requireInputNames(place, Object.keys(values), commonInputs);
  for (const [name, value] of Object.entries(values))
    if (typeof value !== "boolean") requireHyperParameter(`${place}.${name}`, name, value);
  for (const name of memberHyperParameters) {
    const value = values[name];
    if (typeof value !== "number" && (value !== undefined || name === "learningRate"))
      refuse(`${place}.${name}`, "a number", textOf(value), "pass its default");
  }
}

function requireCheckpoint(place: string, state: readonly string[], others: readonly string[]): void {
  if (!Array.isArray(state) || state.length > mostState)
    refuse(place, `a list of at most ${mostState} names`, textOf(state), "keep fewer values per parameter");
  requireInputNames(place, state, others);
}

/** The expressions of an update, checked, with numbers as constants. */
function checkedUpdate(place: string, { update, state }: OptimizerDefinition): OptimizerDefinition["update"] {
  const wanted = ["parameter", ...state];
  return (inputs) => {
    const returned: unknown = update(inputs);
    const names = typeof returned === "object" && returned !== null ? Object.keys(returned) : [];
    if (names.length !== wanted.length || wanted.some((name) => !names.includes(name))) {
      const got = names.length === 0 ? textOf(returned) : `{ ${names.join(", ")} }`;
      refuse(place, `an object { ${wanted.join(", ")} }`, got, "return the new parameter and each state");
    }
    const known = Object.keys(inputs);
    const checked = Object.entries(returned as Record<string, unknown>).map(([name, value]) => {
      const isConstant = typeof value === "number" && Number.isFinite(value);
      const expression = isConstant ? Expression.constant(value) : value;
      if (!(expression instanceof Expression)) {
        return refuse(`${place}: ${name}`, "an expression", textOf(value), "build it from the arguments of update");
      }
      const unknown = inOrder([expression]).find((node) => node.kind === "input" && !known.includes(node.name));
      if (unknown) refuse(`${place}: ${name}`, `expressions of ${known.join(", ")}`, unknown.name, "use these alone");
      return [name, expression] as const;
    });
    return Object.fromEntries(checked) as Record<"parameter", Expression>;
  };
}

/** Parameters, gradients and numbers of steps that every update has to take. */
const probes = [0, 1, -0.5].flatMap((parameter) => [0, 1e-3, -1, 100].map((gradient) => ({ parameter, gradient })));
const probedSteps = [1, 2, 3, 1e6];

/** Throws `InvalidInput` where an update leaves the finite numbers of float32 in one of the first steps. */
function requireFiniteSteps(name: string, definition: OptimizerDefinition, values: HyperParameters): void {
  const outputs = expressionsOf(definition, values);
  const numbers = Object.entries(values).filter(([, value]) => typeof value === "number");
  const inputs = ["parameter", "gradient", "step", ...numbers.map(([key]) => key), ...definition.state];
  const program = compileFloat64(outputs, inputs);
  const firstState = inputs.length - definition.state.length;
  for (const { parameter, gradient } of probes) {
    program.inputs.set([parameter, gradient, 0, ...numbers.map(([, value]) => value as number)]);
    program.inputs.fill(0, firstState);
    for (const step of probedSteps) {
      program.inputs[2] = step;
      program.run();
      const at = program.outputs.findIndex((value) => !Number.isFinite(Math.fround(value)));
      if (at >= 0) {
        const output = at === 0 ? "parameter" : definition.state[at - 1]!;
        const got = `${program.outputs[at]} from parameter ${program.inputs[0]} and gradient ${gradient}`;
        const fix = "add an epsilon to the divisor, or choose other hyper-parameters";
        refuse(`${name}: ${output} of step ${step}`, "a number that is finite in float32", got, fix);
      }
      program.inputs[0] = program.outputs[0]!;
      program.inputs.set(program.outputs.subarray(1), firstState);
    }
  }
}

/** Throws `InvalidInput` where an update does not learn, or computes too much from the number of the step. */
function requireUsable(name: string, definition: OptimizerDefinition, values: HyperParameters): void {
  const place = `${name}: update`;
  const update = optimizerUpdate(definition, values);
  const isGradient = ({ kind, name: input }: Expression): boolean => kind === "input" && input === "gradient";
  if (!inOrder(update.outputs).some(isGradient))
    refuse(place, "a parameter that depends on the gradient", "one that does not", "use gradient");
  const numbers = Object.keys(values).filter((key) => typeof values[key] === "number");
  const { ofRun, ofStep } = hostedUpdate(update, numbers);
  const fix = "combine some of them";
  if (ofRun.length > mostRunValues)
    refuse(place, `at most ${mostRunValues} terms of hyper-parameters alone`, String(ofRun.length), fix);
  if (ofStep.length > mostStepValues)
    refuse(place, `at most ${mostStepValues} terms of the step alone`, String(ofStep.length), fix);
  requireFiniteSteps(name, definition, values);
}

/**
 * Defines an optimizer, which every strategy of training takes:
 *
 *     const signum = optimizer("signum", {
 *       hyperParameters: { learningRate: 0.001, momentum: 0.9 },
 *       state: ["mean"],
 *       update: ({ parameter, gradient, mean, learningRate, momentum }) => ({ parameter: …, mean: … }),
 *     });
 *     await model.fit(data, { optimizer: signum({ learningRate: 0.01 }), epochs: 10 });
 *
 * The float64 reference and the kernels are written from the expressions that `update` returns. What `signum()` returns is plain data
 * with these expressions in it: it can be saved, and sent to a worker.
 * @returns a function of the hyper-parameters that differ from their defaults
 * @throws InvalidInput where the definition is not complete, does not use the gradient, or leaves the finite numbers at once
 */
export function optimizer<Defaults extends HyperParameters, State extends string = never>(
  name: string,
  options: OptimizerOptions<Defaults, State>,
): (values?: HyperParameterOptions<Defaults>) => Optimizer {
  requireName(name);
  requireOptions(`optimizer ${name}`, options, ["hyperParameters", "state", "update"]);
  const { hyperParameters, state = [], update } = options;
  requireHyperParameters(`optimizer ${name}: hyperParameters`, hyperParameters);
  requireCheckpoint(`optimizer ${name}: state`, state, [...commonInputs, ...Object.keys(hyperParameters)]);
  if (typeof update !== "function")
    refuse(`optimizer ${name}: update`, "a function", textOf(update), "pass ({ parameter, gradient, … }) => ({ … })");
  const given = { hyperParameters, state, update } as unknown as OptimizerDefinition;
  const definition = { ...given, update: checkedUpdate(`optimizer ${name}: update`, given) };
  const create = (values: HyperParameterOptions<Defaults> = {}): Optimizer => {
    requireOptions(name, values, Object.keys(hyperParameters));
    const all = { ...hyperParameters, ...values } as HyperParameters;
    for (const [key, value] of Object.entries(hyperParameters)) {
      if (typeof value === "boolean" && typeof all[key] !== "boolean")
        refuse(`${name}: ${key}`, "true or false", textOf(all[key]), "pass true, or leave it out");
    }
    const own = ownOptimizer(name, encodeUpdate(definition, all));
    requireUsable(name, definition, all);
    return own;
  };
  create();
  return create;
}
