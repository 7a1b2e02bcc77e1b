import { createBrowserHost } from "../hosts/browserHost.ts";
import type { RaceProgress, RaceRequest } from "../race/host.ts";
import type { RaceRecord } from "../race/record.ts";
import { runRaces } from "../race/runRaces.ts";

declare global {
  /** Races in this page, contenders by their whole names; for scripts that drive it, such as `npm run bench`. */
  var thalwegRace: ((request: RaceRequest) => Promise<RaceRecord>) | undefined;
  /** Ends the race under way, which then resolves to the points that were finished. */
  var thalwegStop: (() => void) | undefined;
  /** Told of its progress, where the script has set it. */
  var thalwegProgress: ((progress: RaceProgress) => void) | undefined;
}

/** Telling takes time of the machine that races: not after every block. */
const tellEveryMs = 250;

function createTeller(): (progress: RaceProgress) => void {
  let place = "";
  let toldMs = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const nowMs = performance.now();
    const next = `${progress.race} ${progress.point} ${progress.done}`;
    if (next === place && nowMs - toldMs < tellEveryMs) return;
    [place, toldMs] = [next, nowMs];
    const { result: _, ...rest } = progress; // it is in the record
    globalThis.thalwegProgress?.(rest);
  };
}

/** Opens the page to scripts. */
export function exposeAutomation(): void {
  let controller: AbortController | undefined;
  globalThis.thalwegRace = (request) => {
    controller = new AbortController();
    return runRaces(request, createBrowserHost(), { signal: controller.signal, onProgress: createTeller() });
  };
  globalThis.thalwegStop = () => controller?.abort(new Error("race: stopped"));
}
