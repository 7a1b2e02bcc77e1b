import type { RaceProgress } from "../race/host.ts";

/** Points over an axis: plans of them, or what was measured. */
export interface Sweep<Point> {
  readonly name: string;
  readonly title: string;
  /** What x is. */
  readonly axis: string;
  readonly points: readonly Point[];
}

/** What is done at a point, and by whom. */
export type Tell = (phase: string, contender: string) => void;

export interface SweepsRun<Plan, Point> {
  readonly plans: readonly Sweep<Plan>[];
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: RaceProgress) => void;
  /** Before every sweep, and after the last. */
  readonly look: () => Promise<void>;
  readonly measure: (plan: Plan, tell: Tell) => Promise<Point>;
}

interface Growing<Point> extends Sweep<Point> {
  readonly points: Point[];
}

const countPoints = (sweeps: readonly Sweep<unknown>[]): number =>
  sweeps.reduce((sum, { points }) => sum + points.length, 0);

async function measureAll<Plan extends { readonly name: string }, Point>(
  { plans, onProgress, look, measure }: SweepsRun<Plan, Point>,
  sweeps: Growing<Point>[],
): Promise<void> {
  const total = countPoints(plans);
  for (const { points, ...head } of plans) {
    const sweep: Growing<Point> = { ...head, points: [] };
    sweeps.push(sweep);
    await look();
    for (const plan of points) {
      const done = countPoints(sweeps);
      const tell: Tell = (phase, contender) =>
        onProgress({ race: head.name, point: plan.name, phase, contender, done, total });
      sweep.points.push(await measure(plan, tell));
    }
  }
  await look();
}

/**
 * Measures one point after the other: what is finished is kept, whatever happens later.
 * @returns sweeps that have points, and what ended the run too early
 */
export async function measureSweeps<Plan extends { readonly name: string }, Point>(
  run: SweepsRun<Plan, Point>,
): Promise<{ readonly sweeps: Growing<Point>[]; readonly problems: string[] }> {
  const growing: Growing<Point>[] = [];
  const problems: string[] = [];
  try {
    await measureAll(run, growing);
  } catch (error) {
    const place = `after ${countPoints(growing)} of ${countPoints(run.plans)} points`;
    problems.push(run.signal?.aborted ? `stopped ${place}` : `ended ${place}: ${(error as Error).message}`);
  }
  return { sweeps: growing.filter(({ points }) => points.length > 0), problems };
}
