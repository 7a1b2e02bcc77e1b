// Converts faults of a GPU to typed errors.

import { GpuLost, GpuOutOfMemory, ShaderFailed, ThalwegError } from "../../errors.ts";

const firstLine = (text: string): string => text.split("\n")[0]!.slice(0, 300);

/** `AbortError: mapping was aborted`, for whatever was thrown. */
export const describeError = (error: unknown): string =>
  firstLine(error instanceof Error ? `${error.name}: ${error.message}` : String(error));

export function lostFault(place: string, why: string, cause?: unknown): GpuLost {
  const fix = "acquire a new device and resume from the last checkpoint";
  return new GpuLost({ place, expected: "a working GPU device", got: `a lost one (${why})`, fix, cause });
}

/** Converts an error that the device reported, or that one of its functions threw. */
export function faultOf(place: string, error: unknown): ThalwegError {
  if (error instanceof ThalwegError) return error;
  const { message = String(error) } = error as Partial<Error>;
  if (error instanceof GPUOutOfMemoryError) {
    const fix = "use a smaller batch, fewer members or smaller layers";
    return new GpuOutOfMemory({ place, expected: "enough GPU memory", got: firstLine(message), fix, cause: error });
  }
  const got = error instanceof GPUError ? firstLine(message) : describeError(error);
  const fix = "please report this with the output of `thalweg doctor`";
  return new ShaderFailed({ place, expected: "calls that the device accepts", got, fix, cause: error });
}
