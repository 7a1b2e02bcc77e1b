import type { Trace } from "../backend/executor.ts";
import type { LayerShape } from "../graph/network.ts";
import { activationFormulas } from "./activationFormulas.ts";
import { evaluate, symbol } from "./expression.ts";
import type { Leaf } from "./expression.ts";
import { lossFormulas } from "./lossFormulas.ts";
import type { Output } from "./lossFormulas.ts";
import { indexed, lossDerivative, named, texName } from "./names.ts";
import type { NodeNames, ParameterName } from "./names.ts";
import type { StepOptions } from "./stepLine.ts";

/** What the GPU has of one node. */
interface DeviceNode {
  readonly preActivation: number;
  readonly activation: number;
  readonly dPreActivation: number;
}

/** The symbols of one node: z, a, ∂L/∂a, a′ and δ = ∂L/∂z. */
export interface NodeSymbols {
  readonly preActivation: Leaf;
  readonly activation: Leaf;
  readonly dActivation: Leaf;
  readonly slope: Leaf;
  readonly dPreActivation: Leaf;
  readonly device?: DeviceNode;
}

/** One parameter before and after the update, and ∂L by it. */
interface ParameterSymbols {
  readonly before: Leaf;
  readonly gradient: Leaf;
  readonly after: number;
  readonly deviceBefore?: number;
  readonly deviceGradient?: number;
  readonly deviceAfter?: number;
}

/** All symbols of a step with their values. */
export interface StepSymbols {
  readonly inputs: readonly Leaf[];
  readonly targets: readonly Leaf[];
  readonly learningRate: Leaf;
  readonly outputs: readonly Output[];
  readonly layers: readonly (readonly NodeSymbols[])[];
  /** In the flat layout of `network.ts`. */
  readonly parameters: readonly ParameterSymbols[];
  readonly loss: { readonly value: Leaf; readonly device?: number };
  /** What the nodes of a layer sum up: inputs, or activations of the layer before. */
  readonly sources: (layer: number) => readonly Leaf[];
  readonly weight: (shape: LayerShape, from: number, to: number) => Leaf;
  readonly bias: (shape: LayerShape, to: number) => Leaf;
}

function readParameter({ index, name }: ParameterName, reference: Trace, device?: Trace): ParameterSymbols {
  const before = named(name, reference.before[index]!);
  return {
    before,
    gradient: lossDerivative(before, reference.gradients[index]!),
    after: reference.after[index]!,
    ...(device && {
      deviceBefore: device.before[index]!,
      deviceGradient: device.gradients[index]!,
      deviceAfter: device.after[index]!,
    }),
  };
}

/** z and a of every node. */
const readActivations = (trace: Trace, { nodes }: NodeNames): { z: Leaf; a: Leaf; name: string }[][] =>
  nodes.map((layer, index) =>
    layer.map((name, node) => ({
      name,
      z: indexed("z", name, trace.preActivations[index]![node]!),
      a: indexed("a", name, trace.activations[index]![node]!),
    })),
  );

const readDeviceNode = (trace: Trace, layer: number, node: number): DeviceNode => ({
  preActivation: trace.preActivations[layer]![node]!,
  activation: trace.activations[layer]![node]!,
  dPreActivation: trace.dPreActivations[layer]![node]!,
});

/** ∂L/∂a of a hidden node: Σ δ·w over the nodes that it feeds. */
function dActivationOf(next: LayerShape, { before, dPreActivations }: Trace, node: number): number {
  let total = 0;
  for (let to = 0; to < next.fanOut; to += 1) {
    total += before[next.weightsOffset + node * next.fanOut + to]! * dPreActivations[next.index]![to]!;
  }
  return total;
}

/** Reads every symbol's value out of the traces; ∂L/∂a and a′, which no trace holds, follow by their formulas. */
export function readSymbols(options: StepOptions, names: NodeNames, parameters: readonly ParameterName[]): StepSymbols {
  const { network, reference, device, input, target } = options;
  const inputs = names.inputs.map((name, index) => named(name, input[index]!));
  const targets = names.targets.map((name, index) => named(name, target[index]!));
  const read = readActivations(reference, names);
  const outputs = read.at(-1)!.map(({ name, a }, index) => ({ name, activation: a, target: targets[index]! }));
  const { dOutputs } = lossFormulas(network.loss, outputs);
  const layers = network.layers.map(({ index: layer, activation: kind }) =>
    read[layer]!.map(({ name, z, a }, node): NodeSymbols => {
      const next = network.layers[layer + 1];
      const dActivation = next ? dActivationOf(next, reference, node) : evaluate(dOutputs[node]!.formula);
      return {
        preActivation: z,
        activation: a,
        dActivation: lossDerivative(a, dActivation),
        slope: symbol(`a′_${name}`, `a'_{${texName(name)}}`, evaluate(activationFormulas(kind).slope(z, a).formula)),
        dPreActivation: indexed("δ", name, reference.dPreActivations[layer]![node]!, "\\delta"),
        ...(device && { device: readDeviceNode(device, layer, node) }),
      };
    }),
  );
  const byIndex: ParameterSymbols[] = [];
  for (const parameter of parameters) byIndex[parameter.index] = readParameter(parameter, reference, device);
  return {
    inputs,
    targets,
    learningRate: symbol("η", "\\eta", options.learningRate),
    outputs,
    layers,
    parameters: byIndex,
    loss: { value: named("L", reference.losses[0]!), ...(device && { device: device.losses[0]! }) },
    sources: (layer) => (layer === 0 ? inputs : layers[layer - 1]!.map(({ activation }) => activation)),
    weight: ({ weightsOffset, fanOut }, from, to) => byIndex[weightsOffset + from * fanOut + to]!.before,
    bias: ({ biasOffset }, to) => byIndex[biasOffset + to]!.before,
  };
}
