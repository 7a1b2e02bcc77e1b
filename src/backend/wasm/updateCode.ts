import { type Expression, inOrder } from "../../math/expression.ts";
import { hoist } from "../../math/hoist.ts";
import { memberHyperParameters } from "../../math/optimizers.ts";
import { hostedUpdate, type OptimizerUpdate } from "../../math/optimizerUpdate.ts";
import { emitExpressions } from "./emitExpression.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import type { Value } from "./value.ts";
import type { Floats, Mask, VectorCode } from "./vectorCode.ts";
import { MemoryVectors } from "./vectorStore.ts";

/** An update without what is the same for all parameters of a step. */
export interface UpdatePlan {
  readonly update: OptimizerUpdate;
  /** The new parameter and states, of `shared 0`, … too. */
  readonly outputs: readonly Expression[];
  /** Computed once a step, of rates, `hyper 0`, … and `step 0`, … */
  readonly shared: readonly { readonly name: string; readonly expression: Expression }[];
  /** Values of the run and of each step that the host computes. */
  readonly ofRun: readonly Expression[];
  readonly ofStep: readonly Expression[];
}

/** @param numbers names of the numeric hyper-parameters */
export function planUpdate(update: OptimizerUpdate, numbers: readonly string[]): UpdatePlan {
  const hosted = hostedUpdate(update, numbers);
  const ofParameter = new Set(["parameter", "gradient", ...update.state]);
  const outputs = hosted.outputs.map((output) => update.simplifier.simplify(output));
  const whole = hoist(update.simplifier, outputs, [{ prefix: "shared ", takes: (name) => !ofParameter.has(name) }]);
  return { update, outputs: whole.outputs, shared: whole.hoisted, ofRun: hosted.ofRun, ofStep: hosted.ofStep };
}

/** Where an update finds what it does not compute. */
export interface UpdateSources {
  /** In the order of `memberHyperParameters`. */
  readonly rates: { get(at: number): Floats };
  readonly hyper: { get(at: number): Floats };
  readonly step: { get(at: number): Floats };
}

function sharedValues(code: VectorCode, plan: UpdatePlan, sources: UpdateSources): Map<string, Floats> {
  const sourceOf = (name: string): Floats => {
    const rate = (memberHyperParameters as readonly string[]).indexOf(name);
    if (rate >= 0) return sources.rates.get(rate);
    const [kind, at] = name.split(" ");
    return sources[kind as "hyper" | "step"].get(Number(at));
  };
  const expressions = plan.shared.map(({ expression }) => expression);
  const names = inOrder(expressions).flatMap(({ kind, name }) => (kind === "input" ? [name] : []));
  const inputs = new Map([...new Set(names)].map((name) => [name, code.let(sourceOf(name))]));
  const values = emitExpressions(code, expressions, inputs);
  return new Map(plan.shared.map(({ name }, at) => [name, values[at]!]));
}

export interface UpdateVectors {
  /** Vectors of parameters. */
  readonly count: number;
  /** Address of the parameters, [count], and what the optimizer keeps, [states, count]; may be used often. */
  readonly state: Value<"i32">;
  /** Address of as many vectors, for what they were before. */
  readonly before: Value<"i32">;
  readonly gradients: { get(at: number): Floats };
}

/** Writes one step of the optimizer for vectors of parameters. */
export class UpdateCode {
  readonly #code: VectorCode;
  readonly #plan: UpdatePlan;
  readonly #vectors: UpdateVectors;
  readonly #now: MemoryVectors;
  readonly #before: MemoryVectors;

  constructor(code: VectorCode, plan: UpdatePlan, vectors: UpdateVectors) {
    this.#code = code;
    this.#plan = plan;
    this.#vectors = vectors;
    this.#now = new MemoryVectors(code.body, vectors.state);
    this.#before = new MemoryVectors(code.body, vectors.before);
  }

  /** Updates a vector of parameters. @returns values of which each is to be finite */
  #update(at: number, shared: ReadonlyMap<string, Floats>): Floats[] {
    const { update, outputs } = this.#plan;
    const { count, gradients } = this.#vectors;
    const gradient = this.#code.let(gradients.get(at));
    const inputs = new Map([...shared, ["gradient", gradient]]);
    for (const [store, name] of ["parameter", ...update.state].entries()) {
      const old = this.#code.let(this.#now.get(store * count + at));
      this.#before.set(store * count + at, old);
      inputs.set(name, old);
    }
    const now = emitExpressions(this.#code, outputs, inputs);
    for (const [store, value] of now.entries()) this.#now.set(store * count + at, value);
    const states = now.slice(1).filter((_, state) => update.watchesState[state]);
    return [now[0]!, ...states, ...(update.watchesGradient ? [gradient] : [])];
  }

  /**
   * Updates everything.
   * @param loss watched too, may be used often
   * @param isTaken lanes that have not stopped, may be used often
   * @returns lanes that have not stopped and had nothing but finite values
   */
  write(sources: UpdateSources, loss: Floats, isTaken: Mask): Mask {
    const shared = sharedValues(this.#code, this.#plan, sources);
    const { body } = this.#code;
    const check = body.variable("f32x4", f32x4.mul(loss, 0)); // 0, NaN once anything was not finite
    for (let at = 0; at < this.#vectors.count; at++)
      for (const value of this.#update(at, shared)) body.set(check, this.#code.madd(value, 0, check));
    const isFine = this.#code.let(i32x4.and(f32x4.eq(check, check), isTaken));
    body.if(i32.eqz(i32x4.allTrue(isFine)), () => this.#takeBack(isTaken));
    return isFine;
  }

  /** Takes back what is not to be: parameters that are not finite, and everything of lanes that have stopped. */
  #takeBack(isTaken: Mask): void {
    const { body } = this.#code;
    const { count, state, before } = this.#vectors;
    const distance = body.let(i32.sub(before, state));
    const restore = (from: number, to: number, maskOf: (now: Floats) => Mask): void => {
      const range = { from: body.let(i32.add(state, 16 * from)), to: i32.add(state, 16 * to), by: 16 };
      body.for(range, (address) => {
        const now = body.let(f32x4.load(address));
        const old = f32x4.load(i32.add(address, distance));
        body.store(address, f32x4.bitselect(now, old, maskOf(now)));
      });
    };
    restore(0, count, (now) => i32x4.and(f32x4.eq(f32x4.mul(now, 0), 0), isTaken));
    if (this.#plan.outputs.length > 1) restore(count, count * this.#plan.outputs.length, () => isTaken);
  }
}
