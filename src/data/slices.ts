import { nextTask } from "../nextTask.ts";

/**
 * Work in small steps: yields the work done since the step before, at least every few milliseconds, and returns its result.
 * The unit of work is the caller's: a share of the whole, or passes over cells.
 */
export type Steps<T> = Generator<number, T, void>;

export interface SliceOptions {
  /** Called between slices and at the end. */
  readonly onProgress?: (progress: ReadProgress) => void;
  /** Aborts the work between slices; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ReadProgress {
  /** Bytes or characters of a file, cells of a table; at most `total`, and never decreases. */
  readonly done: number;
  readonly total: number;
}

/** A page stays at 60 frames per second where no task takes longer. */
const sliceMs = 8;
/** Iterations of a loop between two looks at the clock. */
const chunk = 256;

/** Calls `body` with 0 … count − 1. */
export function* each(count: number, body: (index: number) => void): Steps<void> {
  let index = 0;
  while (index < count) {
    const from = index;
    for (const end = Math.min(count, index + chunk); index < end; index++) body(index);
    yield index - from;
  }
}

/** Calls `body` with each item, of a map too large to be copied at once. */
export function* eachOf<T>(items: Iterable<T>, body: (item: T) => void): Steps<void> {
  let count = 0;
  for (const item of items) {
    body(item);
    if (++count % chunk === 0) yield chunk;
  }
  yield count % chunk;
}

/** Does all steps at once. */
export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** What `runInSlices` reports. */
interface Extent {
  /** Total that `onProgress` reports. */
  readonly total: number;
  /** Sum of what the steps yield; may be an estimate. */
  readonly work: number;
}

/** Does the steps in slices of 8 ms; timers, input and rendering run between them. */
export async function runInSlices<T>(steps: Steps<T>, { total, work }: Extent, options: SliceOptions): Promise<T> {
  const { onProgress, signal } = options;
  let worked = 0;
  let end = performance.now() + sliceMs;
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = steps.next();
    if (done) {
      onProgress?.({ done: total, total });
      return value;
    }
    worked += value;
    if (performance.now() < end) continue;
    onProgress?.({ done: Math.min(total, Math.floor((worked / work) * total)), total });
    await nextTask();
    end = performance.now() + sliceMs;
  }
}

/** `runInSlices` for steps that yield cells of a table, each about `passes` times. */
export function runOverCells<T>(steps: Steps<T>, cells: number, passes: number, options: SliceOptions): Promise<T> {
  return runInSlices(steps, { total: cells, work: passes * cells }, options);
}

/** The steps of a part of the work, which yield shares of that part, as `share` of the whole. */
export function* scaled<T>(steps: Steps<T>, share: number): Steps<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    yield value * share;
  }
}
