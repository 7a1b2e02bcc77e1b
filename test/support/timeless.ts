import type { Checkpoint } from "../../src/index.ts";

/** A state without its history, which tells times and depends on when events are told. */
export const timeless = (state: Checkpoint | undefined): Checkpoint | undefined =>
  state && { ...state, trainer: { ...state.trainer, history: undefined } as never };
