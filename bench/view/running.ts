import { createBrowserHost } from "../hosts/browserHost.ts";
import { full, quick } from "../race/efforts.ts";
import type { RaceProgress } from "../race/host.ts";
import { races as plans } from "../race/races.ts";
import { runRaces } from "../race/runRaces.ts";
import type { Choice } from "./choice.ts";
import type { Chooser } from "./chooser.ts";
import { showError } from "./messages.ts";
import { ProgressPanel } from "./progressPanel.ts";
import { plural, withPoint } from "./sources.ts";
import type { Store } from "./store.ts";

const runNames = { count: 0 };
const nextName = ({ isQuick }: Choice): string => `Run ${++runNames.count}, ${isQuick ? "quick" : "full"}`;

/** Asks before a race is lost with its page. */
const keepPage = (event: BeforeUnloadEvent): void => event.preventDefault();

/** Runs what is chosen; results come onto the page point by point. */
export class Running {
  readonly #panel = new ProgressPanel();
  readonly #store: Store;
  readonly #chooser: Chooser;
  #controller: AbortController | undefined;

  constructor(store: Store, chooser: Chooser) {
    this.#store = store;
    this.#chooser = chooser;
  }

  stop(): void {
    if (!this.#controller || this.#controller.signal.aborted) return;
    this.#controller.abort(new Error("race: stopped"));
    this.#panel.stopping();
  }

  async start(choice: Choice): Promise<void> {
    if (this.#controller) return;
    this.#controller = new AbortController();
    this.#chooser.setRunning(true);
    this.#panel.start();
    const source = { name: nextName(choice), races: [], record: undefined, wasHidden: document.hidden };
    const id = this.#store.add(source, true);
    const noteHidden = (): void => this.#store.edit(id, () => ({ wasHidden: true }));
    document.addEventListener("visibilitychange", noteHidden);
    addEventListener("beforeunload", keepPage);
    try {
      await this.#run(choice, id, this.#controller.signal);
    } catch (error) {
      this.#fail(id, error);
    } finally {
      document.removeEventListener("visibilitychange", noteHidden);
      removeEventListener("beforeunload", keepPage);
      this.#controller = undefined;
      this.#chooser.setRunning(false);
    }
  }

  async #run({ races, contenders, isQuick }: Choice, id: number, signal: AbortSignal): Promise<void> {
    const request = { races, contenders, effort: isQuick ? quick : full };
    const onProgress = (progress: RaceProgress): void => this.#take(id, progress);
    const record = await runRaces(request, createBrowserHost(), { signal, onProgress });
    const points = record.races.reduce((sum, race) => sum + race.points.length, 0);
    if (points === 0) this.#store.remove(id);
    else this.#store.edit(id, () => ({ record, races: record.races }));
    const amount = plural(points, "point");
    this.#panel.end(signal.aborted ? `Stopped, with ${amount} done.` : `Done: ${amount}.`);
  }

  #take(id: number, progress: RaceProgress): void {
    this.#panel.show(progress);
    const { result, race: name } = progress;
    const plan = plans.find((race) => race.name === name);
    if (!result || !plan) return;
    const { title, axis } = plan;
    this.#store.edit(id, ({ races }) => ({ races: withPoint(races, { name, title, axis }, result) }));
  }

  /** Points that were done stay on the page; without a record they cannot be saved. */
  #fail(id: number, error: unknown): void {
    showError(error);
    const source = this.#store.state.sources.find((one) => one.id === id);
    if (source && source.races.length === 0) this.#store.remove(id);
    else this.#store.edit(id, ({ name }) => ({ name: `${name} (failed)` }));
    this.#panel.end("The race failed.");
  }
}
