import { dataRowsOf, widestOptimizer } from "../../batches.ts";
import { InvalidInput } from "../../../errors.ts";
import { type StrategyName, strategyNames, type PlanReport } from "../../executor.ts";
import { fusedChain } from "../../../graph/graphNetwork.ts";
import { layeredOnly, searchesLine } from "../../../math/optimizerFunction.ts";
import { clipsNorm, drawsApart } from "./costConstants.ts";
import { type CostRequest, layeredStepMs } from "./costModel.ts";
import {
  fusedBytes,
  type FusedName,
  type FusedPlan,
  type FusedRequest,
  kernelsOfFused,
  maxStepsPerDispatch,
  planFused,
} from "./fusedPlan.ts";
import type { FusedRun } from "./fusedRun.ts";
import { layeredBytes, kernelsOf, layeredRequest, type RunRequest } from "./layeredPlan.ts";
import type { LayeredRun } from "./layeredRun.ts";
import { orthogonalKernels } from "./orthogonalPlan.ts";

/** A strategy that was chosen: what it will do, and how to begin. */
export interface PlannedRun {
  readonly report: PlanReport;
  /** @param parameters [members, parameterCount], updated by the run */
  create(parameters: GPUBuffer): Promise<LayeredRun | FusedRun>;
}

/** How each strategy computes steps: in a few words, and in a sentence. */
const descriptions: Readonly<Record<StrategyName, { readonly short: string; readonly sentence: string }>> = {
  layered: { short: "layer by layer", sentence: "layer by layer, the strategy for any size" },
  members: {
    short: "one thread per network",
    sentence: "one invocation trains a member, many steps in one dispatch",
  },
  subgroups: {
    short: "one subgroup per network",
    sentence: "the lanes of a subgroup train a member, many steps in one dispatch",
  },
  groups: {
    short: "one workgroup per network",
    sentence: "one workgroup trains a member, many steps in one dispatch",
  },
  samples: {
    short: "one thread per batch slice",
    sentence: "one invocation takes a slice of the batch through all layers",
  },
  tiles: {
    short: "one workgroup per batch tile",
    sentence: "one workgroup takes tiles of the batch through all layers",
  },
};

/** `layer by layer, fastest by estimate`: how and why in about six words. */
function summaryOf(strategy: StrategyName, others: number, { device, settings }: RunRequest): string {
  const why =
    settings.strategy === strategy ? "as requested" : others > 0 ? "fastest by estimate" : "the only one possible";
  const refused = [...device.refusals.keys()].join(", ");
  return `${descriptions[strategy].short}, ${why}${refused && `; the driver refused ${refused}`}`;
}

const show = (ms: number): string => `${Number(ms.toPrecision(2))} ms`;

/** `layered`, with what it costs beside the others: why a strategy was taken. */
function reasonOf(
  strategy: StrategyName,
  details: string,
  costs: ReadonlyMap<StrategyName, number>,
  { device, settings }: RunRequest,
): string {
  const others = [...costs].filter(([name]) => name !== strategy).toSorted(([, a], [, b]) => a - b);
  const compared = others.map(([name, ms]) => `${name} ${show(ms)}`).join(", ");
  const why =
    settings.strategy === strategy ? "as requested" : `about ${show(costs.get(strategy)!)} per step by the cost model`;
  const refused = [...device.refusals].map(([what, error]) => `; the driver refused ${what}: ${error}`);
  return `${descriptions[strategy].sentence}${details}; ${why}${compared && ` (${compared})`}${refused.join("")}`;
}

/** What the planner chooses among: the cost of each strategy that can take the run, and the fused plans. */
function candidatesOf({ device, network, members, settings }: RunRequest): {
  costs: Map<StrategyName, number>;
  fused: Map<StrategyName, FusedPlan>;
} {
  const { batchSize, activationStorage } = settings;
  const rowCount = dataRowsOf(settings, network);
  const step: CostRequest = { network, members, rowCount, batchSize, optimizer: widestOptimizer(settings) };
  const fused = new Map<StrategyName, FusedPlan>();
  const costs = new Map<StrategyName, number>([["layered", layeredStepMs(device, step)]]);
  const chain = layeredOnly(settings.optimizer) === undefined ? fusedChain(network) : undefined;
  for (const plan of chain ? planFused(device, { ...step, network: chain, activationStorage }) : []) {
    if (settings.strategy !== plan.strategy && device.refusals.has(plan.strategy)) continue;
    fused.set(plan.strategy, plan);
    costs.set(plan.strategy, plan.stepMs);
  }
  return { costs, fused };
}

