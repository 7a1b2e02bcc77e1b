import type { Network } from "../../graph/network.ts";
import type { Body } from "./body.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { hitsOf, lossAloneOf } from "./lossCode.ts";
import { type ImportedMemory, ModuleBuilder } from "./moduleBuilder.ts";
import { NetworkCode } from "./networkCode.ts";
import { forSeveral, vectorsAtOnce } from "./fusedProgram.ts";
import { constant, type Value } from "./value.ts";
import { type Floats, VectorCode, VectorModule } from "./vectorCode.ts";
import { addressOf, SplatMemory } from "./vectorStore.ts";

const vectorBytes = 16;

export interface PredictRequest {
  readonly network: Network;
  /** Bytes from one parameter of a member to its next: 4, or 16 where four members lie in a vector. */
  readonly stride: 4 | 16;
  readonly useRelaxed: boolean;
  readonly memory: Omit<ImportedMemory, "module" | "name">;
}

/** Writes the functions of one member's outputs. */
class PredictCode {
  readonly #request: PredictRequest;
  readonly #code: VectorCode;
  readonly #network: NetworkCode;

  constructor(request: PredictRequest, code: VectorCode, parameters: Value<"i32">) {
    this.#request = request;
    this.#code = code;
    this.#network = new NetworkCode(code, request.network, new SplatMemory(parameters, 0, request.stride));
  }

  /** Calls `take` with addresses of blocks, values of which the first are inputs, and outputs. @param width values of a block */
  forBlocks(
    at: { readonly first: Value<"i32">; readonly blocks: Value<"i32">; readonly width: number },
    take: (block: Value<"i32">, address: Value<"i32">, outputs: readonly Floats[]) => void,
  ): void {
    const { body } = this.#code;
    const { network } = this.#request;
    forSeveral(body, { from: constant("i32", 0), to: at.blocks, atOnce: vectorsAtOnce(network) }, (first, count) => {
      const places = Array.from({ length: count }, (_, place) => body.let(i32.add(first, place)));
      const addresses = places.map((block) => body.let(addressOf(at.first, block, vectorBytes * at.width)));
      const inputs = addresses.map((address) => valuesAt(body, address, { first: 0, count: network.inputs }));
      for (const [place, outputs] of this.#network.predict(inputs).entries())
        take(places[place]!, addresses[place]!, outputs);
    });
  }
}

/** Vectors at an address, from one on. */
const valuesAt = (body: Body, address: Value<"i32">, { first, count }: { first: number; count: number }): Floats[] =>
  Array.from({ length: count }, (_, at) => body.let(f32x4.load(address, vectorBytes * (first + at))));

/**
 * A program that computes outputs of one member, four samples to a vector. Exports
 * - `predict(parameters: i32, inputs: i32, blocks: i32, outputs: i32)`: of blocks of four samples, inputs [blocks, inputs, 4] and outputs
 *   [blocks, outputs, 4] at these addresses;
 * - `score(parameters: i32, samples: i32, count: i32, to: i32)`: of so many samples in blocks [blocks, inputs + outputs, 4], inputs and
 *   targets; adds losses, not scaled, [4], and right answers, negative, [4] i32, to what is at `to`.
 */
export function createPredictProgram(request: PredictRequest): Uint8Array<ArrayBuffer> {
  const { network, useRelaxed, memory } = request;
  const { inputs: inputCount, outputs: outputCount, loss } = network;
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "host", name: "memory", ...memory });
  const module = new VectorModule(builder, useRelaxed);
  const signature = { parameters: ["i32", "i32", "i32", "i32"] } as const;
  const predict = builder.function(signature, (body, ...[parameters, inputs, blocks, outputs]) => {
    const code = new PredictCode(request, new VectorCode(module, body), parameters);
    code.forBlocks({ first: inputs, blocks, width: inputCount }, (block, _, values) => {
      const address = body.let(addressOf(outputs, block, vectorBytes * outputCount));
      for (const [at, value] of values.entries()) body.store(address, value, vectorBytes * at);
    });
  });
  const score = builder.function(signature, (body, ...[parameters, samples, count, to]) => {
    const code = new VectorCode(module, body);
    const losses = body.variable("f32x4", f32x4.load(to));
    const hits = body.variable("i32x4", i32x4.load(to, vectorBytes));
    const blocks = body.let(i32.shrU(i32.add(count, 3), 2));
    const at = { first: samples, blocks, width: inputCount + outputCount };
    new PredictCode(request, code, parameters).forBlocks(at, (block, address, outputs) => {
      const rows = { outputs, targets: valuesAt(body, address, { first: inputCount, count: outputCount }) };
      const left = i32.sub(count, i32.shl(block, 2));
      const isSample = body.let(i32x4.gtS(i32x4.splat(left), i32x4.constants(0, 1, 2, 3)));
      body.set(losses, f32x4.add(losses, code.keep(lossAloneOf(code, loss, rows), isSample)));
      const own = hitsOf(code, loss, rows);
      if (own) body.set(hits, i32x4.add(hits, i32x4.and(own, isSample)));
    });
    body.store(to, body.let(losses));
    body.store(to, body.let(hits), vectorBytes);
  });
  builder.export("predict", predict);
  builder.export("score", score);
  return builder.encode();
}
