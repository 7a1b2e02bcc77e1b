// Keeps the newest state of a training in the browser, and makes a start from one that was kept.

import { network } from "../../index.ts";
import { RunKeeper } from "../restore/runKeeper.ts";
import { keptOf, type SavedRun, type SessionStart, startOf } from "../restore/savedRun.ts";
import type { Split } from "./datasets.ts";
import { networkOf, pointsOf } from "./setup.ts";
import { decodeState, encodeState, type PlaygroundState } from "./state.ts";
import type { Snapshot } from "./weightFiles.ts";

export interface RestoredRun {
  readonly state: PlaygroundState;
  readonly split: Split;
  readonly start: SessionStart;
}

/** @throws Error where the parameters are of another network */
function restoredRun(run: SavedRun): RestoredRun {
  const { state } = decodeState(new URLSearchParams(run.query));
  return { state, split: pointsOf(state), start: startOf(run, network(networkOf(state)).parameterCount) };
}

/** @param take the network as it is now; undefined before the first frame */
export function createKeeper(take: () => Snapshot | undefined, goOn: (run: RestoredRun) => void): RunKeeper {
  const read = () => {
    const now = take();
    return now && { query: encodeState(now.state).toString(), ...keptOf({ ...now, state: now.trainingState }) };
  };
  return new RunKeeper({ view: "playground", read, goOn: (run) => goOn(restoredRun(run)) });
}
