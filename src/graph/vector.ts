import { InvalidInput } from "../errors.ts";
import { activationExpression } from "../math/activations.ts";
import { type Expression, maximum, minimum } from "../math/expression.ts";
import { type Activation, type DenseLayer, requireActivation, requireInteger, requireName } from "./network.ts";
import { type GraphBuilder, maxWidth, operandExpressions } from "./builder.ts";
import type { ParameterStart, ReductionName } from "./graph.ts";

/** What turns one vector of a network into another: `dense(8, "relu")`, `layerNorm()`, or a function of a vector. */
export type Layer = DenseLayer | ((x: Vector) => Vector);

/** Parameters that are vectors, by role, and what they start as. */
export type ParameterStarts = Readonly<Record<string, "zeros" | "ones">>;

/**
 * A vector per sample while a network is built: `network(options, (x) => …)` is given that of the inputs and returns that of the
 * outputs. Nothing is computed here; methods add nodes to the network.
 */
export class Vector {
  /** Number of values per sample. */
  readonly width: number;
  /** The network under construction, and this vector's node in it. */
  readonly builder: GraphBuilder;
  readonly node: number;

  constructor(builder: GraphBuilder, node: number) {
    this.builder = builder;
    this.node = node;
    this.width = builder.widthOf(node);
  }

