import type { GraphNetwork } from "../../../graph/graphNetwork.ts";
import type { Network } from "../../../graph/network.ts";
import type { GraphMemory, GraphMemoryRequest } from "./graphMemory.ts";
import type { GraphRunRequest } from "./graphRun.ts";
import type { traceGraph } from "./graphTrace.ts";
import type { PlannedRun } from "./planner.ts";

/** A graph with the code that plans and computes graphs on a GPU. */
export interface GraphPart {
  readonly network: GraphNetwork;
  /** Its dense layers, for what sizes and computes products. */
  readonly layers: Network;
  /** Why the graph does not run on a GPU, in words that follow "got"; undefined where it does. */
  readonly whyNot: string | undefined;
  readonly plan: (request: GraphRunRequest) => PlannedRun;
  readonly trace: typeof traceGraph;
  /** Rows that its nodes can take at once. */
  readonly rowsThatFit: (request: Pick<GraphMemoryRequest, "device" | "members">) => number;
  readonly createMemory: (request: Omit<GraphMemoryRequest, "network">) => GraphMemory;
}

/** Loads that code: a page whose networks are lists of dense layers does not download it. */
export async function openGraph(network: GraphNetwork): Promise<GraphPart> {
  const { denseLayersOf, GraphMemory, rowsThatFit, whyNotOnGpu } = await import("./graphMemory.ts");
  const { planGraphRun } = await import("./graphRun.ts");
  const { traceGraph } = await import("./graphTrace.ts");
  const whyNot = whyNotOnGpu(network);
  return {
    network,
    layers: denseLayersOf(network),
    whyNot,
    plan: planGraphRun,
    trace: traceGraph,
    rowsThatFit: (request) => rowsThatFit(request, network),
    createMemory: (request) => new GraphMemory({ ...request, network }),
  };
}
