import { openAgain, openInstead } from "./acquire.ts";
import type { Device } from "./device.ts";

// The successor of a lost device, shared by all of its models.

/** Pauses before the tries to open a device again: a browser's GPU process and a driver take a moment to restart. */
const pausesMs = [0, 50, 100, 200, 400, 600];
/** Since the loss, after which the CPU takes over. */
const mostMs = 1500;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves with the device if it opens in time; a device that opens later is disposed. */
async function within(opening: Promise<Device | string>, ms: number): Promise<Device | string | undefined> {
  let isLate = false;
  const late = pause(ms).then(() => void (isLate = true));
  void opening.then((opened) => void (isLate && typeof opened !== "string" && opened.dispose()));
  return (await Promise.race([opening, late])) ?? undefined;
}

async function openSame(lost: Device): Promise<Device | string> {
  const endMs = performance.now() + mostMs;
  let reason = "";
  for (const ms of pausesMs) {
    await pause(Math.min(ms, endMs - performance.now()));
    const opened = await within(openAgain(lost), Math.max(0, endMs - performance.now()));
    if (opened !== undefined && typeof opened !== "string") return opened;
    reason = opened ?? reason;
    if (performance.now() >= endMs) break;
  }
  return reason || `it did not open within ${mostMs / 1000} s`;
}

async function open(lost: Device, why: string, isSame: boolean): Promise<Device> {
  const isSilentAgain = lost.isSilent && lost.isHurried; // a third silence would be as long as the second
  const same = isSame && !isSilentAgain ? await openSame(lost) : "";
  if (typeof same !== "string" && (lost.isSilent || lost.isHurried)) same.hurry?.();
  const reason = `${lost.name} was lost (${why})${same && `: ${same}`}`;
  const opened = typeof same === "string" ? await openInstead(lost, reason) : same;
  lost.accompany(opened);
  return opened;
}

/** By whether they are of the same kind. */
const successors = { same: new WeakMap<Device, Promise<Device>>(), other: new WeakMap<Device, Promise<Device>>() };

/**
 * The device that takes the place of a lost one and ends with it: the same opened again, with pauses between the tries, else the CPU; the CPU
 * at once where the same has said nothing twice.
 * @param why it was lost, in one line
 * @param isSame false: the CPU at once
 */
export function successorOf(lost: Device, why: string, isSame: boolean): Promise<Device> {
  const known = successors[isSame ? "same" : "other"];
  const opening = known.get(lost) ?? open(lost, why, isSame);
  known.set(lost, opening);
  opening.catch(() => known.delete(lost));
  return opening;
}
