import type { Network } from "../../graph/network.ts";
import { f32x4, i32 } from "./instructions.ts";
import { type ImportedMemory, ModuleBuilder } from "./moduleBuilder.ts";
import { NetworkCode } from "./networkCode.ts";
import { forSeveral, vectorsAtOnce } from "./program.ts";
import { constant, type Value } from "./value.ts";
import { VectorCode, VectorModule } from "./vectorCode.ts";
import { addressOf, SplatMemory } from "./vectorStore.ts";

const vectorBytes = 16;

export interface PredictRequest {
  readonly network: Network;
  /** Bytes from one parameter of a member to its next: 4, or 16 where four members lie in a vector. */
  readonly stride: 4 | 16;
  readonly useRelaxed: boolean;
  readonly memory: Omit<ImportedMemory, "module" | "name">;
}

/**
 * A program that computes outputs of one member, four samples to a vector. Exports
 * `predict(parameters: i32, inputs: i32, blocks: i32, outputs: i32)`: of blocks of four samples, inputs [blocks, inputs, 4] and outputs
 * [blocks, outputs, 4] at these addresses.
 */
export function createPredictProgram({ network, stride, useRelaxed, memory }: PredictRequest): Uint8Array<ArrayBuffer> {
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "host", name: "memory", ...memory });
  const module = new VectorModule(builder, useRelaxed);
  const parameterTypes = ["i32", "i32", "i32", "i32"] as const;
  const predict = builder.function({ parameters: parameterTypes }, (body, ...[parameters, inputs, blocks, outputs]) => {
    const code = new VectorCode(module, body);
    const networkCode = new NetworkCode(code, network, new SplatMemory(parameters, 0, stride));
    const blockAt = (first: Value<"i32">, block: Value<"i32">, width: number): Value<"i32"> =>
      body.let(addressOf(first, block, vectorBytes * width));
    forSeveral(body, { from: constant("i32", 0), to: blocks, atOnce: vectorsAtOnce(network) }, (first, count) => {
      const places = Array.from({ length: count }, (_, place) => body.let(i32.add(first, place)));
      const samples = places.map((block) => {
        const address = blockAt(inputs, block, network.inputs);
        return Array.from({ length: network.inputs }, (_, at) => body.let(f32x4.load(address, vectorBytes * at)));
      });
      for (const [place, values] of networkCode.predict(samples).entries()) {
        const address = blockAt(outputs, places[place]!, network.outputs);
        for (const [at, value] of values.entries()) body.store(address, value, vectorBytes * at);
      }
    });
  });
  builder.export("predict", predict);
  return builder.encode();
}
