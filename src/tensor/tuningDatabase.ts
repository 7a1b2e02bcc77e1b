import type { TuningCache } from "../backend/tuning.ts";

const store = "products";

/** The database with its one store; undefined where there is none, or the browser does not let us. */
function open(name: string): Promise<IDBDatabase | undefined> {
  return new Promise((resolve) => {
    try {
      const opening = globalThis.indexedDB.open(name, 1);
      opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(store));
      opening.addEventListener("success", () => resolve(opening.result));
      opening.addEventListener("error", () => resolve(undefined));
    } catch {
      resolve(undefined);
    }
  });
}

/** One request in a transaction of its own; undefined where it fails. */
async function ask<T>(
  name: string,
  mode: IDBTransactionMode,
  request: (values: IDBObjectStore) => IDBRequest<T>,
): Promise<T | undefined> {
  const database = await open(name);
  if (!database) return undefined;
  try {
    return await new Promise((resolve) => {
      const transaction = database.transaction(store, mode, { durability: "relaxed" });
      const asked = request(transaction.objectStore(store));
      transaction.addEventListener("complete", () => resolve(asked.result));
      transaction.addEventListener("abort", () => resolve(undefined));
    });
  } catch {
    return undefined; // a database of the same name that is not ours
  } finally {
    database.close();
  }
}

/**
 * Keeps what `tuneMatmul` has found in a browser's IndexedDB, on pages and in workers. A database that cannot be opened counts
 * as empty, and what is written to it is lost.
 * @param name of the database; it should have no other use
 */
export function tuningDatabase(name = "thalweg tuning"): TuningCache {
  return {
    async read(key) {
      const text: unknown = await ask(name, "readonly", (values) => values.get(key) as IDBRequest<unknown>);
      return typeof text === "string" ? text : undefined;
    },
    async write(key, text) {
      await ask(name, "readwrite", (values) => values.put(text, key));
    },
  };
}
