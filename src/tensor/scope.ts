/** Something that a scope frees. */
export interface Freed {
  dispose(): void;
}

/** Scopes that are open, the innermost last: everything made within one is freed at its end. */
const open: Set<Freed>[] = [];

/** Notes what was made in the innermost scope; outside of any it is its maker's to free. */
export function enter(made: Freed): void {
  open.at(-1)?.add(made);
}

/** Takes what was made out of the innermost scope: somebody else frees it. */
export function leave(made: Freed): void {
  open.at(-1)?.delete(made);
}

/**
 * Runs `work` in a scope of its own.
 * @param keptOf what of its result continues, in the scope around it; the rest of what was made in it is freed
 */
export function inScope<T>(work: () => T, keptOf: (result: T) => readonly Freed[]): T {
  const own = new Set<Freed>();
  open.push(own);
  const kept = new Set<Freed>();
  try {
    const result = work();
    for (const each of keptOf(result)) kept.add(each);
    return result;
  } finally {
    open.pop();
    for (const made of own) {
      if (kept.has(made)) enter(made);
      else made.dispose();
    }
  }
}

/** Runs an operation that consists of others: only its result outlives it. */
export const keepingResult = <T extends Freed>(work: () => T): T => inScope(work, (result) => [result]);

/** Whether something was made in the innermost scope. */
export const isFromScope = (made: Freed): boolean => open.at(-1)?.has(made) ?? false;
