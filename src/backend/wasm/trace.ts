import { deriveStep } from "../../graph/derive.ts";
import { denseShapesOf, graphOf } from "../../graph/graphNetwork.ts";
import type { Trace } from "../executor.ts";
import { type LayeredRequest, WasmRun } from "./run.ts";

/** One step over the data as one batch, with every value that it computes. */
export async function traceStep(
  request: LayeredRequest & { readonly requireAlive: () => void },
): Promise<Omit<Trace, "before" | "after">> {
  const { network, settings } = request;
  const rows = settings.batchSize;
  const run = await WasmRun.create(request);
  try {
    await run.execute(0, 1);
    const step = deriveStep(graphOf(network));
    const layers = denseShapesOf(step);
    return {
      preActivations: layers.map(({ node }) => run.readNode(node, rows)),
      activations: layers.map(({ activated }) => run.readNode(activated, rows)),
      dPreActivations: layers.map(({ node }) => run.readNode(step.gradientOf[node]!, rows)),
      gradients: run.readGradients(),
      losses: await run.readLosses(0, 1),
    };
  } finally {
    run.dispose();
  }
}
