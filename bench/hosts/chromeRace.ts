import type { RaceProgress, RaceRequest } from "../race/host.ts";
import type { RaceRecord } from "../race/record.ts";
import type { Chrome, WatchedPage } from "./openChrome.ts";
import type { RaceEvents } from "./raceEvents.ts";

const stopMs = 5000;

/** Resolves to undefined after `stopMs`, so that a page that hangs cannot keep the race from ending. */
const atMost = <T>(work: Promise<T>): Promise<T | undefined> =>
  Promise.race([work, new Promise<undefined>((resolve) => setTimeout(resolve, stopMs, undefined).unref())]);

/** Asks the page to stop, and waits for what it has so far. */
async function stop({ page }: WatchedPage, racing: Promise<RaceRecord>): Promise<RaceRecord | undefined> {
  await atMost(page.evaluate(() => globalThis.thalwegStop?.()));
  return atMost(racing);
}

/** Rejects when the signal comes. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));

/**
 * Races in a page of Chrome.
 * @param url of the Bench view
 * @returns what the page recorded; where the signal came, what it had by then
 */
export async function raceInChrome(
  chrome: Chrome,
  url: string,
  request: RaceRequest,
  { signal, onProgress, tell }: RaceEvents,
): Promise<RaceRecord> {
  signal.throwIfAborted();
  const watched = await chrome.openPage(tell);
  const { page, failure } = watched;
  let pointsDone = -1;
  const show = (progress: RaceProgress): void => {
    onProgress(progress);
    if (progress.done === pointsDone) return;
    pointsDone = progress.done;
    chrome.requireSameGpuProcess().catch(failGpu);
  };
  let failGpu: (error: Error) => void = () => {};
  const gpuFailure = new Promise<never>((_, reject) => (failGpu = reject));
  try {
    await page.exposeFunction("thalwegProgress", show);
    await page.goto(url, { waitUntil: "load" });
    await page.waitForFunction(() => globalThis.thalwegRace !== undefined, { timeout: 30_000 });
    watched.bePatient();
    const racing = page.evaluate((wanted) => globalThis.thalwegRace!(wanted), request);
    const record = await Promise.race([racing, failure, gpuFailure, aborted(signal)]).catch(async (error) => {
      const partial = signal.aborted ? await stop(watched, racing) : undefined;
      if (partial) return partial;
      await atMost(chrome.requireSameGpuProcess()); // whose end would explain the error better
      throw error;
    });
    if (!signal.aborted) await chrome.requireSameGpuProcess();
    return record;
  } finally {
    await atMost(watched.close());
  }
}
