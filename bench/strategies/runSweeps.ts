import { implausible, shareOf } from "../sweeps/ceilingWatch.ts";
import { measureWatched, type SweepsRequest } from "../sweeps/watchedSweeps.ts";
import { crossoversOf } from "./judge.ts";
import { isTimed, type StrategiesRecord, strategiesSchemaVersion, type StrategiesSweep } from "./record.ts";
import { measurePoint, type StrategiesEffort } from "./runPoint.ts";
import type { PointPlan } from "./sweeps.ts";

/** Strategies that computed something wrong, or failed where they should not, or were faster than the adapter can be. */
const problemsOf = (sweeps: readonly StrategiesSweep[], ceilings: StrategiesRecord["ceilings"]): string[] =>
  sweeps.flatMap(({ name, points }) =>
    points.flatMap((point) =>
      point.rows.flatMap((row) => {
        const place = `${name}: ${point.name}: ${row.strategy}`;
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
 * Times every strategy at every point by the protocol of docs/benchmarks.md.
 * @throws what the library throws where there is no device at all; a strategy that fails gets a row that says so
 */
export async function runSweeps(request: SweepsRequest<PointPlan, StrategiesEffort>): Promise<StrategiesRecord> {
  const { effort, open, signal } = request;
  const measured = await measureWatched(request, (plan, tell) => measurePoint(plan, { effort, open, signal, tell }));
  const { machine, ceilings } = measured;
  const sweeps = measured.sweeps.map((sweep) => ({ ...sweep, crossovers: crossoversOf(sweep.points) }));
  const problems = [...measured.problems, ...problemsOf(sweeps, ceilings)];
  const record = {
    schemaVersion: strategiesSchemaVersion,
    bench: "strategies",
    machine,
    protocol: { ...effort },
  } as const;
  return { ...record, ...(ceilings && { ceilings }), sweeps, problems };
}
