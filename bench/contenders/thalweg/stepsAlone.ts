import { version } from "../../../package.json";
import { acquireDevice } from "../../hosts/acquireDevice.ts";
import { CannotTakePart, type Contender } from "../../race/contract.ts";
import { createSteps } from "./thalwegSteps.ts";

/** thalweg's training steps and nothing else: what an older revision of src/ is raced by, since little of it is used. */
export const stepsAlone: Contender = {
  version,
  createEntry: async (workload, start) => {
    if (workload.kind === "step") return createSteps(await acquireDevice(), workload, start);
    throw new CannotTakePart("revisions are compared by training steps");
  },
};
