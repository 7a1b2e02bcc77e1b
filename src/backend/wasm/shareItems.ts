import { mostItems } from "./program.ts";

/** Operations that make an item worth being one. */
export const itemOperations = 2 ** 18;

/** How members share the items of a phase. @param perMember items of one member @param operations of one of them */
export function shareItems(
  members: number,
  perMember: number,
  operations: number,
): { itemMembers: number; items: number } {
  const forItems = Math.ceil((members * perMember) / mostItems);
  const forWork = Math.min(members, Math.floor(itemOperations / Math.max(1, operations)));
  const itemMembers = Math.max(1, forItems, forWork);
  return { itemMembers, items: Math.ceil(members / itemMembers) * perMember };
}
