import { readStretches } from "../gpu/bufferOwner.ts";
import type { GpuDevice } from "../gpu/device.ts";

// What any run on a GPU tells of itself: losses in a ring, and the first step whose numbers were not finite.

/** Status of a replica whose numbers are finite. */
const noStep = 0xffffffff;

interface Request {
  readonly device: GpuDevice;
  readonly replicas: number;
}

interface Ring {
  /** [ringSteps, replicas]. */
  readonly losses: GPUBuffer;
  readonly ringSteps: number;
}

/** Losses [count, replicas] from `firstStep`; waits for the work. */
export async function readLossRing(
  { device, replicas }: Request,
  { losses: buffer, ringSteps }: Ring,
  firstStep: number,
  count: number,
): Promise<Float32Array> {
  const first = firstStep % ringSteps;
  const head = Math.min(count, ringSteps - first);
  const stretches = [{ buffer, first: first * replicas, length: head * replicas }];
  if (count > head) stretches.push({ buffer, first: 0, length: (count - head) * replicas });
  return new Float32Array(await readStretches(device, "training: losses", stretches));
}

/** Per replica, the first step that was not finite; −1 where there was none. Waits for the work. */
export async function readNonFinite(
  { device, replicas }: Request,
  { nonFinite: buffer }: { readonly nonFinite: GPUBuffer },
): Promise<Float64Array> {
  const stretch = { buffer, first: 0, length: replicas };
  const words = new Uint32Array(await readStretches(device, "training: status", [stretch]));
  return Float64Array.from(words, (step) => (step === noStep ? -1 : step));
}
