import type { GpuDevice } from "../../src/gpu/device.ts";
import type { RaceProgress } from "../race/host.ts";
import { CeilingWatch, implausible, shareOf } from "../sweeps/ceilingWatch.ts";
import { measureSweeps } from "../sweeps/measureSweeps.ts";
import { nodeCard } from "../sweeps/nodeCard.ts";
import { isTimed, type ProductsRecord, productsSchemaVersion, type ShapeClass } from "./record.ts";
import { measurePoint, type ProductsEffort } from "./runPoint.ts";
import type { ClassPlan } from "./shapes.ts";

export interface ClassesRequest {
  readonly plans: readonly ClassPlan[];
  readonly effort: ProductsEffort;
  readonly open: () => Promise<GpuDevice>;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: RaceProgress) => void;
}

/** Versions that computed something wrong, or failed, or were faster than the adapter can be. */
export const problemsOf = (sweeps: readonly ShapeClass[], ceilings: ProductsRecord["ceilings"]): string[] =>
  sweeps.flatMap(({ name, points }) =>
    points.flatMap((point) =>
      point.rows.flatMap((row) => {
        const place = `${name}: ${point.name}: ${row.version}${row.isLibrary ? " of the library" : ""}`;
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
 * Times every version at every point by the protocol of docs/benchmarks.md.
 * @throws what the library throws where there is no device; a version that fails gets a row that says so
 */
export async function runClasses({ plans, effort, open, signal, onProgress }: ClassesRequest): Promise<ProductsRecord> {
  const device = await open();
  const machine = nodeCard(device);
  const watch = await CeilingWatch.create(device);
  const measured = await measureSweeps({
    plans,
    signal,
    onProgress,
    look: () => watch.look(),
    measure: (plan, tell) => measurePoint(plan, { device, effort, signal, tell }),
  });
  const ceilings = watch.best;
  watch.dispose();
  const problems = [...measured.problems, ...problemsOf(measured.sweeps, ceilings)];
  const { buffers } = device.ledger;
  if (buffers > 0) problems.push(`${buffers} buffers were left behind on the device`);
  device.dispose();
  const record = { schemaVersion: productsSchemaVersion, bench: "products", machine, protocol: { ...effort } } as const;
  return { ...record, ...(ceilings && { ceilings }), sweeps: measured.sweeps, problems };
}
