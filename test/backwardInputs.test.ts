import fc from "fast-check";
import { expect, test } from "vitest";
import { activateDerivative } from "../src/backend/cpu/activation.ts";
import { backwardInputs } from "../src/backend/cpu/backwardInputs.ts";
import { type ActivationName } from "../src/graph/network.ts";
import { savesPreActivation } from "../src/math/scalarFunction.ts";
import {
  kernelName,
  valueInvocations,
  type LayerVariant,
  variantConstants,
  weightsAlignment,
} from "../src/backend/webgpu/matmulVariants.ts";
import { layerBlock } from "../src/backend/webgpu/strategies/uniforms.ts";
import { poisoned, requireWithin, roundoff, sumBound, untouched } from "./support/compare.ts";
import { memberPart, runKernel, stepSlot } from "./support/kernelRun.ts";
import { randomFloats } from "./support/random.ts";
import {
  cases,
  lastLayer,
  middleLayer,
  oddSizes,
  memberCounts,
  variants,
  gradientColumnsOf,
} from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

interface Case {
  readonly rows: number;
  readonly fanIn: number;
  readonly fanOut: number;
  readonly members: number;
  /** Activation of the layer before. */
  readonly activation: ActivationName;
  /** The last layer: one more column in dOutputs, which must not be read. */
  readonly isLast: boolean;
}

/** The slope's own error: test/activation.test.ts holds it to 4e-7 relative and 2e-7 absolute. */
const slopeBound = (slope: number): number => 4e-7 * Math.abs(slope) + 2e-7;

async function tryBackwardInputs(variant: LayerVariant, one: Case): Promise<number> {
  const { rows, fanIn, fanOut, members, activation, isLast } = one;
  const { network, layer } = (isLast ? lastLayer : middleLayer)(fanIn, fanOut);
  const capacity = rows + 2;
  const columns = gradientColumnsOf(network, layer);
  expect(columns).toBe(isLast ? fanOut + 1 : fanOut);
  const parameters = randomFloats(3, members * network.parameterCount);
  const dOutputs = randomFloats(4, members * capacity * columns);
  if (isLast) for (let at = fanOut; at < dOutputs.length; at += columns) dOutputs[at] = Number.NaN;
  // The plane that is not asked for holds NaN.
  const plane = members * capacity * fanIn;
  const saved = randomFloats(5, 2 * plane, 1).fill(
    Number.NaN,
    ...(savesPreActivation(activation) ? [0, plane] : [plane]),
  );
  const firstSaved = savesPreActivation(activation) ? plane : 0;
  const wanted = untouched(plane + 64);
  for (let member = 0; member < members; member++) {
    const ownParameters = memberPart(parameters, member, network.parameterCount);
    const own = memberPart(dOutputs, member, capacity * columns);
    const gradients = own.filter((_, at) => at % columns < fanOut);
    const dInputs = new Float64Array(rows * fanIn);
    backwardInputs({ layer, batchSize: rows, dOutputs: gradients, parameters: ownParameters, dInputs });
    for (let at = 0; at < rows * fanIn; at++) {
      const index = member * capacity * fanIn + at;
      const weights = layer.weightsOffset + (at % fanIn) * fanOut;
      let magnitude = 0;
      for (let column = 0; column < fanOut; column++) {
        magnitude += Math.abs(gradients[Math.floor(at / fanIn) * fanOut + column]! * ownParameters[weights + column]!);
      }
      const slope = activateDerivative(activation, saved[firstSaved + index]!);
      const value = dInputs[at]! * slope;
      wanted.values[index] = value;
      wanted.bounds[index] =
        sumBound(fanOut, magnitude) * Math.abs(slope) +
        (activation === "identity" ? 0 : Math.abs(dInputs[at]!) * slopeBound(slope)) +
        roundoff * Math.abs(value);
    }
  }
  const [, , , dInputs] = await runKernel(device(), {
    name: kernelName("backwardInputs", variant),
    functions: { activation },
    constants: {
      SAVED_PLANE: savesPreActivation(activation) ? 1 : 0,
      ...variantConstants(variant, device().kind, weightsAlignment("columns", layer, network, members)),
    },
    step: stepSlot({ network, rows }),
    uniform: layerBlock({
      network,
      layer,
      gradientColumns: gradientColumnsOf(network, layer),
      members,
      capacity,
      sharesInputs: false,
      splits: 1,
    }),
    storage: [dOutputs, parameters, saved, poisoned(wanted.values.length), parameters],
    invocations: valueInvocations(variant, rows, fanIn),
    members,
  });
  const shape = `backwardInputs ${variant} ${activation} [${rows}, ${fanOut}] → ${fanIn}, ${members} members${isLast ? ", last" : ""}`;
  return requireWithin(shape, dInputs!, wanted);
}

const someCase = fc.record({
  rows: oddSizes,
  fanIn: oddSizes,
  fanOut: oddSizes,
  members: memberCounts,
  activation: fc.constantFrom<ActivationName>("identity", "tanh", "silu"),
  isLast: fc.boolean(),
});
const plain = { members: 1, activation: "identity", isLast: false } as const;
const large: Case[] = [
  { ...plain, rows: 3, fanIn: 7, fanOut: 4096 },
  { ...plain, rows: 2, fanIn: 33, fanOut: 784, members: 2, isLast: true },
  { ...plain, rows: 1, fanIn: 4097, fanOut: 1 },
  { ...plain, rows: 1027, fanIn: 1, fanOut: 3 },
  { ...plain, rows: 33, fanIn: 12, fanOut: 36, members: 2, activation: "silu" },
  { ...plain, rows: 20, fanIn: 16, fanOut: 8, isLast: true },
];

test.each(variants)("backwardInputs, %s, agrees with float64 over odd shapes", async (variant) => {
  let worst = 0;
  const attempt = async (one: Case) => {
    worst = Math.max(worst, await tryBackwardInputs(variant, one));
  };
  const examples = large.map((one): [Case] => [one]);
  await fc.assert(fc.asyncProperty(someCase, attempt), cases(150, examples));
  console.log(`backwardInputs, ${variant}: largest error ${worst.toFixed(3)} of its bound`);
});
