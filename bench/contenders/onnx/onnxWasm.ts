import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { Ort } from "./onnxGpu.ts";
import { encodeRound, nextName, stateName, type RoundGraph } from "./onnxGraphs.ts";

function sessionOptions({ withoutOptimizers }: RoundGraph): InferenceSession.SessionOptions {
  return {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
    // left out, both are off in the browser
    enableCpuMemArena: true,
    enableMemPattern: true,
    ...(withoutOptimizers ? { extra: { optimization: { disable_specified_optimizers: withoutOptimizers } } } : {}),
  };
}

/** An entry on the CPU. ONNX Runtime copies the state into its memory and back in every round: it offers no other way. */
export async function createWasmEntry(ort: Ort, round: RoundGraph, start: Start): Promise<Entry> {
  const session = await ort.InferenceSession.create(encodeRound(round.graph), sessionOptions(round));
  const { shape } = round.graph.outputs[0]!;
  const initial = (): Tensor => new ort.Tensor("float32", start.state.slice(), shape);
  let state = initial();
  const values = (): Float32Array => state.data as Float32Array;
  return {
    settings: { operators: round.operators },
    run: async (rounds) => {
      for (let index = 0; index < rounds; index++) {
        const outputs = await session.run({ [stateName]: state });
        state = outputs[nextName]! as Tensor;
      }
    },
    finish: () => Promise.resolve(values()[0]!),
    readState: () => Promise.resolve(values().slice()),
    restart: () => {
      state = initial();
    },
    dispose: () => void session.release(),
  };
}
