import { InvalidInput } from "../../errors.ts";
import type { PlanReport } from "../executor.ts";
import { type WasmMachine, type WasmWork, wasmStepMs } from "./costModel.ts";
import { fusedNetwork } from "./fusedNetwork.ts";

/**
 * How a run is trained: in straight-line code where the network is small enough, else layer by layer.
 * @throws InvalidInput where a strategy is asked for that this network does not have in WebAssembly
 */
export function strategyOf({
  network,
  members,
  plannedMembers = members,
  settings,
}: WasmWork): "members" | "samples" | "layered" {
  const { strategy = "auto" } = settings;
  const fused = fusedNetwork(network) && (plannedMembers > 1 ? "members" : "samples");
  if (strategy === "auto") return fused ?? "layered";
  if (strategy === "layered" || strategy === fused) return strategy;
  throw new InvalidInput({
    place: "train: strategy",
    expected: `one of ${["auto", "layered", ...(fused ? [fused] : [])].join(", ")} for this network in WebAssembly`,
    got: strategy,
    fix: "leave strategy out to take the fastest",
  });
}

/** What a run in WebAssembly does. @param because why it is not a GPU that computes, where a GPU was found */
export function planWasm(machine: WasmMachine, work: WasmWork, because?: string): PlanReport {
  const { network, members, settings } = work;
  const { inputs, targets } = settings.data;
  const strategy = strategyOf(work);
  const isFused = strategy !== "layered";
  const stepMs = wasmStepMs(machine, work, isFused);
  const how = [
    "WebAssembly SIMD",
    isFused ? `straight-line code, four ${strategy} to a vector` : "layer by layer",
    machine.threads === 1 ? "one thread" : `${machine.threads} threads`,
  ].join(", ");
  const why = because === undefined ? "" : `; ${because}`;
  return {
    machine: "wasm",
    strategy,
    reason: `${how}; about ${Number(stepMs.toPrecision(2))} ms a step by the cost model${why}`,
    dispatchesPerStep: 0,
    stepsPerDispatch: 0,
    stepMs,
    kernels: isFused ? ["train"] : ["rows", "gradients", "update", "finish"],
    chunkRows: settings.batchSize,
    bytes: 4 * (inputs.length + targets.length + 4 * members * network.parameterCount),
  };
}
