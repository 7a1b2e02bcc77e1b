import type { Activation } from "../../math/activations.ts";
import { activationFunction } from "../../math/scalarFunction.ts";
import type { Drop, LayerShape, Network } from "../../graph/network.ts";
import { dropThreshold } from "../dropout.ts";
import { emitExpressions } from "./emitExpression.ts";
import { f32x4, i32x4 } from "./instructions.ts";
import { lossOf } from "./lossCode.ts";
import { type Keys, maskHalf, maskState, maskWord } from "./maskCode.ts";
import type { Value } from "./value.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";
import type { MemoryVectors } from "./vectorStore.ts";

/** Four samples: of one member, or of a member each. All may be used often. */
export interface Samples {
  readonly inputs: readonly Floats[];
  readonly targets: readonly Floats[];
  /** Share of the mean; 0 of lanes without a sample. */
  readonly scale: Floats;
  /** Places in the batch; only dropout asks for them. */
  readonly places?: () => Value<"i32x4">;
}

/** Samples whose targets end with their weights, where those of the network do: their share of the mean is multiplied by them. */
export function weighed(code: VectorCode, { outputs, isWeighted }: Network, samples: Samples): Samples {
  if (!isWeighted) return samples;
  const { targets, scale } = samples;
  return { ...samples, targets: targets.slice(0, outputs), scale: code.let(f32x4.mul(scale, targets[outputs]!)) };
}

/** Where parameters are read. */
interface Parameters {
  get(at: number): Floats;
}

/** What forward keeps of a layer: of samples and units. */
interface LayerValues {
  /** What dropout multiplies the outputs by, where there is any. */
  readonly factors: readonly Floats[] | undefined;
  readonly outputs: readonly Floats[];
  /** The pre-activation or the activation, whichever backward takes. */
  readonly saved: readonly Floats[];
}

/** Inputs of a layer, gradients by its pre-activations, both of samples and units, and the sums that they add to. */
type LayerGradients = readonly [
  inputs: readonly (readonly Floats[])[],
  d: readonly (readonly Floats[])[],
  sums: MemoryVectors,
];

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** One network as straight-line code: forward, loss, backward. */
export class NetworkCode {
  readonly #code: VectorCode;
  readonly #network: Network;
  readonly #parameters: Parameters;
  /** Of the step's masks, by stream. */
  readonly #keys: ReadonlyMap<number, Keys>;

  constructor(
    code: VectorCode,
    network: Network,
    parameters: Parameters,
    keys: ReadonlyMap<number, Keys> = new Map<number, Keys>(),
  ) {
    this.#code = code;
    this.#network = network;
    this.#parameters = parameters;
    this.#keys = keys;
  }

