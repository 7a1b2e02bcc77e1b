import { reference, roundedReference } from "../contenders/reference.ts";
import type { Entry } from "./contract.ts";
import type { JudgeRunner } from "./host.ts";
import { startOf } from "./start.ts";

type Request = Parameters<JudgeRunner["states"]>[0];
type States = Awaited<ReturnType<JudgeRunner["states"]>>;

/** It follows so far whatever it takes: one round alone shows neither momentum nor a bias correction. */
const leastRounds = 3;

/** Follows a workload in float64, and once more with float32 rounding after every round: what rounding alone does. */
export class ReferenceJudge implements JudgeRunner {
  #roundMs = Number.POSITIVE_INFINITY;

  async states({ workload, data, rounds, limitMs }: Request): Promise<States> {
    const start = startOf(workload, data);
    const exact = await reference.createEntry(workload, start);
    const rounded = await roundedReference.createEntry(workload, start);
    const found: States[number][] = [];
    let done = 0;
    for (const target of [0, ...rounds]) {
      const isDue = target <= leastRounds || 2 * this.#roundMs * (target - done) <= limitMs; // both references follow
      if (!isDue) break;
      if (target > done) await this.#follow(exact, target - done);
      await rounded.run(target - done);
      done = target;
      found.push({ rounds: target, state: await exact.readState(), rounded: await rounded.readState() });
    }
    for (const entry of [exact, rounded]) entry.dispose();
    return found;
  }

  async #follow(exact: Entry, rounds: number): Promise<void> {
    const startMs = performance.now();
    await exact.run(rounds);
    this.#roundMs = (performance.now() - startMs) / rounds;
  }

  /** Of the last stretch that was followed. */
  roundMs(): Promise<number> {
    return Promise.resolve(this.#roundMs);
  }
}
