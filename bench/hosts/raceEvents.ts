import type { RaceProgress } from "../race/host.ts";

/** What whoever starts a race hears of it, and how it ends it early. */
export interface RaceEvents {
  readonly signal: AbortSignal;
  onProgress(progress: RaceProgress): void;
  /** Something worth a line of its own. */
  tell(text: string): void;
}
