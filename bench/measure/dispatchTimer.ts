import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { type EncodePass, Profiler } from "../../src/backend/webgpu/profile.ts";
import { greatestCommonDivisor } from "./statistics.ts";

/** Passes of one submit. */
const passes = 64;
const maxRepeats = 20_000;

/** GPU time of single dispatches, each repeated in a pass of its own until the clock's resolution does not matter. */
export class DispatchTimer {
  readonly #profiler: Profiler;
  readonly #targetNs: number;
  #resolutionNs = 0n;

  /** @param targetMs least time of one pass */
  constructor(device: GpuDevice, targetMs: number) {
    this.#profiler = new Profiler(device, passes);
    this.#targetNs = targetMs * 1e6;
  }

  /** Greatest common divisor of all durations seen so far; 0 before the first. */
  get resolutionNs(): number {
    return Number(this.#resolutionNs);
  }

  async #time(dispatches: readonly EncodePass[], repeats: readonly number[]): Promise<number[]> {
    const repeated = dispatches.map((encode, index): EncodePass => {
      return (pass) => {
        for (let repeat = 0; repeat < repeats[index]!; repeat++) encode(pass);
      };
    });
    const durations = await this.#profiler.time(repeated);
    this.#resolutionNs = greatestCommonDivisor([this.#resolutionNs, ...durations]);
    return durations.map(Number);
  }

  /** How often each dispatch must run for its pass to take long enough. */
  async #calibrate(dispatches: readonly EncodePass[], prepare: () => void): Promise<number[]> {
    const repeats = dispatches.map(() => 1);
    for (let attempt = 0; attempt < 8; attempt++) {
      prepare();
      const durations = await this.#time(dispatches, repeats);
      for (const [index, ns] of durations.entries()) {
        if (ns >= this.#targetNs) continue;
        const growth = Math.min(32, (1.2 * this.#targetNs) / Math.max(ns, 1));
        repeats[index] = Math.min(maxRepeats, Math.ceil(repeats[index]! * growth));
      }
      if (durations.every((ns, index) => ns >= this.#targetNs || repeats[index]! >= maxRepeats)) break;
    }
    return repeats;
  }

  /**
   * Times every dispatch in turn, `rounds` times over.
   * @param prepare restores what the dispatches change, before each round
   * @returns per dispatch, nanoseconds of one run, a sample per round
   */
  async sample(dispatches: readonly EncodePass[], rounds: number, prepare = (): void => {}): Promise<number[][]> {
    const repeats = await this.#calibrate(dispatches, prepare);
    const samples: number[][] = dispatches.map(() => []);
    for (let round = 0; round < rounds; round++) {
      prepare();
      const durations = await this.#time(dispatches, repeats);
      for (const [index, ns] of durations.entries()) samples[index]!.push(ns / repeats[index]!);
    }
    return samples;
  }

  dispose(): void {
    this.#profiler.dispose();
  }
}
