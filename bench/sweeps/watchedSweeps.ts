import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import type { RaceProgress } from "../race/host.ts";
import type { MachineCard } from "../race/record.ts";
import { CeilingWatch } from "./ceilingWatch.ts";
import { measureSweeps, type Sweep, type Tell } from "./measureSweeps.ts";
import { nodeCard } from "./nodeCard.ts";

/** What a bench of sweeps is asked for. */
export interface SweepsRequest<Plan, Effort> {
  readonly plans: readonly Sweep<Plan>[];
  readonly effort: Effort;
  /** Opens a device that nothing has been compiled on. */
  readonly open: () => Promise<GpuDevice>;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: RaceProgress) => void;
}

/** What was measured, on which machine, beside its ceilings: undefined where the adapter has no timestamps. */
export interface WatchedSweeps<Point> {
  readonly machine: MachineCard;
  readonly ceilings: CeilingWatch["best"];
  readonly sweeps: readonly (Sweep<Point> & { readonly points: Point[] })[];
  readonly problems: readonly string[];
}

/**
 * Measures sweeps on a device, and its ceilings all through the run.
 * @throws what the library throws where there is no device
 */
export async function measureWatched<Plan extends { readonly name: string }, Point>(
  { plans, open, signal, onProgress }: Omit<SweepsRequest<Plan, unknown>, "effort">,
  measure: (plan: Plan, tell: Tell, device: GpuDevice) => Promise<Point>,
): Promise<WatchedSweeps<Point>> {
  const device = await open();
  const machine = nodeCard(device);
  const watch = await CeilingWatch.create(device);
  const { sweeps, problems } = await measureSweeps({
    plans,
    signal,
    onProgress,
    look: () => watch.look(),
    measure: (plan: Plan, tell: Tell) => measure(plan, tell, device),
  });
  const ceilings = watch.best;
  watch.dispose();
  const { buffers } = device.ledger;
  if (buffers > 0) problems.push(`${buffers} buffers were left behind on the device`);
  device.dispose();
  return { machine, ceilings, sweeps, problems };
}
