import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { ReferenceExecutor } from "./cpu/executor.ts";
import type { Reference } from "./executor.ts";

/** The float64 reference of a network, whatever device there is. */
export const createReference = (network: AnyNetwork, members: number): Reference =>
  new ReferenceExecutor(network, members);
