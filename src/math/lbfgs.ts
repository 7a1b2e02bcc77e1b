import { numberRows, type Search, searchNames, vectors } from "./lbfgsState.ts";
import { hyperParameterOf, type Optimizer } from "./optimizer.ts";
import { beginSearch, infiniteLoss, judge, newSearch, phases } from "./wolfeSearch.ts";

// L-BFGS (Liu and Nocedal 1989) with a strong-Wolfe line search, as `torch.optim.LBFGS(line_search_fn="strong_wolfe")`. A step of a training
// is one call of PyTorch's closure: it evaluates loss and gradients of all rows, and `LbfgsUpdate` takes them to the parameters that the next
// step evaluates. shaders/lbfgs.wgsl is the same on a GPU.

type Values = Float32Array<ArrayBufferLike> | Float64Array<ArrayBufferLike>;

/** Least y · s of a pair that is kept. */
const leastCurvature = 1e-10;

/** One member, before an update. */
export interface LbfgsMember {
  readonly optimizer: Optimizer;
  /** Loss at the parameters, and gradients there [parameterCount]. */
  readonly loss: number;
  readonly gradients: Values;
  /** [parameterCount]: updated. */
  readonly parameters: Values;
  /** `lbfgsRows` of [parameterCount]: updated. */
  readonly state: readonly Values[];
}

interface Tolerances {
  readonly learningRate: number;
  readonly maxIterations: number;
  readonly maxEvaluations: number;
  readonly toleranceGradient: number;
  readonly toleranceChange: number;
}
const toleranceNames = [
  "learningRate",
  "maxIterations",
  "maxEvaluations",
  "toleranceGradient",
  "toleranceChange",
] as const satisfies readonly (keyof Tolerances)[];

function dot(a: Values, b: Values): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!;
  return sum;
}

/** The largest size; NaN where a value is NaN. */
function largestOf(values: Values): number {
  let largest = 0;
  for (let at = 0; at < values.length; at++) {
    const size = Math.abs(values[at]!);
    if (!(size <= largest)) largest = size;
  }
  return largest;
}

/** Sum of the sizes. */
function sizeOf(values: Values): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += Math.abs(values[at]!);
  return sum;
}

/** a += factor · b. */
function add(a: Values, factor: number, b: Values): void {
  for (let at = 0; at < a.length; at++) a[at]! += factor * b[at]!;
}

/** Updates members of one network, one after the other; allocates no arrays from step to step. */
export class LbfgsUpdate {
  readonly #historySize: number;
  readonly #numberRows: number;
  /** Sizes from which values count as infinite. */
  readonly #limit: number;
  readonly #search: Search = newSearch();
  /** 1 / (y · s) of each pair, and what the first loop of the direction hands to the second. */
  readonly #curvatures: Float64Array;
  readonly #shares: Float64Array;
  readonly #settings = Object.fromEntries(toleranceNames.map((name) => [name, 0])) as Record<keyof Tolerances, number>;
  #member!: LbfgsMember;

  constructor(historySize: number, parameterCount: number, limit: number) {
    this.#historySize = historySize;
    this.#numberRows = numberRows(historySize, parameterCount);
    this.#limit = limit;
    this.#curvatures = new Float64Array(historySize);
    this.#shares = new Float64Array(historySize);
  }

