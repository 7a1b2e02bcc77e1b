import { BadFile } from "../../errors.ts";
import { GraphBuilder, operandExpressions } from "../../graph/builder.ts";
import { type AnyNetwork, networkOfGraph } from "../../graph/graphNetwork.ts";
import type { ActivationName, Loss } from "../../graph/network.ts";
import type { Expression } from "../../math/expression.ts";
import { activationFunction } from "../../math/scalarFunction.ts";

// A network of another program under construction: its nodes and the values of its parameters.

/** A model that another program wrote. */
export interface ImportedModel {
  readonly network: AnyNetwork;
  readonly members: 1;
  readonly parameters: Float32Array;
}

/** Matrices and vectors as other programs keep them. */
export interface Values {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

export const unsupported = (place: string, layer: string, why: string): BadFile =>
  new BadFile({
    place: `${place}: ${layer}`,
    expected: "dense layers, activations, residual connections and value by value operations",
    got: why,
    fix: "this layer cannot be expressed here: leave it out, or keep the model in the other program",
  });

/** [out, in] → [in, out] */
export function transposed({ shape, values }: Values): Values {
  const [rows = 0, columns = 0] = shape;
  const turned = Float64Array.from({ length: rows * columns }, (_, index) => {
    const [column, row] = [Math.floor(index / rows), index % rows];
    return values[row * columns + column]!;
  });
  return { shape: [columns, rows], values: turned };
}

export class NetworkDraft {
  readonly #builder: GraphBuilder;
  readonly #place: string;
  readonly #values: ArrayLike<number>[] = [];

  constructor(inputs: number, place: string) {
    this.#builder = new GraphBuilder(inputs);
    this.#place = place;
  }

  get builder(): GraphBuilder {
    return this.#builder;
  }

  #parameter(name: string, values: Values, start: "weights" | "zeros"): number {
    const index = values.values.length === 0 ? -1 : Array.prototype.findIndex.call(values.values, (value: number) => !Number.isFinite(Math.fround(value))); // prettier-ignore
    if (index >= 0) {
      const fix = "train or export the model again";
      throw new BadFile({ place: `${this.#place}: ${name}[${index}]`, expected: "a finite f32", got: String(values.values[index]), fix }); // prettier-ignore
    }
    this.#values.push(values.values);
    return this.#builder.addParameter(name, values.shape, start);
  }

  /** A dense layer. @param weights [fanIn, fanOut] @param bias [fanOut]; zeros without it */
  dense(from: number, weights: Values, bias: Values | undefined, layer: string): number {
    const [fanIn = 0, fanOut = 0] = weights.shape;
    const width = this.#builder.widthOf(from);
    if (weights.shape.length !== 2 || fanIn !== width) {
      throw unsupported(this.#place, layer, `weights [${weights.shape.join(", ")}] behind ${width} values`);
    }
    const own = bias ?? { shape: [fanOut], values: new Float32Array(fanOut) };
    if (own.values.length !== fanOut) throw unsupported(this.#place, layer, `a bias of ${own.values.length} values`);
    const index = this.#builder.nextLayer();
    const first = this.#parameter(`layers.${index}.weights`, weights, "weights");
    const second = this.#parameter(`layers.${index}.bias`, { shape: [fanOut], values: own.values }, "zeros");
    return this.#builder.add({ kind: "dense", from, weights: first, bias: second });
  }

  /** A vector that is the same for all samples. */
  vector(values: Values, role: string): number {
    const index = this.#builder.nextLayer();
    return this.#builder.add({
      kind: "parameter",
      parameter: this.#parameter(`layers.${index}.${role}`, values, "zeros"),
    });
  }

  activation(from: number, activation: ActivationName): number {
    if (activation === "identity") return from;
    const { forward } = activationFunction(activation);
    const expression = forward.substitute(new Map([["z", operandExpressions(1)[0]!]]));
    return this.#builder.add({ kind: "elementwise", from: [from], expression, activation });
  }

  /** Value by value; operands of one value are repeated for every unit. */
  elementwise(from: readonly number[], expression: Expression): number {
    const width = Math.max(...from.map((node) => this.#builder.widthOf(node)));
    const wide = from.map((node) =>
      this.#builder.widthOf(node) === width ? node : this.#builder.add({ kind: "broadcast", from: node }, width),
    );
    return this.#builder.add({ kind: "elementwise", from: wide, expression });
  }

  /** The sum of two vectors, as a residual connection has it. */
  plus(from: readonly number[]): number {
    const [a, b] = operandExpressions(2);
    return this.elementwise(from, a!.plus(b!));
  }

  finish(output: number, loss: Loss): ImportedModel {
    const network = networkOfGraph(this.#builder.finish(output), loss);
    const parameters = new Float32Array(network.parameterCount);
    let at = 0;
    for (const values of this.#values) {
      parameters.set(values, at);
      at += values.length;
    }
    return { network, members: 1, parameters };
  }
}
