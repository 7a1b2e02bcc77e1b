import type { Fitting } from "./protocol.ts";

/** What decides how much memory a training takes. */
export interface Size {
  readonly members: number;
  readonly batchSize: number;
}

/**
 * A smaller training that fits: members are halved down to one, then the rows of a batch.
 * @param fits tries a size on the device
 */
export async function findFitting(
  { members, batchSize }: Size,
  fits: (size: Size) => Promise<boolean>,
): Promise<Fitting | undefined> {
  for (let fewer = Math.floor(members / 2); fewer >= 1; fewer = Math.floor(fewer / 2)) {
    if (await fits({ members: fewer, batchSize })) return { members: fewer };
  }
  if (members > 1) return undefined; // one member with a smaller batch is not what was requested
  for (let smaller = Math.floor(batchSize / 2); smaller >= 1; smaller = Math.floor(smaller / 2)) {
    if (await fits({ members, batchSize: smaller })) return { batchSize: smaller };
  }
  return undefined;
}
