import { availableParallelism } from "node:os";
import process from "node:process";
import type { GpuDevice } from "../../src/gpu/device.ts";
import { Profiler } from "../../src/gpu/profile.ts";
import { CeilingProbes } from "../measure/ceilings.ts";
import { DispatchTimer } from "../measure/dispatchTimer.ts";
import { nodeMachine } from "../measure/machine.ts";
import { timerStep } from "../measure/timerStep.ts";
import type { RaceProgress } from "../race/host.ts";
import type { MachineCard } from "../race/record.ts";
import { crossoversOf } from "./judge.ts";
import { isTimed, type PathsPoint, type PathsRecord, pathsSchemaVersion, type PathsSweep } from "./record.ts";
import { measurePoint, type PathsEffort } from "./runPoint.ts";
import { shareOf } from "./shares.ts";
import type { SweepPlan } from "./sweeps.ts";

export interface SweepsRequest {
  readonly plans: readonly SweepPlan[];
  readonly effort: PathsEffort;
  /** Opens a device that nothing has been compiled on. */
  readonly open: () => Promise<GpuDevice>;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: RaceProgress) => void;
}

/** The card that records of races have. */
function cardOf(device: GpuDevice): MachineCard {
  const { date, adapter, isFallbackAdapter, kind, limits, features, versions, gitRevision, cpu, loadAverage } =
    nodeMachine(device);
  return {
    date,
    host: "node",
    hostVersion: `Node ${process.version}`,
    versions: { thalweg: versions.thalweg, webgpu: versions.webgpu },
    ...(gitRevision !== undefined && { gitRevision }),
    adapter: { ...adapter },
    isFallbackAdapter,
    kind,
    features: [...features],
    limits: { ...limits },
    cores: availableParallelism(),
    cpu: cpu.model,
    loadAverage: [...loadAverage],
    crossOriginIsolated: true,
    timerStepMs: timerStep(),
  };
}

const probeMs = 5;

/** What the adapter can do at best, asked again and again through the run: noise can only lower it. */
class CeilingWatch {
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

  get best(): PathsRecord["ceilings"] {
    return this.#probes?.best;
  }

  dispose(): void {
    this.#probes?.dispose();
    this.#timer?.dispose();
  }
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
        const share = shareOf(row, point, ceilings);
        if (share === undefined || share <= 1) return [];
        return [`${place} at ${(100 * share).toFixed(0)} % of the arithmetic ceiling measured in this run`];
      }),
    ),
  );

/** Sweeps while they are measured. */
interface Growing extends Omit<PathsSweep, "points" | "crossovers"> {
  readonly points: PathsPoint[];
}

/** Measures one point after the other, into `sweeps`: what is finished is kept, whatever happens later. */
async function measureAll(request: SweepsRequest, sweeps: Growing[], watch: CeilingWatch): Promise<void> {
  const { plans, effort, open, signal, onProgress } = request;
  const total = plans.reduce((sum, { points }) => sum + points.length, 0);
  let done = 0;
  for (const { name: sweep, title, axis, points } of plans) {
    const measured: PathsPoint[] = [];
    sweeps.push({ name: sweep, title, axis, points: measured });
    await watch.look();
    for (const plan of points) {
      const tell = (phase: string, path: string): void =>
        onProgress({ race: sweep, point: plan.name, phase, contender: path, done, total });
      measured.push(await measurePoint(plan, { effort, open, signal, tell }));
      done++;
    }
  }
  await watch.look();
}

/**
 * Times every path at every point by the protocol of docs/benchmarks.md.
 * @throws what the library throws where there is no device at all; a path that fails gets a row that says so
 */
export async function runSweeps(request: SweepsRequest): Promise<PathsRecord> {
  const { effort, signal } = request;
  const device = await request.open();
  const machine = cardOf(device);
  const watch = await CeilingWatch.create(device);
  const growing: Growing[] = [];
  const problems: string[] = [];
  try {
    await measureAll(request, growing, watch);
  } catch (error) {
    const done = growing.reduce((sum, { points }) => sum + points.length, 0);
    const total = request.plans.reduce((sum, { points }) => sum + points.length, 0);
    const place = `after ${done} of ${total} points`;
    problems.push(signal?.aborted ? `stopped ${place}` : `ended ${place}: ${(error as Error).message}`);
  }
  const ceilings = watch.best;
  watch.dispose();
  device.dispose();
  const sweeps = growing
    .filter(({ points }) => points.length > 0)
    .map((sweep) => ({ ...sweep, crossovers: crossoversOf(sweep.points) }));
  problems.push(...problemsOf(sweeps, ceilings));
  const measured = ceilings && Number.isFinite(ceilings.flopsPerSecond) ? { ceilings } : {};
  const record = { schemaVersion: pathsSchemaVersion, bench: "paths", machine, protocol: { ...effort } } as const;
  return { ...record, ...measured, sweeps, problems };
}
