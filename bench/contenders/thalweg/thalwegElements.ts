import activation from "../../../shaders/activation.wgsl?raw";
import step from "../../../shaders/step.wgsl?raw";
import type { BufferOwner } from "../../../src/gpu/bufferOwner.ts";
import type { GpuDevice } from "../../../src/gpu/device.ts";
import { createDispatch, createKernel, type KernelSource } from "../../../src/gpu/kernel.ts";
import { activationNumber, stepWindow } from "../../../src/plan/layeredDispatches.ts";
import { stepStride } from "../../../src/plan/uniforms.ts";
import type { Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { ElementWorkload } from "../../race/workload.ts";
import elements from "./elements.wgsl?raw";
import { createRounds, type Rounds } from "./thalwegRounds.ts";
import { uploadSlots, valueFlops } from "./thalwegUniforms.ts";

/** No kernel of the library computes an activation alone: this one applies the functions that they all share. */
const source: KernelSource = {
  name: "elements",
  code: [step, activation, elements].join("\n"),
  bindings: ["step", "write"],
};

/** Fours of values. */
interface Stretch {
  readonly first: number;
  readonly count: number;
}

/** As many as one dispatch may take. */
function stretchesOf(device: GpuDevice, count: number): Stretch[] {
  const most = Math.floor(device.dispatchFlops / (4 * valueFlops));
  return Array.from({ length: Math.ceil(count / most) }, (_, index) => {
    return { first: index * most, count: Math.min(most, count - index * most) };
  });
}

async function build(
  device: GpuDevice,
  owner: BufferOwner,
  { operation, count }: ElementWorkload,
  start: Start,
): Promise<Omit<Rounds, "owner">> {
  const kernel = await createKernel(device, source, {
    ACTIVATION: activationNumber("sigmoid"),
    DERIVATIVE: operation === "sigmoid" ? 0 : 1,
  });
  const fours = Math.ceil(count / 4);
  const stretches = stretchesOf(device, fours);
  const words = stretches.map(({ first, count: own }) => Uint32Array.of(first, own));
  const slots = uploadSlots(device, owner, words);
  const values = owner.storage("values", 4 * fours);
  const dispatch = createDispatch(device, kernel, {
    label: operation,
    bound: [stepWindow(slots), values],
    invocations: (rows) => rows,
    replicas: 1,
  });
  const calls = stretches.map(({ count: rows }, index) => ({ dispatch, rows, stepOffset: index * stepStride }));
  return {
    states: [values, values],
    calls: [calls, calls],
    work: valueFlops * count,
    start: start.state,
    extract: (all) => all,
    settings: { dispatches: stretches.length },
  };
}

/** One element-wise function, in place. */
export const createElements = (device: GpuDevice, workload: ElementWorkload, start: Start): Promise<Entry> =>
  createRounds(device, (owner) => build(device, owner, workload, start));
