import type { GpuDevice } from "../../src/gpu/device.ts";
import type { RaceProgress } from "../race/host.ts";
import { CeilingWatch, implausible, shareOf } from "../sweeps/ceilingWatch.ts";
import { measureSweeps } from "../sweeps/measureSweeps.ts";
import { nodeCard } from "../sweeps/nodeCard.ts";
import { crossoversOf } from "./judge.ts";
import { isTimed, type PathsRecord, pathsSchemaVersion, type PathsSweep } from "./record.ts";
import { measurePoint, type PathsEffort } from "./runPoint.ts";
import type { SweepPlan } from "./sweeps.ts";

export interface SweepsRequest {
  readonly plans: readonly SweepPlan[];
  readonly effort: PathsEffort;
  /** Opens a device that nothing has been compiled on. */
  readonly open: () => Promise<GpuDevice>;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: RaceProgress) => void;
}

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
export async function runSweeps({ plans, effort, open, signal, onProgress }: SweepsRequest): Promise<PathsRecord> {
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
  const sweeps = measured.sweeps.map((sweep) => ({ ...sweep, crossovers: crossoversOf(sweep.points) }));
  const problems = [...measured.problems, ...problemsOf(sweeps, ceilings)];
  const record = { schemaVersion: pathsSchemaVersion, bench: "paths", machine, protocol: { ...effort } } as const;
  return { ...record, ...(ceilings && { ceilings }), sweeps, problems };
}
