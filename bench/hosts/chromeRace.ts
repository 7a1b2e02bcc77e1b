import type { RaceProgress, RaceRequest } from "../race/host.ts";
import type { RaceRecord } from "../race/record.ts";
import type { Chrome, WatchedPage } from "./openChrome.ts";
import type { RaceEvents } from "./raceEvents.ts";

const readyMs = 30_000;
const closeMs = 5000;
/** A block of a slow contender, or the float64 reference, ends before a race can stop. */
const stopMs = 60_000;

/** Resolves to undefined after `limitMs`, so that a page that hangs cannot keep the race from ending. */
const atMost = <T>(limitMs: number, work: Promise<T>): Promise<T | undefined> =>
  Promise.race([work, new Promise<undefined>((resolve) => setTimeout(resolve, limitMs, undefined).unref())]);

/** Asks the page to stop, and waits for what it has so far. */
async function stop({ page }: WatchedPage, racing: Promise<RaceRecord>): Promise<RaceRecord | undefined> {
  await atMost(
    closeMs,
    page.evaluate(() => globalThis.thalwegStop?.()),
  );
  return atMost(stopMs, racing);
}

/** Rejects when the signal comes. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));

/** Looks after the GPU process whenever a point is done. @returns a promise that rejects when it has died */
function watchGpu(chrome: Chrome) {
  let pointsDone = -1;
  let fail: (error: unknown) => void = () => {};
  const failure = new Promise<never>((_, reject) => (fail = reject));
  failure.catch(() => {}); // it may come when nobody waits any more
  const look = ({ done }: RaceProgress): void => {
    if (done === pointsDone) return;
    pointsDone = done;
    chrome.requireSameGpuProcess().catch(fail);
  };
  return { failure, look };
}

async function openView({ page }: WatchedPage, url: string, show: (progress: RaceProgress) => void): Promise<void> {
  await page.exposeFunction("thalwegProgress", show);
  await page.goto(url, { waitUntil: "load" });
  await page.waitForFunction(() => globalThis.thalwegRace !== undefined, { timeout: readyMs });
}

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
  const gpu = watchGpu(chrome);
  const show = (progress: RaceProgress): void => {
    onProgress(progress);
    gpu.look(progress);
  };
  try {
    await Promise.race([openView(watched, url, show), watched.failure, aborted(signal)]);
    watched.bePatient();
    const racing = watched.page.evaluate((wanted) => globalThis.thalwegRace!(wanted), request);
    try {
      const record = await Promise.race([racing, watched.failure, gpu.failure, aborted(signal)]);
      await chrome.requireSameGpuProcess();
      return record;
    } catch (error) {
      const partial = signal.aborted ? await stop(watched, racing) : undefined;
      if (partial) return partial;
      await atMost(closeMs, chrome.requireSameGpuProcess()); // whose end would explain the error better
      throw error;
    }
  } finally {
    await atMost(closeMs, watched.close());
  }
}
