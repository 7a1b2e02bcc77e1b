import { implausible, shareOf } from "../sweeps/ceilingWatch.ts";
import { measureWatched, type SweepsRequest } from "../sweeps/watchedSweeps.ts";
import { isTimed, type ProductsRecord, productsSchemaVersion, type ShapeClass } from "./record.ts";
import { measurePoint, type ProductsEffort } from "./runPoint.ts";
import type { PointPlan } from "./shapes.ts";

/** Variants that computed something wrong, or failed, or were faster than the adapter can be. */
export const problemsOf = (sweeps: readonly ShapeClass[], ceilings: ProductsRecord["ceilings"]): string[] =>
  sweeps.flatMap(({ name, points }) =>
    points.flatMap((point) =>
      point.rows.flatMap((row) => {
        const place = `${name}: ${point.name}: ${row.variant}${row.isLibrary ? " of the library" : ""}`;
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
 * Times every variant at every point by the protocol of docs/benchmarks.md.
 * @throws what the library throws where there is no device; a variant that fails gets a row that says so
 */
export async function runClasses(request: SweepsRequest<PointPlan, ProductsEffort>): Promise<ProductsRecord> {
  const { effort, signal } = request;
  const measured = await measureWatched(request, (plan, tell, device) =>
    measurePoint(plan, { device, effort, signal, tell }),
  );
  const { machine, ceilings, sweeps } = measured;
  const problems = [...measured.problems, ...problemsOf(sweeps, ceilings)];
  const record = { schemaVersion: productsSchemaVersion, bench: "products", machine, protocol: { ...effort } } as const;
  return { ...record, ...(ceilings && { ceilings }), sweeps: [...sweeps], problems };
}
