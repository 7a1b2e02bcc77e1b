import { InvalidInput } from "../errors.ts";
import { inScope } from "./scope.ts";
import { tensorsIn } from "./tree.ts";

/** Throws where a function turned out to be asynchronous: what it makes later would belong to nobody. */
export function requireSynchronous(place: string, result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== "function") return;
  (result as PromiseLike<unknown>).then(undefined, () => {}); // nobody will get to see how it ends
  const fix = "read() and await outside of it";
  throw new InvalidInput({
    place,
    expected: "a function that is not asynchronous",
    got: "one that returns a promise",
    fix,
  });
}

/**
 * Runs a function and frees every tensor made in it, but for those in what it returns: a tensor, or arrays and plain objects of
 * them. May be nested.
 * @throws InvalidInput where the function is asynchronous
 */
export function tidy<T>(work: () => T): T {
  return inScope(() => {
    const result = work();
    requireSynchronous("tidy", result);
    return result;
  }, tensorsIn);
}
