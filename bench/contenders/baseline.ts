import type { ContenderCard } from "../race/contract.ts";

/** thalweg at an older revision: `--against` puts another file in the place of this one. */
export const baseline: ContenderCard | undefined = undefined as ContenderCard | undefined;
