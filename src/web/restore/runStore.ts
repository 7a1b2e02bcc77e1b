// Where trainings are kept: IndexedDB, which takes typed arrays as they are. Of each tab and view the newest.

import type { SavedRun } from "./savedRun.ts";
import { crashedTabs, tabName } from "./tabs.ts";

const databaseName = "thalweg";
const storeName = "runs";
/** Tabs that were closed leave theirs behind: so many are kept. */
const mostRuns = 8;

const settled = <Result>(request: IDBRequest<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB failed")));
  });

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(databaseName, 1);
  request.addEventListener("upgradeneeded", () => request.result.createObjectStore(storeName));
  return settled(request);
}

/** When a change is on disk: its requests succeed before that, and a browser that is killed then has not kept them. */
const completed = (change: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    change.addEventListener("complete", () => resolve());
    change.addEventListener("abort", () => reject(change.error ?? new Error("IndexedDB aborted the transaction")));
  });

interface Entry {
  readonly key: string;
  readonly run: unknown;
  /** 0 where it is no state of ours. */
  readonly savedAt: number;
}

async function entriesOf(store: IDBObjectStore): Promise<Entry[]> {
  const [keys, runs] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
  return keys.map((key, at) => {
    const run: unknown = runs[at];
    return { key: String(key), run, savedAt: Number((run as Partial<SavedRun> | null)?.savedAt) || 0 };
  });
}

/** One connection for all views. */
let database: Promise<IDBDatabase> | undefined;

/** The state kept of one view in this tab. Every method rejects where the browser keeps nothing, in private windows for example. */
export class RunStore {
  readonly #view: string;

  constructor(view: string) {
    this.#view = view;
  }

  async #store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    const opened = await (database ??= openDatabase());
    return opened.transaction(storeName, mode, { durability: "strict" }).objectStore(storeName);
  }

  #key(): string {
    return `${this.#view} ${tabName()}`;
  }

  /** The state of this tab, else the newest that a crash of another one has left, which is this tab's from then on. */
  async read(): Promise<unknown> {
    const key = this.#key();
    const hasCrashed = await crashedTabs();
    const store = await this.#store("readwrite");
    const run: unknown = await settled(store.get(key));
    if (run !== undefined) return run;
    const prefix = `${this.#view} `;
    const left = (await entriesOf(store)).filter(
      ({ key: name }) => name.startsWith(prefix) && hasCrashed(name.slice(prefix.length)),
    );
    const newest = left.toSorted((one, other) => one.savedAt - other.savedAt).at(-1);
    if (!newest) return undefined;
    const taken = completed(store.transaction);
    store.put(newest.run, key);
    store.delete(newest.key);
    await taken;
    return newest.run;
  }

  /** Resolves when the state is on disk. */
  async write(run: SavedRun): Promise<void> {
    const key = this.#key();
    const store = await this.#store("readwrite");
    const written = completed(store.transaction);
    await settled(store.put(run, key));
    await this.#forgetOldest(store);
    await written;
  }

  async remove(): Promise<void> {
    const key = this.#key();
    await settled(await this.#store("readwrite").then((store) => store.delete(key)));
  }

  async #forgetOldest(store: IDBObjectStore): Promise<void> {
    if ((await settled(store.count())) <= mostRuns) return;
    const byAge = (await entriesOf(store)).toSorted((one, other) => one.savedAt - other.savedAt);
    await Promise.all(byAge.slice(0, -mostRuns).map(({ key }) => settled(store.delete(key))));
  }
}
