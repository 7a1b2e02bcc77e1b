import { inOrder } from "../../math/differentiate.ts";
import type { Expression } from "../../math/expression.ts";
import { hoist } from "../../math/hoist.ts";
import { hostedUpdate, memberHyperParameters, type OptimizerUpdate } from "../../math/optimizerUpdate.ts";
import { emitExpressions } from "./emitExpression.ts";
import { f32x4, i32x4 } from "./instructions.ts";
import type { Floats, Mask, VectorCode } from "./vectorCode.ts";
import type { VectorStore } from "./vectorStore.ts";

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
  readonly count: number;
  readonly parameters: VectorStore;
  readonly gradients: Pick<VectorStore, "get">;
  /** [states, count] */
  readonly states: VectorStore;
}

interface Updated {
  readonly old: readonly Floats[];
  readonly now: readonly Floats[];
}

/** Writes one step of the optimizer for vectors of parameters. */
export class UpdateCode {
  readonly #code: VectorCode;
  readonly #plan: UpdatePlan;
  readonly #vectors: UpdateVectors;

  constructor(code: VectorCode, plan: UpdatePlan, vectors: UpdateVectors) {
    this.#code = code;
    this.#plan = plan;
    this.#vectors = vectors;
  }

  #get(store: number, at: number): Floats {
    const { parameters, states, count } = this.#vectors;
    return this.#code.let(store === 0 ? parameters.get(at) : states.get((store - 1) * count + at));
  }

  #set(store: number, at: number, value: Floats): void {
    const { parameters, states, count } = this.#vectors;
    if (store === 0) parameters.set(at, value);
    else states.set((store - 1) * count + at, value);
  }

  /** A parameter and its states before and behind the step, and what is to be finite of it. */
  #updated(at: number, shared: ReadonlyMap<string, Floats>): Updated & { readonly watched: readonly Floats[] } {
    const { update, outputs } = this.#plan;
    const old = outputs.map((_, store) => this.#get(store, at));
    const gradient = this.#code.let(this.#vectors.gradients.get(at));
    const inputs = new Map([...shared, ["parameter", old[0]!], ["gradient", gradient]]);
    for (const [state, name] of update.state.entries()) inputs.set(name, old[state + 1]!);
    const now = emitExpressions(this.#code, outputs, inputs);
    const states = now.slice(1).filter((_, state) => update.watchesState[state]);
    return { old, now, watched: [now[0]!, ...states, ...(update.watchesGradient ? [gradient] : [])] };
  }

  /** The update where it is taken: a parameter that would not be finite stays, and so does everything where `isTaken` does not hold. */
  #taken({ old, now }: Updated, isTaken: Mask): Floats[] {
    const isFinite = f32x4.eq(f32x4.mul(now[0]!, 0), 0);
    const mask = i32x4.and(isFinite, isTaken);
    return now.map((value, store) => this.#code.let(f32x4.bitselect(value, old[store]!, store === 0 ? mask : isTaken)));
  }

  /**
   * Updates everything. With few parameters all new values are computed before one is stored, so that one comparison tells whether all
   * lanes take them.
   * @param loss watched too, may be used often
   * @param isTaken lanes that have not stopped, may be used often
   * @returns lanes that have not stopped and had nothing but finite values
   */
  write(sources: UpdateSources, loss: Floats, isTaken: Mask, isLate: boolean): Mask {
    const shared = sharedValues(this.#code, this.#plan, sources);
    const { body } = this.#code;
    const check = body.variable("f32x4", f32x4.mul(loss, 0)); // 0, NaN once anything was not finite
    const late: (Updated & { readonly at: number })[] = [];
    for (let at = 0; at < this.#vectors.count; at++) {
      const { watched, ...updated } = this.#updated(at, shared);
      for (const value of watched) body.set(check, this.#code.madd(value, 0, check));
      if (isLate) late.push({ at, ...updated });
      else this.#store(at, this.#taken(updated, isTaken));
    }
    const isFine = this.#code.let(i32x4.and(f32x4.eq(check, check), isTaken));
    if (isLate) this.#storeLate(late, isFine, isTaken);
    return isFine;
  }

  #store(at: number, values: readonly Floats[]): void {
    for (const [store, value] of values.entries()) this.#set(store, at, value);
  }

  #storeLate(late: readonly (Updated & { readonly at: number })[], isFine: Mask, isTaken: Mask): void {
    this.#code.body.if(
      i32x4.allTrue(isFine),
      () => {
        for (const { at, now } of late) this.#store(at, now);
      },
      () => {
        for (const { at, ...updated } of late) this.#store(at, this.#taken(updated, isTaken));
      },
    );
  }
}
