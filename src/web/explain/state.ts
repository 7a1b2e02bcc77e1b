// What the first screen shows, and how it got there.

import type { StepStart } from "../../explain.ts";
import type { Digits } from "./shownDigits.ts";

/** One state that can be gone back to. */
export interface Moment {
  readonly numbers: StepStart;
  /** Losses before each training step since the numbers were last typed. */
  readonly losses: readonly number[];
}

export type Listener = (state: State) => void;

/** Most moments that undo goes back. */
const maxMoments = 200;

/** The numbers with their past, and where the walk through the step stands. */
export class State {
  #past: Moment[] = [];
  #future: Moment[] = [];
  #now: Moment;
  #stop: number;
  #digits: Digits;
  readonly #listeners: Listener[] = [];

  constructor(numbers: StepStart, stop: number, digits: Digits = "4") {
    this.#now = { numbers, losses: [] };
    this.#stop = stop;
    this.#digits = digits;
  }

  get now(): Moment {
    return this.#now;
  }
  get stop(): number {
    return this.#stop;
  }
  get digits(): Digits {
    return this.#digits;
  }
  get canUndo(): boolean {
    return this.#past.length > 0;
  }
  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  /** Calls at every change from now on. */
  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  goTo(stop: number): void {
    if (stop === this.#stop) return;
    this.#stop = stop;
    this.#tell();
  }

  /** How the numbers are written: no change of them, so nothing to undo. */
  setDigits(digits: Digits): void {
    this.#digits = digits;
    this.#tell();
  }

  change(moment: Moment): void {
    this.#past = [...this.#past, this.#now].slice(-maxMoments);
    this.#future = [];
    this.#show(moment);
  }

  undo(): void {
    const moment = this.#past.pop();
    if (!moment) return;
    this.#future.push(this.#now);
    this.#show(moment);
  }

  redo(): void {
    const moment = this.#future.pop();
    if (!moment) return;
    this.#past.push(this.#now);
    this.#show(moment);
  }

  #show(moment: Moment): void {
    this.#now = moment;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this);
  }
}
