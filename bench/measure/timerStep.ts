/** Smallest difference that performance.now() shows, in milliseconds. */
export function timerStep(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < 50; sample++) {
    const startMs = performance.now();
    let nowMs = startMs;
    while (nowMs === startMs) nowMs = performance.now();
    least = Math.min(least, nowMs - startMs);
  }
  return least;
}
