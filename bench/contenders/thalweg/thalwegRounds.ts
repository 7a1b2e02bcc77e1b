import { BufferOwner, readStretches, write } from "../../../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../../../src/backend/webgpu/device.ts";
import { type Dispatch, encode } from "../../../src/backend/webgpu/kernel.ts";
import type { Entry } from "../../race/contract.ts";

/** Submits under way at once, and dispatches of one, about as in a training run of the library. */
const submitsInFlight = 2;
const submitDispatches = 2048;
/** Work of one submit, in dispatch budgets, as in a training run. */
const submitBudgets = 2;

/** One dispatch of a round. */
export interface Call {
  readonly dispatch: Dispatch;
  readonly rows: number;
  /** Bytes to its slot in the buffer of step uniforms. */
  readonly stepOffset: number;
}

/** Rounds that feed on each other: round r reads `states[r % 2]` by `calls[r % 2]` and writes the other state. */
export interface Rounds {
  readonly owner: BufferOwner;
  /** The same buffer twice where a round works in place. */
  readonly states: readonly [GPUBuffer, GPUBuffer];
  readonly calls: readonly [readonly Call[], readonly Call[]];
  /** Floating-point operations of one round, with what values cost beside their sums. */
  readonly work: number;
  /** The start state as it lies in the buffer. */
  readonly start: Float32Array;
  /** The state without what the buffer holds beside it. */
  readonly extract: (values: Float32Array) => Float32Array;
  readonly settings: NonNullable<Entry["settings"]>;
}

class RoundsEntry implements Entry {
  readonly settings: NonNullable<Entry["settings"]>;
  readonly #device: GpuDevice;
  readonly #rounds: Rounds;
  readonly #roundsPerSubmit: number;
  readonly #inFlight: Promise<void>[] = [];
  #nextRound = 0;

  constructor(device: GpuDevice, rounds: Rounds) {
    this.#device = device;
    this.#rounds = rounds;
    const byWork = Math.floor((submitBudgets * device.dispatchFlops) / rounds.work);
    const byDispatches = Math.floor(submitDispatches / rounds.calls[0].length);
    this.#roundsPerSubmit = Math.max(1, Math.min(byWork, byDispatches));
    this.settings = { ...rounds.settings, roundsPerSubmit: this.#roundsPerSubmit };
    this.restart();
  }

  async run(rounds: number): Promise<void> {
    this.#device.throwFault("rounds");
    for (let left = rounds; left > 0; left -= this.#roundsPerSubmit) {
      this.#submit(Math.min(left, this.#roundsPerSubmit));
      if (this.#inFlight.length > submitsInFlight) await this.#inFlight.shift();
    }
  }

  #submit(count: number): void {
    const { queue } = this.#device.gpu;
    const encoder = this.#device.gpu.createCommandEncoder({ label: "rounds" });
    const pass = encoder.beginComputePass({ label: "rounds" });
    for (let round = this.#nextRound; round < this.#nextRound + count; round++) {
      const calls = this.#rounds.calls[round % 2]!;
      for (const { dispatch, rows, stepOffset } of calls) encode(pass, dispatch, rows, stepOffset);
    }
    pass.end();
    this.#device.submit("rounds", encoder);
    this.#nextRound += count;
    const done = this.#device.settled("rounds", queue.onSubmittedWorkDone());
    done.catch(() => {}); // thrown where it is awaited
    this.#inFlight.push(done);
  }

  async #read(length: number): Promise<Float32Array> {
    const buffer = this.#rounds.states[this.#nextRound % 2]!;
    return new Float32Array(await readStretches(this.#device, "state", [{ buffer, first: 0, length }]));
  }

  async finish(): Promise<number> {
    const [first] = await Promise.all([this.#read(1), ...this.#inFlight.splice(0)]);
    return first[0]!;
  }

  async readState(): Promise<Float32Array> {
    return this.#rounds.extract(await this.#read(this.#rounds.start.length));
  }

  restart(): void {
    write(this.#device, this.#rounds.states[0], this.#rounds.start);
    this.#nextRound = 0;
  }

  dispose(): void {
    this.#rounds.owner.dispose();
  }
}

/** Builds an entry whose buffers belong to one owner, freed where building fails. */
export async function createRounds(
  device: GpuDevice,
  build: (owner: BufferOwner) => Promise<Omit<Rounds, "owner">>,
): Promise<Entry> {
  const owner = new BufferOwner(device);
  try {
    return new RoundsEntry(device, { owner, ...(await build(owner)) });
  } catch (error) {
    owner.dispose();
    throw error;
  }
}
