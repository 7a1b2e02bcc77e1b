import type { Prepared } from "../data.ts";
import { type AnyNetwork, type FloatArray, type Model, bestMembers } from "../node.ts";

/** Networks in the order of how they did. */
export interface Ranking {
  /** Members, the best first, those without a finite loss last. */
  readonly ranking: readonly number[];
  /** Of the best and of all that tie, the loss over all rows that were learned from; of others it is not worth its time. */
  readonly learned: ReadonlyMap<number, number>;
}

/** What networks are ranked by, [members]. */
export interface Ranked {
  /** Not finite where a network has stopped. */
  readonly losses: FloatArray;
  /** How far each came in successive halving: those that came further come first. */
  readonly reach?: Float64Array | undefined;
}

/** Members that share their finite loss with another. */
export function tiedMembers(losses: FloatArray): number[] {
  const counts = new Map<number, number>();
  for (const loss of losses) counts.set(loss, (counts.get(loss) ?? 0) + 1);
  return Array.from(losses.keys()).filter((member) => {
    const loss = losses[member]!;
    return Number.isFinite(loss) && counts.get(loss)! > 1;
  });
}

/**
 * All members, least loss first, among those that came as far; of equal ones first the one with the smaller training loss, then the one
 * with the smaller number; last those without a finite loss.
 * @param learned training losses, at least of the members that tie
 */
export function rankingOf({ losses, reach }: Ranked, learned: ReadonlyMap<number, number> = new Map()): number[] {
  const finite = bestMembers(losses, losses.length);
  const others = Array.from(losses.keys()).filter((member) => !Number.isFinite(losses[member]));
  const second = (member: number): number => learned.get(member) ?? Number.POSITIVE_INFINITY;
  const compare = (a: number, b: number): number => {
    if (reach && reach[a] !== reach[b]) return reach[a]! > reach[b]! ? -1 : 1;
    if (losses[a] !== losses[b]) return losses[a]! - losses[b]!;
    return second(a) === second(b) ? a - b : second(a) - second(b);
  };
  return [...finite.sort(compare), ...others];
}

/** Loss of some members over the rows they have learned from. */
async function lossesOf(
  model: Model<AnyNetwork>,
  { training }: Prepared,
  members: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  if (members.length === 0) return new Map();
  const few = await model.pick(members);
  try {
    const { losses } = await few.evaluate(training);
    return new Map(members.map((member, place) => [member, losses[place]!]));
  } finally {
    few.dispose();
  }
}

/**
 * Ranks networks by their losses over the rows held out. The rows that they learned from are many more: they are scored for the
 * `top` best and where a tie asks for it.
 */
export async function rankNetworks(
  model: Model<AnyNetwork>,
  prepared: Prepared,
  ranked: Ranked,
  top: number,
): Promise<Ranking> {
  if (!prepared.validation) return { ranking: rankingOf(ranked), learned: new Map() };
  const tied = await lossesOf(model, prepared, tiedMembers(ranked.losses));
  const ranking = rankingOf(ranked, tied);
  const untold = ranking.slice(0, top).filter((member) => !tied.has(member));
  return { ranking, learned: new Map([...tied, ...(await lossesOf(model, prepared, untold))]) };
}
