import { f32x4 } from "./instructions.ts";
import { ModuleBuilder } from "./moduleBuilder.ts";

/** Whether an engine accepts a vector instruction: engines validate modules before they run anything. */
function accepts(useRelaxed: boolean): boolean {
  if (typeof WebAssembly === "undefined") return false;
  const module = new ModuleBuilder();
  module.function({ parameters: ["f32x4"], result: "f32x4" }, (_, x) =>
    useRelaxed ? f32x4.relaxedMadd(x, x, x) : f32x4.add(x, x),
  );
  return WebAssembly.validate(module.encode());
}

let [simd, relaxedSimd]: (boolean | undefined)[] = [];

/** Why this host cannot compute in WebAssembly with vectors of 128 bits; undefined where it can. */
export function whyNoWasm(): string | undefined {
  if (typeof WebAssembly === "undefined") return "this host has no WebAssembly";
  simd ??= accepts(false);
  return simd ? undefined : "this engine's WebAssembly has no SIMD, or a policy of the page forbids it";
}

/** Whether it also has relaxed SIMD: multiplying and adding in one instruction. */
export const hasRelaxedSimd = (): boolean => (relaxedSimd ??= accepts(true));
