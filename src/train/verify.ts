import type { Dataset, Executor, FloatArray } from "../executor.ts";
import type { LayerShape, Network } from "../network.ts";
import { createReference } from "../plan/choose.ts";
import type { Model } from "./model.ts";
import { planTraining, type TrainOptions } from "./options.ts";

export interface VerifyRequest {
  /** Parameters before the first step [replicas, parameterCount]. */
  readonly initialParameters: FloatArray;
  readonly data: Dataset;
  /** Options of the training that `model` went through. */
  readonly options: TrainOptions;
  /** Steps that were done; default all of `options`. */
  readonly steps?: number;
}

/** A trained model held against the float64 reference that took the same steps. */
export interface Verification {
  /** Largest |parameter − reference|, relative to the largest |reference|. */
  readonly deviation: number;
  readonly bound: number;
  readonly passed: boolean;
  /** ‖parameters − reference‖ / ‖reference‖. */
  readonly normDeviation: number;
  /** The parameter that deviates most. */
  readonly worst: { readonly name: string; readonly value: number; readonly reference: number };
  /** One sentence: where the bound comes from. */
  readonly reason: string;
}

/** Beyond this a comparison of parameters says nothing, however sensitive the run is. */
const largestBound = 1e-2;

/** `layers.0.weights[1, 2]`: the parameter at an index of the flat buffer. */
function parameterName(network: Network, index: number): string {
  const within = index % network.parameterCount;
  const layer = network.layers.findLast(({ weightsOffset }) => weightsOffset <= within) as LayerShape;
  const replica = index >= network.parameterCount ? `replica ${Math.floor(index / network.parameterCount)} ` : "";
  if (within >= layer.biasOffset) return `${replica}layers.${layer.index}.bias[${within - layer.biasOffset}]`;
  const entry = within - layer.weightsOffset;
  return `${replica}layers.${layer.index}.weights[${Math.floor(entry / layer.fanOut)}, ${entry % layer.fanOut}]`;
}

/** Parameters after the same steps in float64. */
async function referenceParameters(executor: Executor, request: VerifyRequest): Promise<Float64Array> {
  const { settings, totalSteps } = planTraining(executor.network, request.data, request.options);
  executor.writeParameters(request.initialParameters);
  const run = await executor.createRun(settings);
  await run.execute(0, request.steps ?? totalSteps);
  return Float64Array.from(await executor.readParameters());
}

/**
 * How far float64 itself drifts when the initial parameters are moved by one f32 rounding each: what rounding alone does to
 * this very run. A float32 run rounds at every step, so that it may drift by a multiple that grows with the root of the steps.
 */
function nudged(parameters: FloatArray): Float64Array {
  return Float64Array.from(parameters, (value, index) => value * (1 + (index % 2 === 0 ? 2 ** -24 : -(2 ** -24))));
}

const largest = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/**
 * Repeats a training in float64 with the same data, order and initial parameters, and compares the parameters.
 * The bound: one f32 rounding per step that adds up like a random walk, amplified as this run amplifies a rounding of its start.
 */
export async function verifyTraining(model: Model, request: VerifyRequest): Promise<Verification> {
  const { network, replicas } = model;
  const executor = createReference(network, replicas);
  const reference = await referenceParameters(executor, request);
  const initialParameters = nudged(request.initialParameters);
  const moved = await referenceParameters(executor, { ...request, initialParameters });
  const values = await model.readParameters();
  const scale = largest(reference);
  const drift = largest(moved.map((value, index) => value - reference[index]!)) / scale;
  const deviations = Float64Array.from(values, (value, index) => value - reference[index]!);
  const deviation = largest(deviations) / scale;
  const at = deviations.findIndex((value) => Math.abs(value) === deviation * scale);
  const { totalSteps } = planTraining(network, request.data, request.options);
  const steps = request.steps ?? totalSteps;
  const bound = Math.min(largestBound, 16 * Math.sqrt(steps) * Math.max(drift, 2 ** -24));
  return {
    deviation,
    bound,
    passed: deviation <= bound,
    normDeviation: norm(deviations) / norm(reference),
    worst: { name: parameterName(network, Math.max(0, at)), value: values[at]!, reference: reference[at]! },
    reason: `${steps} steps of float32 rounding, each amplified at most as this run amplifies a rounding of its start`,
  };
}
