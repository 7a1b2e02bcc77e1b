import type { Evaluation, FloatArray, HalvingResult, MemberResults, Scores } from "../node.ts";
import type { Ranking } from "./sweepRanking.ts";

/** How the networks of a sweep did. */
export interface SweepResults extends Ranking {
  readonly training: MemberResults;
  /** After the last step, over the rows that were held out, or where there are none over those that were learned from. */
  readonly scores: Scores & Pick<Partial<Evaluation>, "memberMetrics">;
  readonly halving?: HalvingResult | undefined;
  readonly isHeldOut: boolean;
  /** Rows that the scores are taken over. */
  readonly rows: number;
}

/** A network whose numbers stopped being finite, and the step at which it stopped. */
export interface Stopped {
  readonly member: number;
  readonly step: number;
}

/** What networks are ranked by: their losses, NaN where they have stopped. */
export const rankedLosses = ({ losses }: Scores, { nonFiniteSteps }: MemberResults): Float64Array =>
  Float64Array.from(losses, (loss, member) => (nonFiniteSteps[member]! >= 0 ? Number.NaN : loss));

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
export function stoppedOf({ nonFiniteSteps }: MemberResults): Stopped[] {
  const all = Array.from(nonFiniteSteps, (step, member) => ({ member, step }));
  return all.filter(({ step }) => step >= 0).sort((a, b) => a.step - b.step || a.member - b.member);
}

/** Steps that all networks have taken together. */
export const stepsTaken = ({ nonFiniteSteps }: MemberResults, steps: number): number =>
  nonFiniteSteps.reduce((sum, stopped) => sum + (stopped >= 0 ? Math.min(stopped, steps) : steps), 0);

/** What is known of networks that have not taken a step. */
export const noResults = (members: number): MemberResults => ({
  finalLosses: new Float64Array(members).fill(Number.NaN),
  bestLosses: new Float64Array(members).fill(Number.POSITIVE_INFINITY),
  bestSteps: new Float64Array(members).fill(-1),
  nonFiniteSteps: new Float64Array(members).fill(-1),
});

/** Networks that still continue and predict every row correctly; 0 where there are no classes. */
export const perfectNetworks = ({ scores: { accuracies }, training: { nonFiniteSteps } }: SweepResults): number =>
  Array.from(accuracies ?? []).filter((accuracy, member) => accuracy === 1 && nonFiniteSteps[member]! < 0).length;
