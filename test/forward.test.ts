import fc from "fast-check";
import { expect, test } from "vitest";
import { rowsOf } from "../src/backend/batches.ts";
import { forward } from "../src/backend/cpu/forward.ts";
import { type ActivationName, type LayerShape } from "../src/graph/network.ts";
import { savesPreActivation } from "../src/math/scalarFunction.ts";
import {
  kernelName,
  valueInvocations,
  type LayerVariant,
  variantConstants,
  weightsAlignment,
} from "../src/backend/webgpu/matmulVariants.ts";
import { layerBlock } from "../src/backend/webgpu/strategies/uniforms.ts";
import { poisoned, requireWithin, roundoff, sumBound, untouched, type Wanted } from "./support/compare.ts";
import { batchOf, memberPart, runKernel, stepSlot } from "./support/kernelRun.ts";
import { randomFloats } from "./support/random.ts";
import { cases, middleLayer, oddSizes, memberCounts, variants } from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

interface Case {
  readonly rows: number;
  readonly fanIn: number;
  readonly fanOut: number;
  readonly members: number;
  readonly activation: ActivationName;
  /** The layer reads the data set in the epoch's order; otherwise each member reads its own activations. */
  readonly draws: boolean;
}

/**
 * An activation passes an error on times its slope, which is at most 1.13 (gelu, at √2), and adds its own:
 * test/activation.test.ts holds that to 4e-7 relative and 1e-7 absolute.
 */
const activationBound = (bound: number, value: number): number => 1.13 * bound + 4e-7 * Math.abs(value) + 1e-7;

interface Place {
  readonly wanted: Wanted;
  /** Index of output [member, 0, 0], and distance of the planes. */
  readonly first: number;
  readonly plane: number;
}

/** What one member computes, with bounds: bias and K products make a sum of K + 1. */
function fill({ wanted, first, plane }: Place, layer: LayerShape, one: Omit<Parameters<typeof forward>[0], "layer">) {
  const { fanIn, fanOut, weightsOffset, biasOffset, activation } = layer;
  forward({ layer, ...one });
  for (let at = 0; at < one.batchSize * fanOut; at++) {
    const column = at % fanOut;
    const row = Math.floor(at / fanOut);
    let magnitude = Math.abs(one.parameters[biasOffset + column]!);
    for (let k = 0; k < fanIn; k++) {
      const input = one.inputs[(one.batchRows?.[row] ?? row) * fanIn + k]!;
      magnitude += Math.abs(input * one.parameters[weightsOffset + k * fanOut + column]!);
    }
    const bound = sumBound(fanIn + 1, magnitude);
    wanted.values[first + at] = one.outputs[at]!;
    wanted.bounds[first + at] = activation === "identity" ? bound : activationBound(bound, one.outputs[at]!);
    if (!savesPreActivation(activation)) continue;
    wanted.values[plane + first + at] = one.preActivations[at]!;
    wanted.bounds[plane + first + at] = bound + roundoff * Math.abs(one.preActivations[at]!);
  }
}

/** Runs one case. @returns the largest error in units of its bound */
async function tryForward(
  variant: LayerVariant,
  { rows, fanIn, fanOut, members, activation, draws }: Case,
): Promise<number> {
  const { network, layer } = middleLayer(fanIn, fanOut, activation);
  const capacity = rows + 3;
  const rowCount = draws ? 2 * rows + 29 : capacity;
  const step = { network, rows, rowCount, batchSize: rows + 2, shuffle: draws, step: 1, seed: 5 };
  const batch = { ...batchOf(step), batchSize: rows };
  const batchRows = draws ? rowsOf(batch) : undefined;
  const parameters = randomFloats(1, members * network.parameterCount);
  const inputs = randomFloats(2, (draws ? 1 : members) * rowCount * fanIn, 2);
  const plane = members * capacity * fanOut;
  const wanted = untouched(2 * plane + 64);
  for (let member = 0; member < members; member++) {
    fill({ wanted, first: member * capacity * fanOut, plane }, layer, {
      batchSize: rows,
      inputs: draws ? Float64Array.from(inputs) : memberPart(inputs, member, rowCount * fanIn),
      parameters: memberPart(parameters, member, network.parameterCount),
      preActivations: new Float64Array(rows * fanOut),
      outputs: new Float64Array(rows * fanOut),
      batchRows,
    });
  }
  const saves = savesPreActivation(activation);
  const [, , outputs, drawn] = await runKernel(device(), {
    name: kernelName("forward", variant),
    functions: { activation },
    constants: {
      ...variantConstants(variant, device().kind, weightsAlignment("rows", layer, network, members)),
      ROWS: draws ? 1 : 0,
      SHUFFLES: batchOf({ ...step, rows }).shuffled ? 1 : 0,
      SAVES_PRE_ACTIVATION: saves ? 1 : 0,
    },
    step: stepSlot({ ...step, rows }),
    uniform: layerBlock({ network, layer, members, capacity, sharesInputs: draws, splits: 1 }),
    storage: [inputs, parameters, poisoned(wanted.values.length), poisoned(capacity + 4), parameters],
    invocations: valueInvocations(variant, rows, fanOut),
    members,
  });
  const expectedRows = poisoned(capacity + 4);
  if (batchRows) expectedRows.set(batchRows);
  expect(drawn, "batchRows").toEqual(expectedRows);
  const shape = `forward ${variant} ${activation} [${rows}, ${fanIn}] → ${fanOut}, ${members} members${draws ? ", drawn" : ""}`;
  return requireWithin(shape, outputs!, wanted);
}

const someCase = fc.record({
  rows: oddSizes,
  fanIn: oddSizes,
  fanOut: oddSizes,
  members: memberCounts,
  activation: fc.constantFrom<ActivationName>("identity", "sigmoid", "gelu"),
  draws: fc.boolean(),
});
const plain = { members: 1, activation: "identity", draws: false } as const;
const large: Case[] = [
  { ...plain, rows: 5, fanIn: 4096, fanOut: 7 },
  { ...plain, rows: 2, fanIn: 784, fanOut: 33, members: 2 },
  { ...plain, rows: 1, fanIn: 1, fanOut: 4097 },
  { ...plain, rows: 1027, fanIn: 3, fanOut: 1 },
  { ...plain, rows: 33, fanIn: 12, fanOut: 36, members: 2, activation: "gelu" },
  { ...plain, rows: 20, fanIn: 16, fanOut: 8, draws: true },
];

test.each(variants)("forward, %s, agrees with float64 over odd shapes", async (variant) => {
  let worst = 0;
  const attempt = async (one: Case) => {
    worst = Math.max(worst, await tryForward(variant, one));
  };
  const examples = large.map((one): [Case] => [one]);
  await fc.assert(fc.asyncProperty(someCase, attempt), cases(150, examples));
  console.log(`forward, ${variant}: largest error ${worst.toFixed(3)} of its bound`);
});
