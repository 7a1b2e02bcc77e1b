import { batchAt, optimizerOf, rowCountOf, rowsOf } from "../backend/batches.ts";
import { createReference } from "../backend/createReference.ts";
import type { FloatArray, RunSettings, Trace } from "../backend/executor.ts";
import type { ParameterShape } from "../graph/graph.ts";
import { type AnyNetwork, parametersOf } from "../graph/graphNetwork.ts";

// Where numbers stopped being finite: the step in which it happened is taken once more, value by value.

/** A member as it stopped. */
export interface StoppedMember {
  readonly network: AnyNetwork;
  readonly settings: RunSettings;
  readonly member: number;
  /** First step that was not finite. */
  readonly step: number;
  /** [parameterCount], as they were left. */
  readonly parameters: FloatArray;
  /** [states, members, parameterCount], as they were left, where they are known. */
  readonly moments?: FloatArray;
  /** Default: one. */
  readonly members?: number;
}

/** What float32 cannot hold: float64 may. */
const isBad = (value: number): boolean => !Number.isFinite(Math.fround(value));

const rowsOfValues = (values: FloatArray, rows: Uint32Array, width: number): Float64Array => {
  const picked = new Float64Array(rows.length * width);
  for (const [at, row] of rows.entries()) picked.set(values.subarray(row * width, (row + 1) * width), at * width);
  return picked;
};

const nameOfGroup = (parts: readonly ParameterShape[], at: number): string =>
  parts.find(({ offset, size }) => at >= offset && at < offset + size)?.name ?? "a parameter";

function traceOf({ network, settings, member, step, parameters }: StoppedMember): Trace {
  const rowCount = rowCountOf(settings, network);
  const rows = rowsOf(batchAt(settings, rowCount, step, member));
  const { inputs, targets } = settings.data;
  const batch = {
    inputs: rowsOfValues(inputs, rows, network.inputs),
    targets: rowsOfValues(targets, rows, targets.length / rowCount),
  };
  const reference = createReference(network, 1);
  reference.writeParameters(parameters);
  return reference.traceNow(batch, optimizerOf(settings, member));
}

/** The last value of its kind that is not finite, as a group of parameters: gradients are made from the last layer to the first. */
function lastBadGroup(parts: readonly ParameterShape[], values: FloatArray): string | undefined {
  const at = values.findLastIndex(isBad);
  return at < 0 ? undefined : nameOfGroup(parts, at);
}

/** Parameter with a moment that is not finite. */
function badMomentOf({ network, member, members = 1, moments }: StoppedMember): number | undefined {
  if (moments === undefined) return undefined;
  const count = network.parameterCount;
  for (let from = member * count; from < moments.length; from += members * count) {
    for (let at = 0; at < count; at++) if (isBad(moments[from + at]!)) return at;
  }
  return undefined;
}

/**
 * The first group of parameters or layer with a value that is not finite, in the order in which a step computes them: `layers.1.weights`,
 * `the outputs of layers.1`, `the gradient of layers.1.weights`, `the update of layers.1.weights`; then what the optimizer kept, `the moments of
 * layers.1.weights`. Undefined where float64, dropout or moments that are not known make the step another one.
 */
export function nonFiniteLayer(stopped: StoppedMember): string | undefined {
  const parts = parametersOf(stopped.network);
  const at = stopped.parameters.findIndex(isBad);
  if (at >= 0) return nameOfGroup(parts, at);
  const trace = traceOf(stopped);
  const layers = parts.filter(({ name }) => name.endsWith(".weights"));
  const layer = trace.activations.findIndex(
    (values, index) => trace.preActivations[index]!.some(isBad) || values.some(isBad),
  );
  if (layer >= 0) return `the outputs of ${layers[layer]?.name.replace(/\.weights$/, "") ?? `dense layer ${layer}`}`;
  if (trace.losses.some(isBad)) return "the loss";
  const gradient = lastBadGroup(parts, trace.gradients);
  if (gradient !== undefined) return `the gradient of ${gradient}`;
  const updated = trace.after.findIndex(isBad);
  if (updated >= 0) return `the update of ${nameOfGroup(parts, updated)}`;
  const squared = lastBadGroup(
    parts,
    trace.gradients.map((value) => value ** 2),
  ); // as optimizers keep them
  if (squared !== undefined) return `the squared gradient of ${squared}`;
  const kept = badMomentOf(stopped);
  return kept === undefined ? undefined : `the moments of ${nameOfGroup(parts, kept)}`;
}
