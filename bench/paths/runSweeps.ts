import { implausible, shareOf } from "../sweeps/ceilingWatch.ts";
import { measureWatched, type SweepsRequest } from "../sweeps/watchedSweeps.ts";
import { crossoversOf } from "./judge.ts";
import { isTimed, type PathsRecord, pathsSchemaVersion, type PathsSweep } from "./record.ts";
import { measurePoint, type PathsEffort } from "./runPoint.ts";
import type { PointPlan } from "./sweeps.ts";

/** Paths that computed something wrong, or failed where they should not, or were faster than the adapter can be. */
const problemsOf = (sweeps: readonly PathsSweep[], ceilings: PathsRecord["ceilings"]): string[] =>
  sweeps.flatMap(({ name, points }) =>
    points.flatMap((point) =>
      point.rows.flatMap((row) => {
        const place = `${name}: ${point.name}: ${row.path}`;
        if (!isTimed(row)) {
          const isFault = row.status === "wrong" || row.status === "failed";
          return isFault ? [`${place} ${row.status}: ${row.reason}`] : [];
        }
        const doubt = implausible(shareOf(row, point, ceilings));
        return doubt === undefined ? [] : [`${place} ${doubt}`];
      }),
    ),
  );

/**
 * Times every path at every point by the protocol of docs/benchmarks.md.
 * @throws what the library throws where there is no device at all; a path that fails gets a row that says so
 */
export async function runSweeps(request: SweepsRequest<PointPlan, PathsEffort>): Promise<PathsRecord> {
  const { effort, open, signal } = request;
  const measured = await measureWatched(request, (plan, tell) => measurePoint(plan, { effort, open, signal, tell }));
  const { machine, ceilings } = measured;
  const sweeps = measured.sweeps.map((sweep) => ({ ...sweep, crossovers: crossoversOf(sweep.points) }));
  const problems = [...measured.problems, ...problemsOf(sweeps, ceilings)];
  const record = { schemaVersion: pathsSchemaVersion, bench: "paths", machine, protocol: { ...effort } } as const;
  return { ...record, ...(ceilings && { ceilings }), sweeps, problems };
}
