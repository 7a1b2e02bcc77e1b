// Products, gradients and element-wise functions by the public tensors: a state that every round replaces.

import type { Device } from "../../../src/backend/device.ts";
import { GpuDevice } from "../../../src/backend/webgpu/device.ts";
import {
  activateDerivative,
  add,
  dispose,
  matmul,
  multiply,
  reshape,
  sigmoid,
  slice,
  type Tensor,
  tensor,
  tidy,
} from "../../../src/tensor.ts";
import type { Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import { type ElementWorkload, type GradientWorkload, type ProductWorkload, workOf } from "../../race/workload.ts";

type TensorWorkload = ProductWorkload | GradientWorkload | ElementWorkload;

/** Waits for the device that may be open at once, and the work between two of them, in dispatch budgets. */
const waitsInFlight = 2;
const waitBudgets = 4;
/** A dispatch budget of the CPU. */
const cpuFlops = 8e7;

interface Chain {
  readonly shape: readonly number[];
  readonly fixed: readonly Tensor[];
  readonly round: (state: Tensor) => Tensor;
}

function productChain(device: Device, { form, size, batch }: ProductWorkload, { fixed }: Start): Chain {
  const shape = batch === 1 ? [size, size] : [batch, size, size];
  const a = tensor(device, fixed, shape);
  const options = { transposeA: form.startsWith("T"), transposeB: form.endsWith("T") };
  return { shape, fixed: [a], round: (c) => matmul(a, c, options) };
}

function gradientChain(device: Device, { rows, fanIn, fanOut }: GradientWorkload, { fixed }: Start): Chain {
  const a = tensor(device, fixed.subarray(0, rows * fanIn), [rows, fanIn]);
  const b = tensor(device, fixed.subarray(rows * fanIn), [rows, fanOut]);
  const round = (c: Tensor): Tensor => add(matmul(a, b, { transposeA: true }), multiply(c, 0.5));
  return { shape: [fanIn, fanOut], fixed: [a, b], round };
}

const elementChain = ({ operation, count }: ElementWorkload): Chain => ({
  shape: [count],
  fixed: [],
  round: (x) => (operation === "sigmoid" ? sigmoid(x) : multiply(activateDerivative("sigmoid", x), 2)),
});

function chainOf(device: Device, workload: TensorWorkload, start: Start): Chain {
  if (workload.kind === "product") return productChain(device, workload, start);
  return workload.kind === "gradient" ? gradientChain(device, workload, start) : elementChain(workload);
}

class TensorEntry implements Entry {
  readonly settings = { by: "thalweg/tensor" };
  readonly #device: Device;
  readonly #chain: Chain;
  readonly #start: Start;
  readonly #roundsPerWait: number;
  readonly #waits: Promise<unknown>[] = [];
  #state: Tensor;

  constructor(device: Device, workload: TensorWorkload, start: Start) {
    this.#device = device;
    this.#chain = chainOf(device, workload, start);
    this.#start = start;
    const budget = device instanceof GpuDevice ? device.dispatchFlops : cpuFlops;
    this.#roundsPerWait = Math.max(1, Math.floor((waitBudgets * budget) / workOf(workload).flops));
    this.#state = tensor(device, start.state, this.#chain.shape);
  }

  async run(rounds: number): Promise<void> {
    for (let left = rounds; left > 0; left -= this.#roundsPerWait) {
      for (let round = Math.min(left, this.#roundsPerWait); round > 0; round--) this.#round();
      this.#waits.push(
        this.#device instanceof GpuDevice ? this.#device.gpu.queue.onSubmittedWorkDone() : this.#first(),
      );
      if (this.#waits.length > waitsInFlight) await this.#waits.shift();
    }
  }

  #round(): void {
    const before = this.#state;
    this.#state = tidy(() => this.#chain.round(before));
    before.dispose();
  }

  /** The first value of the state, when all rounds before are done. */
  async #first(): Promise<number> {
    const first = tidy(() => slice(reshape(this.#state, [-1]), [0], [1]));
    try {
      return await first.item();
    } finally {
      first.dispose();
    }
  }

  async finish(): Promise<number> {
    const value = await this.#first();
    await Promise.all(this.#waits.splice(0));
    return value;
  }

  async readState(): Promise<Float32Array> {
    return Float32Array.from(await this.#state.read());
  }

  restart(): void {
    this.#state.dispose();
    this.#state = tensor(this.#device, this.#start.state, this.#chain.shape);
  }

  dispose(): void {
    dispose([this.#state, this.#chain.fixed]);
  }
}

export const createTensors = async (device: Device, workload: TensorWorkload, start: Start): Promise<Entry> =>
  new TensorEntry(device, workload, start);
