import { CannotTakePart, type Contender, type Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { ElementWorkload, ForwardWorkload, ProductForm, ProductWorkload } from "../../race/workload.ts";
import { sigmoids } from "./float32Activation.ts";
import { type ForwardLayer, forwardLayer, runForward } from "./float32Layers.ts";
import { multiply, type Product } from "./float32Multiply.ts";
import { createSteps } from "./float32Steps.ts";

// What plain JavaScript reaches with care: float32 arrays, sums in registers and in double precision, no allocation in a
// round, products in tiles of 3 × 4.

/** Rounds between two states: an even round reads the first and writes the second. */
class Rounds implements Entry {
  readonly #start: Float32Array;
  readonly #states: readonly [Float32Array, Float32Array];
  readonly #rounds: readonly [() => void, () => void];
  #nextRound = 0;

  constructor(
    start: Float32Array,
    states: readonly [Float32Array, Float32Array],
    build: (from: Float32Array, to: Float32Array) => () => void,
  ) {
    this.#start = start;
    this.#states = states;
    this.#rounds = [build(states[0], states[1]), build(states[1], states[0])];
    this.restart();
  }

  get #state(): Float32Array {
    return this.#states[this.#nextRound % 2]!;
  }

  run(rounds: number): void {
    for (let round = 0; round < rounds; round++) this.#rounds[this.#nextRound++ % 2]!();
  }

  async finish(): Promise<number> {
    return this.#state[0]!;
  }

  async readState(): Promise<Float32Array> {
    return this.#state.slice();
  }

  restart(): void {
    this.#states[0].set(this.#start);
    this.#nextRound = 0;
  }

  dispose(): void {}
}

const statesOf = (length: number): readonly [Float32Array, Float32Array] => [
  new Float32Array(length),
  new Float32Array(length),
];

function createForward({ network, batchSize }: ForwardWorkload, { state, fixed: parameters }: Start): Entry {
  const hidden = network.layers.slice(0, -1).map(({ fanOut }) => new Float32Array(batchSize * fanOut));
  const build = (from: Float32Array, to: Float32Array): (() => void) => {
    const ends = [from, ...hidden, to];
    const layers = network.layers.map((shape, index): ForwardLayer => {
      return forwardLayer(shape, { inputs: ends[index]!, parameters, outputs: ends[index + 1]!, saves: false });
    });
    return () => {
      for (const layer of layers) runForward(layer, batchSize, 0);
    };
  };
  return new Rounds(state, statesOf(state.length), build);
}

interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly c: Float32Array;
}

/** A transpose is a matter of strides. */
function productOf(form: ProductForm, size: number, { a, b, c }: Operands): Product {
  const [aRow, aSum] = form.startsWith("T") ? [1, size] : [size, 1];
  const [bSum, bColumn] = form.endsWith("T") ? [1, size] : [size, 1];
  return { a, b, c, rows: size, columns: size, sums: size, aRow: aRow!, aSum: aSum!, bSum: bSum!, bColumn: bColumn! };
}

function createProducts({ form, size }: ProductWorkload, { state, fixed }: Start): Entry {
  const build = (b: Float32Array, c: Float32Array): (() => void) => {
    const product = productOf(form, size, { a: fixed, b, c });
    return () => {
      c.fill(0);
      for (let first = 0; first < c.length; first += size * size) multiply(product, first, first, first);
    };
  };
  return new Rounds(state, statesOf(state.length), build);
}

function sigmoidDerivatives(values: Float32Array): void {
  for (let at = 0; at < values.length; at++) values[at] = 2 * values[at]! * (1 - values[at]!);
}

/** In place: both states are one. */
function createElements({ operation }: ElementWorkload, { state }: Start): Entry {
  const values = new Float32Array(state.length);
  const round = operation === "sigmoid" ? () => sigmoids(values, values.length) : () => sigmoidDerivatives(values);
  return new Rounds(state, [values, values], () => round);
}

/** Plain JavaScript on float32 arrays: the line that a GPU has to cross. */
export const float32Loop: Contender = {
  version: "no library",
  createEntry: async (workload, start) => {
    if (workload.kind === "step") return createSteps(workload, start);
    if (workload.kind === "forward") return createForward(workload, start);
    if (workload.kind === "gradient") throw new CannotTakePart("its loops for gradients belong to training steps");
    return workload.kind === "product" ? createProducts(workload, start) : createElements(workload, start);
  },
};
