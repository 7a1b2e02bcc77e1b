import * as tf from "@tensorflow/tfjs-core";
import type { Entry } from "../../race/contract.ts";
import type { Backend, Rounds, Sweep, Tunable } from "./tfjsRounds.ts";

/** A block of a trial takes about so long, or one round; long enough for any timer of a browser. */
const blockMs = 40;
const blocksPerCandidate = 4;
/** Candidates whose rounds take longer get two of them, and no blocks; or one, where they take much longer. */
const slowMs = 100;
const verySlowMs = 1000;
/** After this no more candidates are tried: the ones that matter most come first. */
const budgetMs = 10_000;
const mostRounds = 4096;

async function finish(rounds: Rounds): Promise<number> {
  const first = rounds.firstValue();
  const [value] = await first.data();
  first.dispose();
  return value!;
}

interface Candidate {
  readonly name: string | number;
  /** To be called before its rounds. */
  readonly choose: () => void;
  readonly rounds: Rounds;
}

async function blockTimeMs({ choose, rounds }: Candidate, count: number): Promise<number> {
  choose();
  const from = performance.now();
  for (let index = 0; index < count; index++) rounds.round();
  await finish(rounds);
  return performance.now() - from;
}

interface Calibration {
  /** Rounds of a block; 0 where one round was enough to know. */
  readonly rounds: number;
  readonly ms: number;
}

/** Compiles, then grows a block until its time can be told. */
async function calibrate(candidate: Candidate): Promise<Calibration> {
  await blockTimeMs(candidate, 1);
  let count = 1;
  for (;;) {
    const ms = (await blockTimeMs(candidate, count)) / count;
    if (ms > verySlowMs) return { rounds: 0, ms };
    if (ms > slowMs) return { rounds: 0, ms: Math.min(ms, await blockTimeMs(candidate, 1)) };
    if (ms * count >= blockMs / 4 || count >= mostRounds) return { rounds: Math.ceil(blockMs / ms), ms };
    count *= 4;
  }
}

/** Milliseconds per round of each candidate, the best of blocks in turns; infinite where it was not tried. */
async function timeInTurns(candidates: readonly Candidate[], untilMs: number): Promise<number[]> {
  const found: Calibration[] = [];
  for (const candidate of candidates) {
    if (found.length > 0 && performance.now() > untilMs) break;
    found.push(await calibrate(candidate));
  }
  const best = candidates.map((_, at) => found[at]?.ms ?? Number.POSITIVE_INFINITY);
  for (let block = 0; block < blocksPerCandidate; block++) {
    for (const [at, { rounds }] of found.entries()) {
      if (rounds > 0) best[at] = Math.min(best[at]!, (await blockTimeMs(candidates[at]!, rounds)) / rounds);
    }
  }
  return best;
}

/** Tries out what a workload leaves open. */
class Trial {
  readonly settings: Record<string, string | number | boolean>;
  readonly #tried: string[] = [];
  readonly #fromMs = performance.now();

  constructor({ settings }: Backend) {
    this.settings = { ...settings };
  }

  /** Leaves the fastest chosen. @returns its index */
  async #fastest(setting: string, candidates: readonly Candidate[]): Promise<number> {
    const untilMs = this.#fromMs + budgetMs;
    const isLate = performance.now() > untilMs;
    const times = isLate || candidates.length === 1 ? [] : await timeInTurns(candidates, untilMs);
    const best = Math.max(0, times.indexOf(Math.min(...times)));
    const chosen = candidates[best]!;
    chosen.choose();
    this.settings[setting] = chosen.name;
    const words = times.flatMap((ms, at) => (ms < Infinity ? [`${candidates[at]!.name} ${ms.toPrecision(3)} ms`] : []));
    if (words.length > 0) this.#tried.push(`${setting}: ${words.join(", ")}`);
    return best;
  }

  /** @param first built already @returns the fastest, after the others were freed */
  async method({ methods }: Tunable, first: Rounds): Promise<Rounds> {
    const built = [first];
    for (const { build } of methods.slice(1)) built.push(await build());
    const candidates = methods.map(({ name }, at) => ({ name, choose: () => {}, rounds: built[at]! }));
    const best = await this.#fastest("method", candidates);
    for (const [at, rounds] of built.entries()) if (at !== best) rounds.dispose();
    return built[best]!;
  }

  async sweep({ setting, flag, values }: Sweep, rounds: Rounds): Promise<void> {
    const candidates = [...values].map(([name, value]) => ({ name, choose: () => tf.env().set(flag, value), rounds }));
    await this.#fastest(setting, candidates);
  }

  end(): void {
    if (this.#tried.length > 0) this.settings.tried = this.#tried.join("; ");
    this.settings.trialMs = Math.round(performance.now() - this.#fromMs);
  }
}

/** Flags are global: an entry finds them as TensorFlow.js comes. */
function resetFlags(sweeps: readonly Sweep[]): void {
  for (const { flag, values } of sweeps) tf.env().set(flag, [...values.values()][0]!);
}

/**
 * An entry that finds its best settings by short trials on the workload itself when it is restarted for the first time:
 * until then it is as it comes, so that no trial counts as preparation or as the first round.
 */
export async function tunedEntry(backend: Backend, tunable: Tunable): Promise<Entry> {
  const { beforeMethods, afterMethods } = backend.sweepsFor(tunable);
  resetFlags([...beforeMethods, ...afterMethods]);
  let rounds = await tunable.methods[0].build();
  let settings: Trial["settings"] | undefined;
  const tune = async (): Promise<void> => {
    const trial = new Trial(backend);
    ({ settings } = trial);
    for (const sweep of beforeMethods) await trial.sweep(sweep, rounds);
    rounds = await trial.method(tunable, rounds);
    for (const sweep of afterMethods) await trial.sweep(sweep, rounds);
    trial.end();
  };
  return {
    run: (count) => {
      for (let index = 0; index < count; index++) rounds.round();
    },
    finish: () => finish(rounds),
    readState: () => rounds.readState(),
    restart: async () => {
      if (!settings) await tune();
      rounds.restart();
    },
    dispose: () => rounds.dispose(),
    get settings() {
      return settings ?? backend.settings;
    },
  };
}