  #vector(name: (typeof vectors)[number]): Values {
    return this.#member.state[this.#numberRows + vectors.indexOf(name)]!;
  }

  get #start(): Values {
    return this.#member.state.at(-1)!;
  }

  /** y and s of a pair, the oldest being 0. */
  #pair(pair: number): { readonly place: number; readonly y: Values; readonly s: Values } {
    const place = (this.#search.oldest + pair) % this.#historySize;
    const y = this.#numberRows + vectors.length + place;
    const { state } = this.#member;
    return { place, y: state[y]!, s: state[y + this.#historySize]! };
  }

  /** As arrays of the state hold it. */
  #rounded(value: number): number {
    return this.#start instanceof Float32Array ? Math.fround(value) : value;
  }

  /** Visits the places of a member's numbers. */
  #numbers(visit: (row: Values, column: number, index: number) => void): void {
    const { state, parameters } = this.#member;
    const width = parameters.length;
    const count = searchNames.length + this.#historySize;
    for (let index = 0; index < count; index++) visit(state[Math.floor(index / width)]!, index % width, index);
  }

  #load(member: LbfgsMember): void {
    this.#member = member;
    for (const name of toleranceNames) this.#settings[name] = hyperParameterOf(member.optimizer, name) as number;
    this.#numbers((row, column, index) => {
      const name = searchNames[index];
      if (name) this.#search[name] = row[column]!;
      else this.#curvatures[index - searchNames.length] = row[column]!;
    });
  }

  #store(): void {
    this.#numbers((row, column, index) => {
      const name = searchNames[index];
      row[column] = name ? this.#search[name] : this.#curvatures[index - searchNames.length]!;
    });
  }

  /**
   * Takes an evaluation to the parameters of the next one.
   * @returns false where the loss or the gradients of the first evaluation, or a direction, are not finite: the member stays where the
   * search began
   */
  update(member: LbfgsMember): boolean {
    this.#load(member);
    const isGoing = this.#search.phase === phases.begin ? this.#begin() : this.#judge();
    if (!isGoing) member.parameters.set(this.#start);
    this.#store();
    return isGoing;
  }

  #isFinite(): boolean {
    return Math.abs(this.#member.loss) < this.#limit && largestOf(this.#member.gradients) < this.#limit;
  }

  /** The evaluation with which PyTorch's `step` begins. */
  #begin(): boolean {
    const { gradients, parameters, loss } = this.#member;
    if (!this.#isFinite()) return false;
    this.#start.set(parameters);
    this.#search.iterations = 0;
    this.#search.evaluations = 1;
    if (largestOf(gradients) <= this.#settings.toleranceGradient) return true;
    this.#search.loss = loss;
    return this.#iterate(gradients);
  }

  /** A trial of the line search. */
  #judge(): boolean {
    const search = this.#search;
    const { gradients, loss } = this.#member;
    const before = search.loss;
    const isFinite = this.#isFinite();
    search.evaluations++;
    const slope = isFinite ? dot(gradients, this.#vector("direction")) : 0;
    const { moved, stored, accepted } = judge(search, isFinite ? loss : infiniteLoss, slope);
    const rows = [this.#vector("end0"), this.#vector("end1")] as const;
    if (moved) rows[1 - search.low]!.set(rows[search.low]!);
    if (stored >= 0 && isFinite) rows[stored]!.set(gradients);
    if (accepted === undefined) {
      this.#try();
      return true;
    }
    const reached = { trial: gradients, end: rows[search.low]!, start: this.#vector("gradient") }[accepted];
    return this.#accept(reached, Math.abs(search.loss - before));
  }

  /** Sets the parameters to a trial. */
  #try(): void {
    const { parameters } = this.#member;
    const [start, direction] = [this.#start, this.#vector("direction")];
    const step = (this.#search.step = this.#rounded(this.#search.step));
    for (let at = 0; at < start.length; at++) parameters[at] = start[at]! + step * direction[at]!;
  }

  /** Ends an iteration, and PyTorch's `step` where that would end. @param change of the loss */
  #accept(gradients: Values, change: number): boolean {
    const search = this.#search;
    const { maxIterations, maxEvaluations, toleranceGradient, toleranceChange } = this.#settings;
    add(this.#start, search.step, this.#vector("direction"));
    const isEnd =
      search.iterations >= maxIterations ||
      search.evaluations >= maxEvaluations ||
      largestOf(gradients) <= toleranceGradient ||
      Math.abs(search.step) * search.largest <= toleranceChange ||
      change < toleranceChange;
    return isEnd ? this.#end() : this.#iterate(gradients);
  }

  /** The next evaluation is that with which PyTorch's next `step` begins. */
  #end(): boolean {
    this.#search.phase = phases.begin;
    this.#member.parameters.set(this.#start);
    return true;
  }

  /** Begins the line search of the next iteration, at the start. @param gradients there */
  #iterate(gradients: Values): boolean {
    const search = this.#search;
    const { learningRate, toleranceChange } = this.#settings;
    search.iterations++;
    const direction = this.#vector("direction");
    if (search.hasDirection === 1) {
      this.#remember(gradients);
      this.#turn(gradients);
      search.step = learningRate;
    } else {
      for (let at = 0; at < direction.length; at++) direction[at] = -gradients[at]!;
      search.hasDirection = 1;
      search.scale = 1;
      search.step = Math.min(1, 1 / sizeOf(gradients)) * learningRate;
    }
    this.#vector("gradient").set(gradients);
    this.#vector("end0").set(gradients);
    const [slope, largest] = [dot(gradients, direction), largestOf(direction)];
    if (!(Math.abs(slope) < this.#limit && largest < this.#limit)) return false;
    if (slope > -toleranceChange) return this.#end();
    beginSearch(search, { loss: search.loss, slope, largest });
    this.#try();
    return true;
  }

  /** Keeps the differences of gradients and parameters over the last search, in place of the oldest where there is no room. */
  #remember(gradients: Values): void {
    const search = this.#search;
    const [before, direction] = [this.#vector("gradient"), this.#vector("direction")];
    const size = this.#historySize;
    let [ys, yy] = [0, 0];
    for (let at = 0; at < before.length; at++) {
      const y = this.#rounded(gradients[at]! - before[at]!);
      ys += y * this.#rounded(direction[at]! * search.step);
      yy += y * y;
    }
    if (!(ys > leastCurvature && yy < this.#limit)) return;
    if (search.pairs === size) search.oldest = (search.oldest + 1) % size;
    else search.pairs++;
    const { place, y, s } = this.#pair(search.pairs - 1);
    for (let at = 0; at < before.length; at++) {
      y[at] = gradients[at]! - before[at]!;
      s[at] = direction[at]! * search.step;
    }
    this.#curvatures[place] = 1 / ys;
    search.scale = ys / yy;
  }

  /** The direction: the gradients times an inverse Hessian made of the pairs, negated (Nocedal and Wright, algorithm 7.4). */
  #turn(gradients: Values): void {
    const { pairs, scale } = this.#search;
    const direction = this.#vector("direction");
    for (let at = 0; at < direction.length; at++) direction[at] = -gradients[at]!;
    for (let pair = pairs - 1; pair >= 0; pair--) {
      const { place, y, s } = this.#pair(pair);
      const share = (this.#shares[pair] = dot(s, direction) * this.#curvatures[place]!);
      add(direction, -share, y);
    }
    for (let at = 0; at < direction.length; at++) direction[at]! *= scale;
    for (let pair = 0; pair < pairs; pair++) {
      const { place, y, s } = this.#pair(pair);
      add(direction, this.#shares[pair]! - dot(y, direction) * this.#curvatures[place]!, s);
    }
  }
}
