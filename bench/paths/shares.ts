import type { PathsPoint, PathsRecord, TimedPath } from "./record.ts";

/** Arithmetic of a step by formula, per second, over what the adapter can do at best; undefined where that was not measured. */
export function shareOf(
  { summary }: Pick<TimedPath, "summary">,
  { work }: Pick<PathsPoint, "work">,
  ceilings: PathsRecord["ceilings"],
): number | undefined {
  return ceilings && (1000 * work.flops) / summary.median / ceilings.flopsPerSecond;
}
