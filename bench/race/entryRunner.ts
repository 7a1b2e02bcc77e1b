import type { Dataset, FloatArray } from "../../src/backend/executor.ts";
import { countCalls, type Counts } from "../measure/counters.ts";
import type { GpuClock } from "../measure/gpuClock.ts";
import { CannotTakePart, type Contender, type Entry } from "./contract.ts";
import { lossOver } from "./goal.ts";
import type { Block, Effort, GpuTime, Prepared, Runner } from "./host.ts";
import { startOf } from "./start.ts";
import type { StepWorkload, Workload } from "./workload.ts";

/** Contenders that take less than this for a round are woken by one before every block. */
const wakeMs = 20;

/** A block of more rounds than this has not been computed; the audit will tell. */
const maxRounds = 2 ** 24;

interface Timing {
  readonly ms: number;
  readonly handOverMs: number;
  readonly value: number;
  readonly steps?: number;
}

/** Runs one contender in this thread: what is timed, counted and checked, the same for all of them. */
export class EntryRunner implements Runner {
  readonly #contender: Contender;
  readonly #clock: GpuClock;
  #entry: Entry | undefined;
  #workload: Workload | undefined;
  #data: Dataset | undefined;
  #roundMs = 0;

  constructor(contender: Contender, clock: GpuClock) {
    this.#contender = contender;
    this.#clock = clock;
  }

  get #live(): Entry {
    if (!this.#entry) throw new Error("race: no workload is prepared");
    return this.#entry;
  }

  async prepare(workload: Workload, data: Dataset | undefined, slowestRoundMs: number): Promise<Prepared> {
    await this.release();
    const start = startOf(workload, data);
    this.#workload = workload;
    this.#data = start.data;
    const startMs = performance.now();
    this.#entry = await this.#contender.createEntry(workload, start);
    const prepareMs = performance.now() - startMs;
    const firstRoundMs = (await this.#time(1)).ms;
    if (firstRoundMs > slowestRoundMs) await this.#requireBrisk(slowestRoundMs);
    await this.#entry.restart();
    const { settings } = this.#entry;
    return { version: this.#contender.version, prepareMs, firstRoundMs, settings, adapters: this.#clock.adapters };
  }

  /** The first round has compiled; the second tells. */
  async #requireBrisk(slowestRoundMs: number): Promise<void> {
    const { ms } = await this.#time(1);
    if (ms <= slowestRoundMs) return;
    throw new CannotTakePart(`one round takes ${(ms / 1000).toPrecision(2)} s here, too long to be timed`);
  }

  async advance(rounds: number): Promise<FloatArray> {
    if (rounds === 0) return this.#live.readState();
    await this.#live.run(rounds);
    await this.#live.finish();
    return this.#live.readState();
  }

  async restart(): Promise<void> {
    await this.#live.restart();
  }

  /** From the first call until all work is done and a value that depends on it is read. */
  async #time(rounds: number): Promise<Timing> {
    const entry = this.#live;
    const startMs = performance.now();
    await entry.run(rounds);
    const handOverMs = performance.now() - startMs;
    const value = await entry.finish();
    await this.#clock.drained(); // whatever the contender says, its work counts until the device has done it
    const ms = performance.now() - startMs;
    this.#roundMs = ms / rounds;
    return { ms, handOverMs, value };
  }

  /** One training from its start to its goal. Looking at the loss is the judge's work and is not timed. */
  async #timeGoal({ network, goal }: StepWorkload): Promise<Timing> {
    const entry = this.#live;
    const { loss, everySteps, maxSteps } = goal!;
    await entry.restart();
    let [ms, handOverMs, steps, value] = [0, 0, 0, Number.NaN];
    while (steps < maxSteps) {
      const startMs = performance.now();
      await entry.run(everySteps);
      handOverMs += performance.now() - startMs;
      const state = await entry.readState();
      await this.#clock.drained();
      ms += performance.now() - startMs;
      steps += everySteps;
      value = state[0]!;
      if (lossOver(network, state, this.#data!) <= loss) return { ms, handOverMs, value, steps };
    }
    throw new Error(`the loss is above ${loss} after ${maxSteps} steps`);
  }

  #timeBlock(rounds: number): Promise<Timing> {
    const workload = this.#workload;
    return workload?.kind === "step" && workload.goal ? this.#timeGoal(workload) : this.#time(rounds);
  }

  /** Grows blocks until they are long enough, after the contender is warm. */
  async calibrate({ blockMs, warmUp }: Pick<Effort, "blockMs" | "warmUp">): Promise<{ rounds: number; ms: number }> {
    const { steps, ms: goalMs } = await this.#timeBlock(1);
    if (steps !== undefined) return { rounds: 1, ms: goalMs };
    let [rounds, done, spentMs] = [1, 1, goalMs];
    for (;;) {
      const { ms } = await this.#time(rounds);
      done += rounds;
      spentMs += ms;
      const isWarm = (done >= warmUp.rounds && spentMs >= warmUp.ms) || spentMs >= 10 * warmUp.ms;
      if (ms >= blockMs && isWarm) return { rounds, ms: ms / rounds };
      if (rounds > maxRounds) return { rounds, ms: ms / rounds };
      if (ms < blockMs) rounds = Math.ceil(rounds * Math.min(8, Math.max(1.2, (1.2 * blockMs) / ms)));
    }
  }

  async block(rounds: number): Promise<Block> {
    if (this.#roundMs < wakeMs && !(this.#workload?.kind === "step" && this.#workload.goal)) {
      await this.#live.run(1); // while others ran, the device may have gone to sleep
      await this.#live.finish();
    }
    const { ms, handOverMs, value, steps } = await this.#timeBlock(rounds);
    const first = (await this.#live.readState())[0]!;
    const per = steps === undefined ? rounds : 1;
    return { ms: ms / per, handOverMs: handOverMs / per, value, first, steps };
  }

  count(rounds: number): Promise<Counts> {
    return countCalls(async () => {
      await this.#live.run(rounds);
      await this.#live.finish();
    });
  }

  async timeGpu(rounds: number): Promise<GpuTime | undefined> {
    const times = await this.#clock.time(async () => {
      await this.#live.run(rounds);
      await this.#live.finish();
    });
    if (!times) return undefined;
    const { totalNs, passes, resolutionNs } = times;
    return { msPerRound: totalNs / 1e6 / rounds, passesPerRound: passes / rounds, resolutionNs };
  }

  async release(): Promise<void> {
    const entry = this.#entry;
    this.#entry = undefined;
    entry?.dispose();
    await this.#clock.drained();
  }
}
