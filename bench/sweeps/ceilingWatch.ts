import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { Profiler } from "../../src/backend/webgpu/profile.ts";
import { CeilingProbes, type Ceilings } from "../measure/ceilings.ts";
import { DispatchTimer } from "../measure/dispatchTimer.ts";

const probeMs = 5;

/** What the adapter can do at best, asked again and again through the run: noise can only lower it. */
export class CeilingWatch {
  readonly #timer: DispatchTimer | undefined;
  readonly #probes: CeilingProbes | undefined;

  private constructor(timer?: DispatchTimer, probes?: CeilingProbes) {
    this.#timer = timer;
    this.#probes = probes;
  }

  /** One that knows nothing where the device has no timestamps. */
  static async create(device: GpuDevice): Promise<CeilingWatch> {
    if (!Profiler.canProfile(device)) return new CeilingWatch();
    return new CeilingWatch(new DispatchTimer(device, probeMs), await CeilingProbes.create(device));
  }

  async look(): Promise<void> {
    if (this.#timer) await this.#probes!.measure(this.#timer);
  }

  /** Undefined where nothing was measured. */
  get best(): Ceilings | undefined {
    const best = this.#probes?.best;
    return best && Number.isFinite(best.flopsPerSecond) ? best : undefined;
  }

  dispose(): void {
    this.#probes?.dispose();
    this.#timer?.dispose();
  }
}

/** Arithmetic of a run by formula, per second, over what the adapter can do at best; undefined where that was not measured. */
export function shareOf(
  { summary }: { readonly summary: { readonly median: number } },
  { work }: { readonly work: { readonly flops: number } },
  ceilings: Pick<Ceilings, "flopsPerSecond"> | undefined,
): number | undefined {
  return ceilings && (1000 * work.flops) / summary.median / ceilings.flopsPerSecond;
}

/** What a row that is faster than the adapter can be says of itself. */
export function implausible(share: number | undefined): string | undefined {
  if (share === undefined || share <= 1) return undefined;
  return `at ${(100 * share).toFixed(0)} % of the arithmetic ceiling measured in this run`;
}
