import type { GpuDevice } from "../../src/gpu/device.ts";
import type { RaceProgress } from "../race/host.ts";
import { CeilingWatch, implausible, shareOf } from "../sweeps/ceilingWatch.ts";
import { measureSweeps } from "../sweeps/measureSweeps.ts";
import { nodeCard } from "../sweeps/nodeCard.ts";
import type { CasePlan } from "./plans.ts";
import { everything, isTimed, type LimitsCase, type LimitsRecord, limitsSchemaVersion } from "./record.ts";
import { type LimitsEffort, measurePoint } from "./runPoint.ts";

export interface LimitsRequest {
  readonly plans: readonly CasePlan[];
  readonly effort: LimitsEffort;
  /** Opens a device that nothing has been compiled on. */
  readonly open: () => Promise<GpuDevice>;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: RaceProgress) => void;
}

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
export async function runLimits({ plans, effort, open, signal, onProgress }: LimitsRequest): Promise<LimitsRecord> {
  const device = await open();
  const machine = nodeCard(device);
  const watch = await CeilingWatch.create(device);
  const measured = await measureSweeps({
    plans,
    signal,
    onProgress,
    look: () => watch.look(),
    measure: (plan, tell) => measurePoint(plan, { effort, open, signal, tell }),
  });
  const ceilings = watch.best;
  watch.dispose();
  device.dispose();
  const problems = [...measured.problems, ...problemsOf(measured.sweeps, ceilings)];
  const record = { schemaVersion: limitsSchemaVersion, bench: "limits", machine, protocol: { ...effort } } as const;
  return { ...record, ...(ceilings && { ceilings }), sweeps: measured.sweeps, problems };
}