function choose({ settings, network, members }: RunRequest, costs: ReadonlyMap<StrategyName, number>): StrategyName {
  const { strategy = "auto" } = settings;
  if (strategy === "auto") return [...costs].reduce((best, each) => (each[1] < best[1] ? each : best))[0];
  if (costs.has(strategy)) return strategy;
  const reason = layeredOnly(settings.optimizer);
  if (reason !== undefined) {
    const { name } = settings.optimizer;
    const expected = `auto or layered for ${name}, since ${reason}`;
    throw new InvalidInput({ place: "train: strategy", expected, got: strategy, fix: "leave strategy out" });
  }
  if (!fusedChain(network)) {
    throw new InvalidInput({
      place: "train: strategy",
      expected:
        "auto or layered for a network that is not a list of dense layers with or without dropout: the others are written for lists",
      got: strategy,
      fix: "leave strategy out",
    });
  }
  throw new InvalidInput({
    place: "train: strategy",
    expected: `one of ${["auto", ...strategyNames.filter((name) => costs.has(name))].join(", ")} for this network, batch and device`,
    got: `${strategy}, with ${network.parameterCount} parameters, ${members} members and batches of ${settings.batchSize}`,
    fix: "leave strategy out to let the planner choose",
  });
}

/** The kernels that end a step, behind those of the network. */
function endingOf({ device, network, members, settings }: RunRequest): string[] {
  const { optimizer } = settings;
  if (searchesLine(optimizer)) return ["lbfgs"];
  const clipping = clipsNorm(settings) ? ["gradientSquares"] : [];
  return [...clipping, ...orthogonalKernels(device, network, optimizer, members), "update"];
}

/** Why no other strategy can take a run. */
function onlyStrategy({ network, settings }: RunRequest): string {
  const reason = layeredOnly(settings.optimizer);
  if (reason !== undefined) return ` and the only one for ${settings.optimizer.name}, since ${reason}`;
  return fusedChain(network) ? "" : " and the only one for a network that is not a list of dense layers";
}

function planLayeredRun(request: RunRequest, costs: ReadonlyMap<StrategyName, number>): PlannedRun {
  const { members, settings, network } = request;
  const layered = layeredRequest(request);
  const { plan } = layered;
  const drawn = drawsApart(settings, network) ? ["sampleBatch"] : [];
  const kernels = [...drawn, ...kernelsOf(network, plan, endingOf(request))];
  const groups = Math.ceil(members / plan.groupMembers);
  const chunks = plan.chunks > 1 ? `, the batch in ${plan.chunks} chunks of ${plan.chunkRows} rows` : "";
  const grouped = groups > 1 ? `, the members in ${groups} groups of up to ${plan.groupMembers}` : "";
  const pages = plan.gathered ? ", rows gathered from several pages of data" : "";
  const only = onlyStrategy(request);
  const details = `${only}: ${groups * kernels.length} dispatches per step${chunks}${grouped}${pages}`;
  return {
    report: {
      machine: request.device.kind,
      strategy: "layered",
      summary: summaryOf("layered", costs.size - 1, request),
      reason: reasonOf("layered", details, costs, request),
      dispatchesPerStep: groups * kernels.length,
      stepsPerDispatch: 1,
      stepMs: costs.get("layered"),
      kernels,
      chunkRows: plan.chunkRows,
      bytes: layeredBytes(layered),
    },
    create: async (parameters) => {
      const { createLayeredRun } = await import("./layeredRun.ts");
      return createLayeredRun(layered, parameters);
    },
  };
}

function planFusedRun(request: FusedRequest, costs: ReadonlyMap<StrategyName, number>): PlannedRun {
  const { members, plan } = request;
  const { strategy, groupMembers, chunkRows, stepMs } = plan;
  const groups = Math.ceil(members / groupMembers);
  const kernels = kernelsOfFused(strategy, request.settings);
  const takesSteps = plan.workgroupMembers > 0;
  const stepsPerDispatch = takesSteps ? Math.min(maxStepsPerDispatch, plan.ringSteps) : 1;
  const grouped = groups > 1 ? `, the members in ${groups} groups of up to ${groupMembers}` : "";
  const details = takesSteps ? `, up to ${stepsPerDispatch}${grouped}` : `${grouped}, then the update`;
  return {
    report: {
      machine: request.device.kind,
      strategy,
      summary: summaryOf(strategy, costs.size - 1, request),
      reason: reasonOf(strategy, details, costs, request),
      dispatchesPerStep: (groups * kernels.length) / stepsPerDispatch,
      stepsPerDispatch,
      stepMs,
      kernels,
      chunkRows,
      bytes: fusedBytes(request),
    },
    create: async (parameters) => {
      const { createFusedRun } = await import("./fusedRun.ts");
      return createFusedRun(request, parameters);
    },
  };
}

/**
 * Chooses the strategy of a run: the requested one, or the cheapest by the cost model.
 * @throws InvalidInput when the requested strategy cannot take the run; LimitExceeded when none can
 */
export function planRun(request: RunRequest): PlannedRun {
  const { costs, fused } = candidatesOf(request);
  const strategy = choose(request, costs);
  const plan = fused.get(strategy as FusedName);
  const chain = fusedChain(request.network);
  return plan && chain ? planFusedRun({ ...request, network: chain, plan }, costs) : planLayeredRun(request, costs);
}
