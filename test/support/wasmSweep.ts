// Expressions in WebAssembly at many points.

import { emitExpressions } from "../../src/backend/wasm/emitExpression.ts";
import { f32x4, i32 } from "../../src/backend/wasm/instructions.ts";
import { ModuleBuilder } from "../../src/backend/wasm/moduleBuilder.ts";
import { hasRelaxedSimd } from "../../src/backend/wasm/support.ts";
import { VectorCode, VectorModule } from "../../src/backend/wasm/vectorCode.ts";
import type { Expression } from "../../src/math/expression.ts";

/** Whether products and sums are fused: without, and with where the engine can. */
export const fusings = (): boolean[] => (hasRelaxedSimd() ? [false, true] : [false]);

/** Values of a function of one to four inputs at points, an array for each input. */
export function computeInWasm(
  names: readonly string[],
  output: Expression,
  points: readonly Float32Array[],
  useRelaxed: boolean,
): Float32Array {
  const { length } = points[0]!;
  const bytes = 16 * Math.ceil(length / 4);
  const pages = Math.ceil(((names.length + 1) * bytes) / 65_536);
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "host", name: "memory", initialPages: pages });
  const module = new VectorModule(builder, useRelaxed);
  const compute = builder.function({ parameters: ["i32"] }, (body, end) => {
    body.for({ from: 0, to: end, by: 16 }, (at) => {
      const inputs = new Map(names.map((name, place) => [name, body.let(f32x4.load(at, place * bytes))]));
      const [value] = emitExpressions(new VectorCode(module, body), [output], inputs);
      body.store(i32.add(at, names.length * bytes), value!);
    });
  });
  builder.export("compute", compute);
  const memory = new WebAssembly.Memory({ initial: pages });
  for (const [place, values] of points.entries()) new Float32Array(memory.buffer, place * bytes, length).set(values);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(builder.encode()), { host: { memory } });
  (instance.exports.compute as (end: number) => void)(bytes);
  return new Float32Array(memory.buffer, names.length * bytes, length).slice();
}
