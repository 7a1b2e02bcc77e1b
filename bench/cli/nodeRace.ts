import { fork } from "node:child_process";
import { join } from "node:path";
import { createNodeHost } from "../hosts/nodeHost.ts";
import type { RaceEvents } from "../hosts/raceEvents.ts";
import type { RaceRequest } from "../race/host.ts";
import type { RaceRecord } from "../race/record.ts";
import { runRaces } from "../race/runRaces.ts";

const entry = join(import.meta.dirname, "..", "run.mjs");

/**
 * Races in Node.
 * @param bundle what the processes of contenders run
 */
export function raceInNode(
  bundle: string,
  request: RaceRequest,
  { signal, onProgress }: RaceEvents,
): Promise<RaceRecord> {
  const host = createNodeHost(() => fork(entry, ["child", bundle], { serialization: "advanced" }));
  return runRaces(request, host, { signal, onProgress });
}
