// Forward passes, products and element-wise functions in jax-js: a state that every round replaces.

import { type Array as JaxArray, jit, nn, numpy as np } from "@jax-js/jax";
import type { Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type {
  ElementWorkload,
  ForwardWorkload,
  GradientWorkload,
  ProductWorkload,
  Workload,
} from "../../race/workload.ts";
import {
  disposeAll,
  download,
  firstValue,
  type HandOver,
  settle,
  startWork,
  startWorkNow,
  upload,
} from "./jaxJsArrays.ts";
import { applyFused } from "./jaxJsNetwork.ts";
import { shapesOf } from "./jaxJsStep.ts";

type ChainWorkload = Exclude<Workload, { kind: "step" }>;
/** One round: owns the state, and reads the fixed arrays with `ref`. */
type Round = (state: JaxArray, fixed: JaxArray[]) => JaxArray;

interface Chain {
  readonly shape: readonly number[];
  readonly fixed: JaxArray[];
  readonly round: Round;
}

function forwardChain({ network, batchSize }: ForwardWorkload, start: Start): Chain {
  const fixed = network.layers.flatMap((layer) => {
    const { weightsOffset, biasOffset, fanOut } = layer;
    const [weights, bias] = shapesOf(layer, []);
    return [
      upload(start.fixed.slice(weightsOffset, biasOffset), weights),
      upload(start.fixed.slice(biasOffset, biasOffset + fanOut), bias),
    ];
  });
  const round: Round = (state, parameters) =>
    network.layers.reduce((values, { index, activation }) => {
      const [weights, bias] = [parameters[2 * index]!.ref, parameters[2 * index + 1]!.ref];
      return applyFused(activation, np.matmul(values, weights).add(bias));
    }, state);
  return { shape: [batchSize, network.inputs], fixed, round };
}

function productChain({ form, size, batch }: ProductWorkload, start: Start): Chain {
  const shape = batch === 1 ? [size, size] : [batch, size, size];
  const turn = (array: JaxArray, isTransposed: boolean): JaxArray => (isTransposed ? np.matrixTranspose(array) : array);
  const round: Round = (state, [a]) => np.matmul(turn(a!.ref, form.startsWith("T")), turn(state, form.endsWith("T")));
  return { shape, fixed: [upload(start.fixed, shape)], round };
}

function gradientChain({ rows, fanIn, fanOut }: GradientWorkload, start: Start): Chain {
  const a = upload(start.fixed.slice(0, rows * fanIn), [rows, fanIn]);
  const b = upload(start.fixed.slice(rows * fanIn), [rows, fanOut]);
  const round: Round = (c, [inputs, dOutputs]) =>
    np.matmul(np.matrixTranspose(inputs!.ref), dOutputs!.ref).add(c.mul(0.5));
  return { shape: [fanIn, fanOut], fixed: [a, b], round };
}

const elementChain = ({ operation, count }: ElementWorkload): Chain => ({
  shape: [count],
  fixed: [],
  round: (x) => (operation === "sigmoid" ? nn.sigmoid(x) : x.ref.mul(2).mul(np.subtract(1, x))),
});

function chainOf(workload: ChainWorkload, start: Start): Chain {
  if (workload.kind === "forward") return forwardChain(workload, start);
  if (workload.kind === "gradient") return gradientChain(workload, start);
  return workload.kind === "product" ? productChain(workload, start) : elementChain(workload);
}

const createProgram = (round: Round) =>
  jit((state: JaxArray, fixed: JaxArray[]): JaxArray => {
    const next = round(state, fixed);
    disposeAll(fixed);
    return next;
  });

class ChainEntry implements Entry {
  readonly settings: Readonly<Record<string, string>>;
  readonly #start: Start;
  readonly #chain: Chain;
  readonly #how: HandOver;
  readonly #program: ReturnType<typeof createProgram>;
  #state: JaxArray;

  constructor(chain: Chain, start: Start, handOver: HandOver) {
    this.settings = { handOver };
    this.#start = start;
    this.#chain = chain;
    this.#how = handOver;
    this.#program = createProgram(chain.round);
    this.#state = upload(start.state, chain.shape);
  }

  async compile(): Promise<void> {
    this.#call();
    await settle(this.#how, [this.#state]);
    this.restart();
  }

  #call(): void {
    const fixed = this.#chain.fixed.map((array) => array.ref);
    this.#state = this.#program(this.#state, fixed);
  }

  async run(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      this.#call();
      if (this.#how === "threads") await startWork(this.#how, this.#state);
      else startWorkNow(this.#how, this.#state);
    }
  }

  finish(): Promise<number> {
    return firstValue(this.#how, [this.#state]);
  }

  readState(): Promise<Float32Array> {
    return download(this.#state);
  }

  restart(): void {
    this.#state.dispose();
    this.#state = upload(this.#start.state, this.#chain.shape);
  }

  dispose(): void {
    disposeAll([this.#state, ...this.#chain.fixed]);
    this.#program.dispose();
  }
}

export async function createChain(workload: ChainWorkload, start: Start, handOver: HandOver): Promise<Entry> {
  const entry = new ChainEntry(chainOf(workload, start), start, handOver);
  await entry.compile();
  return entry;
}
