import { layeredOnly } from "../../math/optimizerFunction.ts";
import type { PlanReport } from "../executor.ts";
import { type WasmMachine, type WasmWork, wasmStepMs } from "./costModel.ts";
import { strategyOf } from "./strategy.ts";

/** What a run in WebAssembly does. @param because why it is not a GPU that computes, where a GPU was found */
export function planWasm(machine: WasmMachine, work: WasmWork, because?: string): PlanReport {
  const { network, members, settings } = work;
  const { inputs, targets } = settings.data;
  const strategy = strategyOf(work);
  const isFused = strategy !== "layered";
  const stepMs = wasmStepMs(machine, work, isFused);
  const { optimizer } = settings;
  const reason = layeredOnly(optimizer);
  const layered = reason === undefined ? "layer by layer" : `layer by layer (${optimizer.name}: ${reason})`;
  const how = [
    "WebAssembly SIMD",
    isFused ? `straight-line code, four ${strategy} to a vector` : layered,
    machine.threads === 1 ? "one thread" : `${machine.threads} threads`,
  ].join(", ");
  const why = because === undefined ? "" : `; ${because}`;
  return {
    machine: "wasm",
    strategy,
    summary: `WebAssembly, ${isFused ? `four ${strategy} at a time` : "layer by layer"}${because ? ", faster than the GPU" : ""}`,
    reason: `${how}; about ${Number(stepMs.toPrecision(2))} ms per step by the cost model${why}`,
    dispatchesPerStep: 0,
    stepsPerDispatch: 0,
    stepMs,
    kernels: isFused ? ["train"] : ["rows", "gradients", "update", "finish"],
    chunkRows: settings.batchSize,
    bytes: 4 * (inputs.length + targets.length + 4 * members * network.parameterCount),
  };
}
