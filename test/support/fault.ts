import { expect } from "vitest";
import { ThalwegError } from "../../src/errors.ts";

/** The error that `action` throws, which must be one of ours. */
export function faultOf(action: () => unknown): ThalwegError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ThalwegError);
    return error as ThalwegError;
  }
  throw new Error("nothing was thrown");
}

/** The error that the promise of `action` rejects with, which must be one of ours. */
export async function rejectionOf(action: () => Promise<unknown>): Promise<ThalwegError> {
  try {
    await action();
  } catch (error) {
    expect(error).toBeInstanceOf(ThalwegError);
    return error as ThalwegError;
  }
  throw new Error("nothing was thrown");
}
