// Dawn in Node waits by asking again on every turn of the event loop, which keeps a core busy while shaders compile on
// another thread. After some turns in vain it is to ask once a millisecond: half the processor time of a compilation.

type Tick = (...all: unknown[]) => unknown;

/** Turns at once before it pauses: what is nearly done is told without delay. */
const eagerTurns = 16;
const pauseMs = 1;

/** Dawn's ticks are functions of its own; those of scripts have a source text. */
const isNative = (tick: Tick): boolean => Function.prototype.toString.call(tick).includes("[native code]");

const marked = globalThis as typeof globalThis & { thalwegIsCalm?: true };

/** Slows down only the ticks of native modules that order the next one while they run. */
export function calmPolling(): void {
  if (marked.thalwegIsCalm) return; // a worker that runs several files
  marked.thalwegIsCalm = true;
  const { setImmediate } = globalThis;
  let isTicking = false;
  let turns = 0;
  const calm = (tick: Tick, ...all: unknown[]): unknown => {
    if (!isNative(tick)) return setImmediate(tick, ...all);
    turns = isTicking ? turns + 1 : 0;
    const run = (): void => {
      isTicking = true;
      try {
        tick(...all);
      } finally {
        isTicking = false;
      }
    };
    return turns < eagerTurns ? setImmediate(run) : setTimeout(run, pauseMs);
  };
  globalThis.setImmediate = Object.assign(calm, setImmediate) as unknown as typeof setImmediate;
}