  /**
   * Applies an expression value by value: `x.map((z) => z.times(z))`, or with further vectors
   * `x.map((x, y) => x.times(y), gate)`. A vector of width 1 is repeated for every unit.
   * @throws InvalidInput where widths differ
   */
  map(define: (...values: Expression[]) => Expression, ...others: readonly Vector[]): Vector {
    const all = [this, ...others];
    const width = Math.max(...all.map((vector) => this.#own("map", vector).width));
    const from = all.map((vector) => vector.broadcast(width).node);
    const expression = define(...operandExpressions(all.length));
    return this.#next(this.builder.add({ kind: "elementwise", from, expression }));
  }

  plus(other: Vector | number): Vector {
    return this.#with(other, (x, y) => x.plus(y));
  }
  minus(other: Vector | number): Vector {
    return this.#with(other, (x, y) => x.minus(y));
  }
  times(other: Vector | number): Vector {
    return this.#with(other, (x, y) => x.times(y));
  }
  over(other: Vector | number): Vector {
    return this.#with(other, (x, y) => x.over(y));
  }
  minimum(other: Vector | number): Vector {
    return this.#with(other, minimum);
  }
  maximum(other: Vector | number): Vector {
    return this.#with(other, maximum);
  }

  /** Sum over the units: width 1. */
  sum(): Vector {
    return this.#reduce("sum");
  }
  /** Mean over the units: width 1. */
  mean(): Vector {
    return this.#reduce("mean");
  }
  /** Largest of the units: width 1. Units that are equally large share the gradient. */
  max(): Vector {
    return this.#reduce("max");
  }
  /** log Σ e^x over the units, without overflow: width 1. */
  logSumExp(): Vector {
    return this.#reduce("logSumExp");
  }

  /** A vector of width 1 repeated `width` times; others stay as they are. */
  broadcast(width: number): Vector {
    if (this.width === width || this.width !== 1) return this;
    return this.#next(this.builder.add({ kind: "broadcast", from: this.node }, width));
  }

  /** Units `start` to `end − 1`. */
  slice(start: number, end: number = this.width): Vector {
    requireInteger("network: slice: end", end, start + 1, this.width);
    return this.#next(this.builder.add({ kind: "slice", from: this.node, start }, end - start));
  }

  /** The units of this vector, then those of others. */
  concat(...others: readonly Vector[]): Vector {
    if (others.length === 0) return this;
    const from = [this, ...others].map((vector) => this.#own("concat", vector).node);
    return this.#next(this.builder.add({ kind: "concat", from }));
  }

  /** Applies layers one after the other. */
  pipe(...layers: readonly Layer[]): Vector {
    return layers.reduce<Vector>((x, layer) => {
      return typeof layer === "function" ? this.#own("layer", layer(x)) : x.#dense(layer);
    }, this);
  }

  /** An activation function, by name or of your own, value by value. */
  activate(activation: Activation): Vector {
    requireActivation("network: activation", activation);
    if (activation === "identity") return this;
    const [x] = operandExpressions(1);
    const expression = activationExpression(activation, x!);
    return this.#next(this.builder.add({ kind: "elementwise", from: [this.node], expression, activation }));
  }

  /**
   * Trained vectors of this vector's width, the same for all samples: `x.parameters({ scale: "ones", shift: "zeros" })`.
   * @throws InvalidInput on a name that is not made of letters and digits
   */
  parameters<const Starts extends ParameterStarts>(starts: Starts): { readonly [Role in keyof Starts]: Vector } {
    const layer = this.builder.nextLayer();
    const entries = Object.entries(starts).map(([role, start]) => {
      requireRole(role);
      requireName(`network: parameter ${role}`, start, ["zeros", "ones"]);
      const parameter = this.builder.addParameter(`layers.${layer}.${role}`, [this.width], start);
      return [role, this.#next(this.builder.add({ kind: "parameter", parameter }))];
    });
    return Object.fromEntries(entries) as { readonly [Role in keyof Starts]: Vector };
  }

  /**
   * A trained table [categories, width], and its row for each sample's value of this vector, a column of the data.
   * @param hasUnknown row 0 starts at 0
   */
  lookup(categories: number, width: number, hasUnknown = false): Vector {
    requireInteger("network: embedding: categories", categories, 1, maxWidth);
    requireInteger("network: embedding: width", width, 1, maxWidth);
    const table = this.#parameter("table", [categories, width], hasUnknown ? "tableWithUnknown" : "table");
    return this.#next(this.builder.add({ kind: "gather", from: this.node, table }));
  }

  /** While training, 0 with probability `rate`, else the value / (1 − rate). */
  dropout(rate: number): Vector {
    return this.#next(this.builder.add({ kind: "dropout", from: this.node, rate, stream: this.builder.nextStream() }));
  }

  /** While training, the value + `deviation` · a standard normal number. */
  noise(deviation: number): Vector {
    const stream = this.builder.nextStream();
    return this.#next(this.builder.add({ kind: "noise", from: this.node, deviation, stream }));
  }

  #dense(layer: DenseLayer): Vector {
    const { width, activation } = layer ?? {};
    requireInteger("network: width of dense", width, 1, maxWidth);
    const number = this.builder.nextLayer();
    const weights = this.builder.addParameter(`layers.${number}.weights`, [this.width, width], "weights");
    const bias = this.builder.addParameter(`layers.${number}.bias`, [width], "zeros");
    return this.#next(this.builder.add({ kind: "dense", from: this.node, weights, bias })).activate(activation);
  }

  #parameter(role: string, shape: readonly number[], start: ParameterStart): number {
    return this.builder.addParameter(`layers.${this.builder.nextLayer()}.${role}`, shape, start);
  }

  #reduce(reduction: ReductionName): Vector {
    return this.#next(this.builder.add({ kind: "reduce", from: this.node, reduction }));
  }

  #with(other: Vector | number, define: (x: Expression, y: Expression | number) => Expression): Vector {
    if (other instanceof Vector) return this.map((x, y) => define(x!, y!), other);
    return this.map((x) => define(x!, other));
  }

  #next(node: number): Vector {
    return new Vector(this.builder, node);
  }

  /** @throws InvalidInput unless it is a vector of the same network */
  #own(place: string, vector: unknown): Vector {
    if (vector instanceof Vector && vector.builder === this.builder) return vector;
    throw new InvalidInput({
      place: `network: ${place}`,
      expected: "a vector of the network that is being built",
      got: vector instanceof Vector ? "a vector of another network" : typeof vector,
      fix: "use the vector passed to the function, and vectors computed from it",
    });
  }
}

function requireRole(role: string): void {
  if (/^[a-zA-Z][a-zA-Z0-9]{0,63}$/.test(role)) return;
  const fix = "name it scale, for example";
  throw new InvalidInput({ place: "network: parameters", expected: "a name of letters and digits", got: role, fix });
}
