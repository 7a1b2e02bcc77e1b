// The heaviest tests are run whole by one host; the other takes one case of each kind. `npm run test:full` runs all in each.

import { inject, test } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** What a project takes of tests that are written with these functions (vite.config.ts says who takes what). */
    readonly share: "all" | "few";
  }
}

const takesAll = inject("share") === "all";

/** A test that a host with the smaller share skips: the closing line counts it as skipped. */
export const testInFull = test.skipIf(!takesAll);

/** `test` where the case stands for its kind in every host, else `testInFull`. */
export const testOf = (isOneOfItsKind: boolean) => (isOneOfItsKind ? test : testInFull);

/** Named cases of a kind: all of them, or where a host takes the smaller share the first of each few. */
export const someOf = <T>(all: readonly T[], each = 4): readonly T[] =>
  all.filter((_, at) => takesAll || at % each === 0);

/** How many of the cases of a property are tried, always from the first on. */
export const shareOf = (count: number): number => (takesAll ? count : Math.ceil(count / 10));
