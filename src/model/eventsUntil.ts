/** What is under way may end in order within this after an abort. */
const graceMs = 5000;

/** What is awaited, or the signal's reason where that does not come within five seconds of the abort. */
export function soonAfterAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const giveUp = (): void => void (timer = setTimeout(() => reject(signal.reason as Error), graceMs));
    if (signal.aborted) giveUp();
    else signal.addEventListener("abort", giveUp, { once: true });
    const close = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
    };
    work.finally(close).then(resolve, reject);
  });
}

/**
 * Events of a generator whose every step `until` may cut short: what then is still awaited within is left alone, and may end by itself.
 * @param until passes on what it is given, or rejects before it has settled
 */
export async function* eventsUntil<Event, Steering>(
  events: AsyncGenerator<Event, void, Steering>,
  until: (next: Promise<IteratorResult<Event, void>>) => Promise<IteratorResult<Event, void>>,
): AsyncGenerator<Event, void, Steering> {
  let isWaiting = false;
  const take = async (next: Promise<IteratorResult<Event, void>>): Promise<IteratorResult<Event, void>> => {
    isWaiting = true;
    const settled = (): void => void (isWaiting = false);
    next.then(settled, settled);
    return until(next);
  };
  let isDone = false;
  try {
    let taken = await take(events.next(...([undefined] as unknown as [Steering])));
    while (!taken.done) taken = await take(events.next(yield taken.value));
    isDone = true;
  } finally {
    const ending = isDone ? undefined : events.return();
    if (isWaiting) ending?.catch(() => {});
    else if (ending) await until(ending);
  }
}