  /** What dropout multiplies the units of a sample by: 0, or 1 / (1 − rate). Two units share a word. */
  #factors(count: number, { rate, stream }: Drop, { places }: Samples): Floats[] {
    const { body } = this.#code;
    const keys = this.#keys.get(stream)!;
    const state = maskState(body, keys, places!());
    let word = state;
    return upTo(count).map((unit) => {
      if (unit % 2 === 0) word = maskWord(body, keys, state, unit / 2);
      const isKept = i32x4.gtS(maskHalf(word, unit % 2 === 1), dropThreshold(rate) - 1);
      const factor = Math.fround(1 / (1 - rate));
      return this.#code.let(this.#code.keep(factor, isKept));
    });
  }

  #multiplied(values: readonly Floats[], factors: readonly Floats[] | undefined): readonly Floats[] {
    return factors ? values.map((value, at) => this.#code.let(f32x4.mul(factors[at]!, value))) : values;
  }

  #parameter(at: number): Floats {
    return this.#code.let(this.#parameters.get(at));
  }

  #activated(activation: Activation, z: Floats): { output: Floats; saved: Floats } {
    const { forward, saves } = activationFunction(activation);
    const [output] = emitExpressions(this.#code, [forward], new Map([["z", z]])) as [Floats];
    return { output, saved: saves === "argument" ? z : output };
  }

  /** The gradient by a pre-activation, from that by its activation. */
  #slopeProduct(activation: Activation, d: Floats, saved: Floats): Floats {
    const { backward } = activationFunction(activation);
    const named = new Map([
      ["d", d],
      ["a", saved],
      ["z", saved], // it reads one of the two
    ]);
    return emitExpressions(this.#code, [backward], named)[0]!;
  }

  /** Several vectors of samples at once, so that a parameter is read once for all of them. */
  #forward(
    { fanIn, fanOut, weightsOffset, biasOffset, activation, drop }: LayerShape,
    inputs: readonly (readonly Floats[])[],
    samples: readonly Samples[],
  ) {
    const z = inputs.map((): Floats[] => []);
    for (const to of upTo(fanOut)) {
      const bias = this.#parameter(biasOffset + to);
      let sums = inputs.map(() => bias);
      for (const from of upTo(fanIn)) {
        const weight = this.#parameter(weightsOffset + from * fanOut + to);
        sums = sums.map((sum, sample) => this.#code.let(this.#code.madd(inputs[sample]![from]!, weight, sum)));
      }
      for (const [sample, sum] of sums.entries()) z[sample]!.push(sum);
    }
    return z.map((own, sample): LayerValues => {
      const values = own.map((sum) => this.#activated(activation, sum));
      const factors = drop && this.#factors(fanOut, drop, samples[sample]!);
      const outputs = this.#multiplied(
        values.map(({ output }) => output),
        factors,
      );
      return { factors, outputs, saved: values.map(({ saved }) => saved) };
    });
  }

  /** Adds what samples contribute to the gradients of a layer. @param d gradients by its pre-activations, of samples and units */
  #addGradients(layer: LayerShape, ...[inputs, d, sums]: LayerGradients): void {
    const { fanIn, fanOut, weightsOffset, biasOffset } = layer;
    for (const from of upTo(fanIn)) {
      for (const to of upTo(fanOut)) {
        const at = weightsOffset + from * fanOut + to;
        const add = (sum: Floats, own: readonly Floats[], sample: number): Floats =>
          this.#code.madd(inputs[sample]![from]!, own[to]!, sum);
        sums.set(at, d.reduce(add, sums.get(at)));
      }
    }
    for (const to of upTo(fanOut)) {
      const at = biasOffset + to;
      const sum = d.reduce((total, own) => f32x4.add(total, own[to]!), sums.get(at));
      sums.set(at, sum);
    }
  }

  /** Gradients by the outputs of the layer below. */
  #inputGradients({ fanIn, fanOut, weightsOffset }: LayerShape, d: readonly Floats[][]): Floats[][] {
    const gradients = d.map((): Floats[] => []);
    for (const from of upTo(fanIn)) {
      let sums: (Floats | undefined)[] = d.map(() => undefined);
      for (const to of upTo(fanOut)) {
        const weight = this.#parameter(weightsOffset + from * fanOut + to);
        sums = sums.map((sum, sample) => {
          const own = d[sample]![to]!;
          return this.#code.let(sum ? this.#code.madd(weight, own, sum) : f32x4.mul(weight, own));
        });
      }
      for (const [sample, sum] of sums.entries()) gradients[sample]!.push(sum!);
    }
    return gradients;
  }

  /** Forward, loss and backward of samples. @param sums of gradients, and behind them of losses: scaled; added to */
  addSamples(samples: readonly Samples[], sums: MemoryVectors): void {
    const { inputs: width, inputDrop, layers, loss, parameterCount } = this.#network;
    const values: LayerValues[][] = []; // of layers, then samples
    const inputs = samples.map((own) =>
      this.#multiplied(own.inputs, inputDrop && this.#factors(width, inputDrop, own)),
    );
    const inputsOf = (index: number) => (index === 0 ? inputs : values[index - 1]!.map(({ outputs }) => outputs));
    for (const layer of layers) values.push(this.#forward(layer, inputsOf(layer.index), samples));
    let byOutput = samples.map(({ targets, scale }, sample) => {
      const { outputs } = values[layers.length - 1]![sample]!;
      const own = lossOf(this.#code, loss, { outputs, targets, scale });
      sums.set(parameterCount, this.#code.madd(scale, own.loss, sums.get(parameterCount)));
      return [...own.slopes];
    });
    for (const layer of layers.toReversed()) {
      const saved = values[layer.index]!.map((own) => own.saved);
      const d = byOutput.map((own, sample) =>
        this.#multiplied(own, values[layer.index]![sample]!.factors).map((gradient, at) =>
          this.#slopeProduct(layer.activation, gradient, saved[sample]![at]!),
        ),
      );
      this.#addGradients(layer, inputsOf(layer.index), d, sums);
      if (layer.index > 0) byOutput = this.#inputGradients(layer, d);
    }
  }
}
