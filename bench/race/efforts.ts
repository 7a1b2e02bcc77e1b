import type { Effort } from "./host.ts";

/** What is kept and published. */
export const full: Effort = {
  blocks: 10,
  blockMs: 100,
  warmUp: { rounds: 20, ms: 200 },
  contenderMs: 5000,
  leastBlocks: 3,
  slowestRoundMs: 2000,
  referenceMs: 5000,
  auditMs: 800,
  patienceMs: 45_000,
  fewPoints: false,
};

/** Enough to see whether everyone computes the right numbers, and roughly how fast. */
export const quick: Effort = {
  blocks: 4,
  blockMs: 50,
  warmUp: { rounds: 5, ms: 50 },
  contenderMs: 2000,
  leastBlocks: 2,
  slowestRoundMs: 1000,
  referenceMs: 3000,
  auditMs: 300,
  patienceMs: 60_000,
  fewPoints: true,
};
