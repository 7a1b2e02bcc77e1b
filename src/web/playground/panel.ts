import type { PlaygroundState } from "./state.ts";

/** A part of the page that shows the state and may change it. */
export interface Panel {
  readonly element: HTMLElement;
  show(state: PlaygroundState): void;
}

/** Changes some of the state. */
export type Update = (changes: Partial<PlaygroundState>) => void;
