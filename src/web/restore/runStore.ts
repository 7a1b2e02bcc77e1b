// Where trainings are kept: IndexedDB, which takes typed arrays as they are. Of each tab and view the newest.

import type { SavedRun } from "./savedRun.ts";

const databaseName = "thalweg";
const storeName = "runs";
/** Tabs that were closed leave theirs behind: so many are kept. */
const mostRuns = 8;

/** A reload, and a tab that has crashed and comes back, keep the session's storage; another tab has its own. */
function tabName(): string {
  const key = "thalweg tab";
  const name = sessionStorage.getItem(key) ?? crypto.randomUUID();
  sessionStorage.setItem(key, name);
  return name;
}

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
    return opened.transaction(storeName, mode).objectStore(storeName);
  }

  #key(): string {
    return `${this.#view} ${tabName()}`;
  }

  async read(): Promise<unknown> {
    const key = this.#key();
    return settled(await this.#store("readonly").then((store) => store.get(key)));
  }

  async write(run: SavedRun): Promise<void> {
    const key = this.#key();
    const store = await this.#store("readwrite");
    await settled(store.put(run, key));
    await this.#forgetOldest(store);
  }

  async remove(): Promise<void> {
    const key = this.#key();
    await settled(await this.#store("readwrite").then((store) => store.delete(key)));
  }

  async #forgetOldest(store: IDBObjectStore): Promise<void> {
    const keys = await settled(store.getAllKeys());
    if (keys.length <= mostRuns) return;
    const runs = (await settled(store.getAll())) as Partial<SavedRun>[];
    const byAge = keys.map((key, at) => ({ key, savedAt: Number(runs[at]?.savedAt) || 0 }));
    const oldest = byAge.toSorted((one, other) => one.savedAt - other.savedAt).slice(0, keys.length - mostRuns);
    await Promise.all(oldest.map(({ key }) => settled(store.delete(key))));
  }
}
