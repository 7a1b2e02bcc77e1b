import { implausible, shareOf } from "../sweeps/ceilingWatch.ts";
import { measureWatched, type SweepsRequest } from "../sweeps/watchedSweeps.ts";
import type { PointPlan } from "./plans.ts";
import { everything, isTimed, type LimitsCase, type LimitsRecord, limitsSchemaVersion } from "./record.ts";
import { type LimitsEffort, measurePoint } from "./runPoint.ts";

/** Ablations that failed, and whole kernels that computed something wrong or were faster than the adapter can be. */
export const problemsOf = (sweeps: readonly LimitsCase[], ceilings: LimitsRecord["ceilings"]): string[] =>
  sweeps.flatMap(({ name, points }) =>
    points.flatMap((point) =>
      point.rows.flatMap((row) => {
        const place = `${name}: ${point.name}: ${row.ablation}`;
        if (!isTimed(row)) return [`${place} ${row.status}: ${row.reason}`];
        // what leaves arithmetic out may be as fast as it likes
        const doubt = row.ablation === everything ? implausible(shareOf(row, point, ceilings)) : undefined;
        return doubt === undefined ? [] : [`${place} ${doubt}`];
      }),
    ),
  );

/**
 * Times every kernel whole and without parts of it, by the protocol of docs/benchmarks.md.
 * @throws what the library throws where there is no device; an ablation that fails gets a row that says so
 */
export async function runLimits(request: SweepsRequest<PointPlan, LimitsEffort>): Promise<LimitsRecord> {
  const { effort, open, signal } = request;
  const measured = await measureWatched(request, (plan, tell) => measurePoint(plan, { effort, open, signal, tell }));
  const { machine, ceilings, sweeps } = measured;
  const problems = [...measured.problems, ...problemsOf(sweeps, ceilings)];
  const record = { schemaVersion: limitsSchemaVersion, bench: "limits", machine, protocol: { ...effort } } as const;
  return { ...record, ...(ceilings && { ceilings }), sweeps: [...sweeps], problems };
}
