import { type FloatArray, type ReplicaResults, type Scores, bestReplicas } from "../node.ts";

/** How the networks of a sweep did. */
export interface SweepResults {
  readonly training: ReplicaResults;
  /** After the last step, over the rows that were held out, or where there are none over those that were learned from. */
  readonly scores: Scores;
  readonly isHeldOut: boolean;
  /** Replicas, the best first, those that have stopped last. */
  readonly ranking: readonly number[];
  /** Of the best, the loss over all rows that were learned from; of others it is not worth its time. */
  readonly learned: ReadonlyMap<number, number>;
}

/** A network whose numbers stopped being finite, and the step at which it stopped. */
export interface Stopped {
  readonly replica: number;
  readonly step: number;
}

/** What networks are ranked by: their losses, NaN where they have stopped. */
export const rankedLosses = ({ losses }: Scores, { nonFiniteSteps }: ReplicaResults): Float64Array =>
  Float64Array.from(losses, (loss, replica) => (nonFiniteSteps[replica]! >= 0 ? Number.NaN : loss));

/** All replicas, least loss first, those without a finite one last. */
export function rankingOf(losses: FloatArray): number[] {
  const others = Array.from(losses.keys()).filter((replica) => !Number.isFinite(losses[replica]));
  return [...bestReplicas(losses, losses.length), ...others];
}

/** Quantiles of the finite values, linear between neighbours (type 7 of Hyndman and Fan 1996); NaN where there are none. */
export function quantilesOf(values: FloatArray, shares: readonly number[]): number[] {
  const sorted = Float64Array.from(values)
    .filter((value) => Number.isFinite(value))
    .sort();
  if (sorted.length === 0) return shares.map(() => Number.NaN);
  return shares.map((share) => {
    const place = share * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
    return below + (above - below) * (place - Math.floor(place));
  });
}

/** Networks that have stopped, the first to stop first. */
export function stoppedOf({ nonFiniteSteps }: ReplicaResults): Stopped[] {
  const all = Array.from(nonFiniteSteps, (step, replica) => ({ replica, step }));
  return all.filter(({ step }) => step >= 0).sort((a, b) => a.step - b.step || a.replica - b.replica);
}

/** Steps that all networks have taken together. */
export const stepsTaken = ({ nonFiniteSteps }: ReplicaResults, steps: number): number =>
  nonFiniteSteps.reduce((sum, stopped) => sum + (stopped >= 0 ? Math.min(stopped, steps) : steps), 0);

/** What is known of networks that have not taken a step. */
export const noResults = (replicas: number): ReplicaResults => ({
  finalLosses: new Float64Array(replicas).fill(Number.NaN),
  bestLosses: new Float64Array(replicas).fill(Number.POSITIVE_INFINITY),
  bestSteps: new Float64Array(replicas).fill(-1),
  nonFiniteSteps: new Float64Array(replicas).fill(-1),
});
