// Keeps the newest state of a view's training in the browser, and offers to resume it after a reload or a crash.

import { type Notice, notice } from "../notices.ts";
import { RunStore } from "./runStore.ts";
import { isWhole, readSavedRun, runVersion, type SavedRun, timeOf } from "./savedRun.ts";

/** A training as the view has it now. */
export type RunState = Pick<SavedRun, "query" | "step" | "parameters" | "rest" | "attachment">;

export interface KeeperOptions {
  /** Name of the view, by which its state is kept. */
  readonly view: string;
  /** Whatever is to be kept now; undefined where nothing is. Its parameters may be reused as soon as they are kept. */
  readonly read: () => RunState | undefined | Promise<RunState | undefined>;
  /** Goes on from a state. Throws where it does not fit: it is forgotten then. */
  readonly goOn: (run: SavedRun) => void | Promise<void>;
}

/** Between two states that are kept. */
const everyMs = 3000;
/** A GPU that is lost answers no more: after so long it is asked again. */
const patienceMs = 20_000;
/** An offer that nobody answers lapses after so long, once the training under way has come further. */
const offerMs = 60_000;

const grouped = (count: number): string => count.toLocaleString("en");

/** Tell it every frame by `show`, and end it by `dispose`. */
export class RunKeeper {
  readonly #options: KeeperOptions;
  readonly #store: RunStore;
  readonly #leaving = new AbortController();
  /** Nothing is kept before it is known what there is, and while an offer stands: it would be overwritten. */
  #isWaiting = true;
  #isKeeping = false;
  #keptMs = performance.now();
  #keptStep = 0;
  #step = 0;
  #run = 0;
  #offer: { readonly notice: Notice; readonly step: number; readonly sinceMs: number } | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#store = new RunStore(options.view);
    const { signal } = this.#leaving;
    const onHide = (): void => void (document.visibilityState === "hidden" && this.#keepNow());
    document.addEventListener("visibilitychange", onHide, { signal });
    addEventListener("pagehide", () => this.#keepNow(), { signal });
    void this.#lookForRun();
  }

  /** A training restarts: requests to the previous one may never be answered. */
  begin(): void {
    this.#run++;
    this.#isKeeping = false;
    this.#step = this.#keptStep = 0;
  }

  /** What the page shows now. */
  show({ step, isRunning }: { readonly step: number; readonly isRunning: boolean }): void {
    this.#step = step;
    const offer = this.#offer;
    if (offer && step > offer.step && performance.now() - offer.sinceMs > offerMs) this.#endOffer();
    if (!isRunning || performance.now() - this.#keptMs >= everyMs) this.#keepNow();
  }

  dispose(): void {
    this.#keepNow();
    this.#offer = undefined;
    this.#leaving.abort();
  }

  #keepNow(): void {
    const isAsked = this.#isKeeping && performance.now() - this.#keptMs < patienceMs;
    if (this.#isWaiting || isAsked || this.#step === this.#keptStep) return;
    this.#isKeeping = true;
    this.#keptMs = performance.now();
    void this.#keep(this.#run);
  }

  async #keep(run: number): Promise<void> {
    try {
      const state = await this.#options.read();
      if (run !== this.#run) return; // started over meanwhile
      if (state && isWhole(state.parameters)) {
        await this.#store.write({ version: runVersion, savedAt: Date.now(), ...state });
        this.#keptStep = state.step;
      }
    } catch {
      this.#isWaiting = true; // this browser keeps nothing, or has no room: training continues without
    } finally {
      if (run === this.#run) this.#isKeeping = false;
    }
  }

  async #lookForRun(): Promise<void> {
    try {
      const found = await this.#store.read();
      if (this.#leaving.signal.aborted) return;
      const run = readSavedRun(found, Date.now());
      if (run) this.#offerRun(run);
      else {
        if (found !== undefined) await this.#store.remove();
        this.#isWaiting = false;
      }
    } catch {
      // This browser cannot store anything, so nothing is offered.
    }
  }

  #offerRun(run: SavedRun): void {
    const text = `Training in this view stopped at step ${grouped(run.step)}.`;
    const shown = notice("info", text, {
      label: `Restore ${timeOf(run)}?`,
      run: () => void this.#accept(run),
      refused: () => this.#refuse(),
    });
    this.#offer = { notice: shown, step: run.step, sinceMs: performance.now() };
  }

  #endOffer(): void {
    this.#offer?.notice.dismiss();
    this.#offer = undefined;
    this.#isWaiting = false;
  }

  #refuse(): void {
    this.#endOffer();
    this.#keptStep = 0;
    void this.#store.remove().catch(() => {});
  }

  async #accept(run: SavedRun): Promise<void> {
    this.#endOffer();
    try {
      await this.#options.goOn(run);
      const how = run.rest ? "identical to an uninterrupted run" : "momentum and moments restart at 0";
      notice("info", `Training continues from step ${grouped(run.step)}; ${how}.`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notice("bad", `The training of ${timeOf(run)} cannot be restored: ${why}`);
      this.#refuse();
    }
  }
}
