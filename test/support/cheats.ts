import { reference } from "../../bench/contenders/reference.ts";
import { CannotTakePart, type Contender, type ContenderCard, type Entry } from "../../bench/race/contract.ts";
import type { Start } from "../../bench/race/start.ts";
import type { StepWorkload, Workload } from "../../bench/race/workload.ts";
import { sgd } from "../../src/math/optimizer.ts";

/** A card for a contender that only tests know. */
export const cardOf = (name: string, contender: Contender): ContenderCard => ({
  name,
  label: name,
  processor: "cpu",
  hosts: ["node", "chrome"],
  kinds: ["step", "forward", "product", "element"],
  load: () => Promise.resolve(contender),
});

/** A contender that is the reference but for what `change` replaces. */
const changed = (change: (entry: Entry, workload: Workload, start: Start) => Partial<Entry>): Contender => ({
  version: "cheat",
  createEntry: async (workload, start) => {
    const entry = await reference.createEntry(workload, start);
    return { ...entry, ...change(entry, workload, start) };
  },
});

/** Says it is done when half of its rounds are: the rest is computed when the state is read. */
export const returnsEarly = changed((entry) => {
  let owed = 0;
  return {
    run: async (rounds) => {
      await entry.run(owed);
      owed = Math.ceil(rounds / 2);
      await entry.run(rounds - owed);
    },
    restart: () => {
      owed = 0;
      return entry.restart();
    },
    readState: async () => {
      await entry.run(owed);
      owed = 0;
      return entry.readState();
    },
  };
});

/** Computes only the last of the rounds that it was handed, since nobody reads the others. */
export const skipsUnread = changed((entry) => ({ run: (rounds) => entry.run(Math.min(1, rounds)) }));

/** As honest as the reference in checks, and lazy in the long runs that are timed. */
export const skipsWhenTimed = changed((entry) => ({
  run: (rounds) => entry.run(rounds > 100 ? Math.ceil(rounds / 2) : rounds),
}));

/** Trains with a learning rate that is off by a thousandth. */
export const computesWrong: Contender = {
  version: "cheat",
  createEntry: (workload, start) => {
    const { optimizer, ...rest } = workload as StepWorkload;
    const wrong = { ...rest, optimizer: sgd({ learningRate: 1.001 * optimizer.learningRate }) };
    return reference.createEntry(wrong, start);
  },
};

/** Ends in NaN. */
export const computesNothing = changed((entry) => ({
  readState: async () => (await entry.readState()).map(() => Number.NaN),
}));

export const hangs = changed(() => ({ finish: () => new Promise<number>(() => {}) }));

export const throws = changed(() => ({
  run: () => {
    throw new Error("out of memory");
  },
}));

/** Needs a second for every round. */
export const crawls = changed((entry) => ({
  run: async (rounds) => {
    await new Promise((resolve) => setTimeout(resolve, 1100 * rounds));
    await entry.run(rounds);
  },
}));

export const abstains: Contender = {
  version: "cheat",
  createEntry: () => Promise.reject(new CannotTakePart("it knows no sigmoid")),
};
