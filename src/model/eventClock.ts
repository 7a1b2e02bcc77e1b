import type { EventInterval } from "./options.ts";

/** Events by time wait for so many times what the last one cost, so that scoring never takes more than a tenth. */
const eventShare = 9;

/** When the next event of a training is due: after so many steps, or so much time. */
export class EventClock {
  #interval: EventInterval;
  /** Events by steps are counted from here. */
  #firstStep: number;
  #toldMs = 0;
  #costMs = 0;

  constructor(interval: EventInterval, firstStep: number) {
    this.#interval = interval;
    this.#firstStep = firstStep - (firstStep % (interval.eventSteps ?? 1));
  }

  /** Another interval, counted from `step`. */
  change(interval: EventInterval, step: number): void {
    this.#interval = interval;
    this.#firstStep = step;
  }

  /** Since the last event, or the start. */
  get sinceMs(): number {
    return performance.now() - this.#toldMs;
  }

  start(): void {
    this.#toldMs = performance.now();
  }

  /** Records an event. @param startMs when its scores and readings were begun */
  told(startMs: number): void {
    this.start();
    this.#costMs = this.#toldMs - startMs;
  }

  /** The step of the next event, where events go by steps; else the last one. */
  nextStep(step: number, lastStep: number): number {
    const { eventSteps } = this.#interval;
    if (eventSteps === undefined) return lastStep;
    const since = step - this.#firstStep; // below 0 where a loss of the device has taken a large model back
    return this.#firstStep + (Math.floor(since / eventSteps) + 1) * eventSteps;
  }

  /** Whether an event is due by time. */
  isDue(): boolean {
    const { eventSteps, eventMs } = this.#interval;
    return eventSteps === undefined && this.sinceMs >= Math.max(eventMs, eventShare * this.#costMs);
  }
}
