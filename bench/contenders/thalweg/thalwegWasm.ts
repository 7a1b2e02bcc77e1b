// The WebAssembly backend on all cores: training steps and forward passes through the contract of executors; products and gradients by its
// kernels, a state that every round replaces; functions by the public tensors.

import { version } from "../../../package.json";
import { createExecutor } from "../../../src/backend/createExecutor.ts";
import type { Device } from "../../../src/backend/device.ts";
import type { FloatArray } from "../../../src/backend/executor.ts";
import { WasmDevice } from "../../../src/backend/wasm/device.ts";
import { Heap, memoryImport } from "../../../src/backend/wasm/heap.ts";
import { f32x4 } from "../../../src/backend/wasm/instructions.ts";
import { addEpilogue, type Epilogue } from "../../../src/backend/wasm/matmulEpilogue.ts";
import { matmulModule, matmulNames } from "../../../src/backend/wasm/matmulModule.ts";
import { type EpilogueCall, type MatmulPlan, planMatmul } from "../../../src/backend/wasm/matmulPlan.ts";
import type { MatmulRequest } from "../../../src/backend/wasm/matmulRequest.ts";
import { matmulScratchBytes } from "../../../src/backend/wasm/matmulScratch.ts";
import { ModuleBuilder } from "../../../src/backend/wasm/moduleBuilder.ts";
import { ThreadPool } from "../../../src/backend/wasm/pool.ts";
import { Program } from "../../../src/backend/wasm/program.ts";
import { coreCount, hasThreads } from "../../../src/backend/wasm/workerHost.ts";
import type { Contender, Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { ForwardWorkload, GradientWorkload, ProductWorkload } from "../../race/workload.ts";
import { createSteps } from "./thalwegSteps.ts";
import { createTensors } from "./thalwegTensors.ts";

/** c ← sum + c / 2 */
const halfAdded: Epilogue = {
  operands: ["values"],
  apply: (_, sum, [before]) => [f32x4.add(sum, f32x4.mul(before!, 0.5))],
};

interface Round {
  readonly request: Omit<MatmulRequest, "out">;
  readonly epilogue?: EpilogueCall;
}

/** A machine for one entry, and the arrays in its memory. */
class WasmEntry implements Entry {
  readonly settings: Readonly<Record<string, number | string>>;
  readonly #pool: ThreadPool;
  readonly #heap: Heap;
  readonly #start: Start;
  readonly #plans: MatmulPlan[] = [];
  /** From the first state to the second, and back. */
  readonly #steps: readonly Program[];
  /** Both, for two rounds. */
  readonly #pair: Program;
  readonly #states: readonly number[];
  #rounds = 0;

  constructor(pool: ThreadPool, start: Start, kernels: Parameters<typeof planMatmul>[1], round: RoundOf) {
    const { heap, threads } = pool;
    this.settings = { threads };
    this.#pool = pool;
    this.#heap = heap;
    this.#start = start;
    this.#states = [0, 1].map(() => heap.allocate(4 * start.state.length));
    const fixed = heap.allocate(4 * start.fixed.length);
    heap.floats(fixed, start.fixed.length).set(start.fixed);
    const phases = [0, 1].map((from) => {
      const [state, out] = [this.#states[from]!, this.#states[1 - from]!];
      const { request, epilogue } = round(fixed, state);
      const plan = planMatmul(heap, kernels, { ...request, out }, { threads, ...(epilogue && { epilogue }) });
      this.#plans.push(plan);
      return plan.phases;
    });
    this.#steps = phases.map((ofRound) => new Program(heap, ofRound));
    this.#pair = new Program(heap, phases.flat());
    this.restart();
  }

  async run(rounds: number): Promise<void> {
    let left = rounds;
    if (left > 0 && this.#rounds % 2 === 1) {
      await this.#pool.run(this.#steps[1]!);
      left--;
    }
    if (left > 1) await this.#pool.run(this.#pair, Math.floor(left / 2));
    if (left % 2 === 1) await this.#pool.run(this.#steps[0]!);
    this.#rounds += rounds;
  }

  #state(): Float32Array<ArrayBufferLike> {
    return this.#heap.floats(this.#states[this.#rounds % 2]!, this.#start.state.length);
  }

  finish(): Promise<number> {
    return Promise.resolve(this.#state()[0]!);
  }

  readState(): Promise<Float32Array> {
    return Promise.resolve(Float32Array.from(this.#state()));
  }

  restart(): void {
    this.#rounds = 0;
    this.#state().set(this.#start.state);
  }

  dispose(): void {
    void this.#pool.dispose();
  }
}

type RoundOf = (fixed: number, state: number) => Round;

function productRound({ form, size, batch }: ProductWorkload): RoundOf {
  const leading = { leading: size, batchStrides: batch === 1 ? [] : [size * size] };
  const shape = { batch: batch === 1 ? [] : [batch], m: size, n: size, k: size };
  const transposes = { transposeA: form.startsWith("T"), transposeB: form.endsWith("T") };
  return (fixed, state) => ({
    request: { ...shape, ...transposes, a: { ...leading, address: fixed }, b: { ...leading, address: state } },
  });
}

function gradientRound({ rows, fanIn, fanOut }: GradientWorkload, kernel: EpilogueCall["kernel"]): RoundOf {
  return (fixed, state) => ({
    request: {
      batch: [],
      m: fanIn,
      n: fanOut,
      k: rows,
      transposeA: true,
      transposeB: false,
      a: { address: fixed, leading: fanIn, batchStrides: [] },
      b: { address: fixed + 4 * rows * fanIn, leading: fanOut, batchStrides: [] },
    },
    epilogue: { kernel, epilogue: halfAdded, arrays: [{ address: state, matrixBytes: 0 }] },
  });
}

/** @param isShared whether several threads use its memory */
function halfAddedModule(isShared: boolean): WebAssembly.Module {
  const builder = new ModuleBuilder();
  builder.importMemory(memoryImport(isShared));
  builder.export("halfAdded", addEpilogue(builder, halfAdded));
  return new WebAssembly.Module(builder.encode());
}

/** Forward passes by `predict`, each of the outputs of the one before. */
async function createForward(device: Device, { network }: ForwardWorkload, start: Start): Promise<Entry> {
  const executor = await createExecutor(device, network, 1);
  executor.writeParameters(start.fixed);
  let state: FloatArray = start.state;
  return {
    run: async (rounds) => {
      for (let round = 0; round < rounds; round++) state = await executor.predict(state);
    },
    finish: () => Promise.resolve(state[0]!),
    readState: () => Promise.resolve(state.slice()),
    restart: () => {
      state = start.state;
    },
    dispose: () => executor.dispose(),
  };
}

async function createMatmuls(workload: ProductWorkload | GradientWorkload, start: Start): Promise<Entry> {
  const isShared = hasThreads();
  const heap = new Heap({ isShared });
  const threads = isShared ? coreCount() : 1;
  const pool = await ThreadPool.open({ heap, threads, scratchBytes: matmulScratchBytes });
  const products = { module: new WebAssembly.Module(matmulModule(isShared)), names: matmulNames };
  const halves = { module: halfAddedModule(isShared), names: ["halfAdded"] };
  const [matmul, sumSlices, added] = await pool.addKernels([products, halves]);
  const round = workload.kind === "product" ? productRound(workload) : gradientRound(workload, added!);
  return new WasmEntry(pool, start, { matmul: matmul!, sumSlices: sumSlices! }, round);
}

export const wasm: Contender = {
  version,
  createEntry: async (workload, start) => {
    if (workload.kind === "product" || workload.kind === "gradient") return createMatmuls(workload, start);
    const device = await WasmDevice.open("the benchmark asks for WebAssembly");
    if (workload.kind === "step") return createSteps(device, workload, start);
    if (workload.kind === "forward") return createForward(device, workload, start);
    return createTensors(device, workload, start);
  },
};
