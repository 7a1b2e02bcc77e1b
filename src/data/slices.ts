import { nextTask } from "../nextTask.ts";

/** Work in small steps: yields the share of it that is done, from 0 to 1, at least every few milliseconds, and returns its result. */
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
export const sliceMs = 8;

/** Does all steps at once. */
export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Does the steps in slices of 8 ms; timers, input and rendering run between them. */
export async function runInSlices<T>(steps: Steps<T>, total: number, options: SliceOptions): Promise<T> {
  const { onProgress, signal } = options;
  let reported = 0;
  let end = performance.now() + sliceMs;
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = steps.next();
    if (done) {
      onProgress?.({ done: total, total });
      return value;
    }
    if (performance.now() < end) continue;
    reported = Math.max(reported, Math.min(total, Math.floor(value * total)));
    onProgress?.({ done: reported, total });
    await nextTask();
    end = performance.now() + sliceMs;
  }
}

/** The steps of a part of the work, as shares `from` to `to` of the whole. */
export function* within<T>(steps: Steps<T>, from: number, to: number): Steps<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    yield from + value * (to - from);
  }
}
