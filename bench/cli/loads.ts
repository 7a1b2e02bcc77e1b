import { reference } from "../contenders/reference.ts";
import type { Chrome } from "../hosts/openChrome.ts";
import type { RaceEvents } from "../hosts/raceEvents.ts";
import { firstStepWorkload } from "../load/firstStep.ts";
import { raceToLoad } from "../load/loadRace.ts";
import type { RaceRecord } from "../race/record.ts";
import { startOf } from "../race/start.ts";
import { buildLoadPages } from "./build.ts";
import { type Choices, loadPagesOf, loadRaceName } from "./choices.ts";
import type { RaceFlags } from "./program.ts";

const samples = { full: 10, quick: 2 } as const;

async function expectedValue(): Promise<number> {
  const entry = await reference.createEntry(firstStepWorkload, startOf(firstStepWorkload));
  await entry.run(1);
  return entry.finish();
}

/** Builds a page per contender and times how soon each has taken its first step. */
export async function raceLoads(
  chrome: Chrome,
  choices: Choices,
  { quick, isolation, signal, onProgress, tell }: Pick<RaceFlags, "quick" | "isolation"> & RaceEvents,
): Promise<NonNullable<RaceRecord["load"]>> {
  const pages = loadPagesOf(choices);
  const folder = await buildLoadPages(pages);
  return raceToLoad(chrome, {
    folder,
    pages,
    samples: quick ? samples.quick : samples.full,
    isolated: isolation,
    expected: await expectedValue(),
    signal,
    onSample: (contender, done, total) =>
      onProgress({ race: loadRaceName, point: "first step", phase: "opens a page", contender, done, total }),
    tell,
  });
}
