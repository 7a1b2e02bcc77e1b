// Runs of small networks in straight-line code, on one thread.

import type { RunSettings } from "../../src/backend/executor.ts";
import { FusedRun } from "../../src/backend/wasm/fusedRun.ts";
import { Heap } from "../../src/backend/wasm/heap.ts";
import { KernelCache } from "../../src/backend/wasm/kernelCache.ts";
import { ThreadPool } from "../../src/backend/wasm/pool.ts";
import type { Network } from "../../src/graph/network.ts";

/** Scratch of a thread: sums and the state of a group, of the largest networks below. */
const scratchBytes = 2 ** 18;

const pool = await ThreadPool.open({ heap: new Heap({ isShared: false }), threads: 1, scratchBytes });
const kernels = new KernelCache(pool);

export interface SmallTraining {
  readonly network: Network;
  readonly settings: RunSettings;
  /** Default: one, whose samples are in lanes. */
  readonly members?: number;
  /** [members, parameterCount] */
  readonly parameters: ArrayLike<number>;
  readonly useRelaxed: boolean;
}

export const createSmallRun = ({ members = 1, parameters, ...own }: SmallTraining): Promise<FusedRun> =>
  FusedRun.create({
    ...own,
    members,
    pool,
    kernels,
    parameters: Float32Array.from(parameters),
    requireAlive: () => {},
    ended: () => {},
  });
