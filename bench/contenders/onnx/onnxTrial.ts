// Which of several ways ONNX Runtime is fastest at is found by trying, on the machine and in the host of the race.

import type { Entry } from "../../race/contract.ts";

/** A block of a trial is at least this long, or one round: long enough for any timer of a browser. */
const blockMs = 10;
const mostBlocks = 5;
/** Two entries share this, but each gets a block: where rounds are long, one tells. */
const trialMs = 400;
/** What a challenger must save to win: where nothing tells them apart, the first stays. */
const gain = 0.97;
/** So many times slower when it warms up, and an entry has lost without blocks in turns. */
const hopeless = 2;

async function blockTimeMs(entry: Entry, rounds: number): Promise<number> {
  const from = performance.now();
  await entry.run(rounds);
  await entry.finish();
  return performance.now() - from;
}

interface WarmEntry {
  readonly entry: Entry;
  /** Rounds that fill a block, and what they took each. */
  readonly rounds: number;
  readonly roundMs: number;
}

async function warmUp(entry: Entry): Promise<WarmEntry> {
  await blockTimeMs(entry, 2); // both sessions of an entry compile, and capture
  for (let rounds = 1; ; rounds *= 2) {
    const ms = await blockTimeMs(entry, rounds);
    if (ms >= blockMs || rounds >= 4096) return { entry, rounds, roundMs: ms / rounds };
  }
}

/** By the best block of each, taken in turns: what else the machine does only adds. */
async function isFaster(challenger: WarmEntry, champion: WarmEntry): Promise<boolean> {
  if (challenger.roundMs > hopeless * champion.roundMs) return false;
  if (champion.roundMs > hopeless * challenger.roundMs) return true;
  const rounds = Math.max(champion.rounds, challenger.rounds);
  let [championMs, challengerMs] = [Infinity, Infinity];
  const end = performance.now() + trialMs;
  for (let block = 0; block === 0 || (block < mostBlocks && performance.now() < end); block++) {
    championMs = Math.min(championMs, await blockTimeMs(champion.entry, rounds));
    challengerMs = Math.min(challengerMs, await blockTimeMs(challenger.entry, rounds));
  }
  return challengerMs < gain * championMs;
}

/** Entries for the same workload by different choices, of which the fastest is kept; at most two are held at a time. */
export class Trial<Choice> {
  readonly #create: (choice: Choice) => Promise<Entry>;
  #best: { readonly choice: Choice; readonly warm: WarmEntry } | undefined;

  constructor(create: (choice: Choice) => Promise<Entry>) {
    this.#create = create;
  }

  /** The choice that has won so far; undefined before the first. */
  get best(): Choice | undefined {
    return this.#best?.choice;
  }

  async enter(choice: Choice): Promise<void> {
    const warm = await warmUp(await this.#create(choice));
    const champion = this.#best;
    const wins = !champion || (await isFaster(warm, champion.warm));
    if (wins) this.#best = { choice, warm };
    (wins ? champion?.warm : warm)?.entry.dispose();
  }

  /** The fastest, back at its start. */
  async winner(): Promise<Entry> {
    if (!this.#best) throw new RangeError("trial: nobody entered");
    const { entry } = this.#best.warm;
    await entry.restart();
    return entry;
  }
}
