import { GpuClock } from "../../bench/measure/gpuClock.ts";
import type { ContenderCard } from "../../bench/race/contract.ts";
import { EntryRunner } from "../../bench/race/entryRunner.ts";
import type { RaceHost } from "../../bench/race/host.ts";
import { ReferenceJudge } from "../../bench/race/judgeRunner.ts";
import type { RaceCeilings } from "../../bench/race/record.ts";

let clock: GpuClock | undefined;

/** The clock of this thread: prototypes are wrapped once. */
function sharedClock(): GpuClock {
  if (!clock) {
    clock = new GpuClock();
    clock.install();
  }
  return clock;
}

/** A host whose contenders run in the test's own thread, with ceilings that the test chooses. */
export function inProcessHost(cards: readonly ContenderCard[], ceilings: RaceCeilings): RaceHost {
  const terminate = (): void => {};
  return {
    name: "node",
    cards,
    open: async (name) => {
      const card = cards.find((one) => one.name === name)!;
      return { runner: new EntryRunner(await card.load(), sharedClock()), terminate };
    },
    openJudge: () => Promise.resolve({ judge: new ReferenceJudge(), terminate }),
    openSurvey: () =>
      Promise.resolve({
        survey: {
          card: () =>
            Promise.resolve({
              adapter: { description: "none" },
              isFallbackAdapter: false,
              kind: "software" as const,
              features: [],
              limits: {},
              timerStepMs: 0.001,
            }),
          ceilings: () => Promise.resolve(ceilings),
        },
        terminate,
      }),
    rows: () => Promise.reject(new Error("no tables here")),
    machine: () =>
      Promise.resolve({
        host: "node",
        hostVersion: "test",
        versions: { thalweg: "test" },
        cores: 1,
        crossOriginIsolated: true,
      }),
    visibility: { shown: () => Promise.resolve(), wasHiddenSince: () => false },
  };
}
