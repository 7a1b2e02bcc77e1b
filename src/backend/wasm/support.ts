import { f32x4 } from "./instructions.ts";
import { ModuleBuilder } from "./moduleBuilder.ts";

/** A module with a vector instruction. */
function vectorModule(useRelaxed: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.function({ parameters: ["f32x4"], result: "f32x4" }, (_, x) =>
    useRelaxed ? f32x4.relaxedMadd(x, x, x) : f32x4.add(x, x),
  );
  return module.encode();
}

/** Why this host cannot compute in WebAssembly with vectors of 128 bits; undefined where it can. */
export function whyNoWasm(): string | undefined {
  if (typeof WebAssembly === "undefined") return "this host has no WebAssembly";
  const bytes = vectorModule(false);
  if (!WebAssembly.validate(bytes)) return "this engine's WebAssembly has no SIMD";
  try {
    void new WebAssembly.Module(bytes); // policies allow to validate
    return undefined;
  } catch {
    return "a policy of the page forbids WebAssembly: its script-src lacks 'wasm-unsafe-eval'";
  }
}

let relaxedSimd: boolean | undefined;

/** Whether this engine, which has vectors, also has relaxed SIMD: multiplying and adding in one instruction. */
export const hasRelaxedSimd = (): boolean => (relaxedSimd ??= WebAssembly.validate(vectorModule(true)));
