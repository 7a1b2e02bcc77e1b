// What a trace of Chrome says about the page's own thread.

/** One task of a thread, in milliseconds from the first mark looked for. */
export interface Task {
  readonly beginMs: number;
  readonly durationMs: number;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
}

/**
 * Tasks of the thread that has set a mark by `performance.mark(mark)`, from then on.
 * @throws Error where the trace has no such mark
 */
export function tasksAfter(trace: Uint8Array, mark: string): readonly Task[] {
  const { traceEvents } = JSON.parse(new TextDecoder().decode(trace)) as { traceEvents: TraceEvent[] };
  const began = traceEvents.find(({ name, ph }) => name === mark && "RIn".includes(ph));
  if (!began) throw new Error(`trace: expected the mark ${mark}, got ${traceEvents.length} events without it`);
  const isTask = ({ name, ph, pid, tid, ts, dur = 0 }: TraceEvent): boolean =>
    name === "RunTask" && ph === "X" && pid === began.pid && tid === began.tid && ts + dur >= began.ts;
  return traceEvents
    .filter(isTask)
    .map(({ ts, dur = 0 }) => ({ beginMs: (ts - began.ts) / 1000, durationMs: dur / 1000 }));
}

/** The value that a share of the values does not exceed; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
