import { parametersOf } from "../graph/graphNetwork.ts";
import type { ParameterShape } from "../graph/graph.ts";
import { nameOf, takesLogits } from "../graph/network.ts";
import { finiteParameters, type ModelToSave, requireValueCount, valuesOfMembers } from "./modelFile.ts";
import { encodeOnnxGraph, type OnnxGraph, type OnnxInitializer } from "./onnxGraph.ts";
import { constantsOf, onnxNodes } from "./onnxNodes.ts";

/** A model as it is written to an ONNX file. */
export interface OnnxModel extends Pick<ModelToSave, "network" | "members" | "parameters"> {
  /** What the inputs are, for whoever reads the file: kept in its metadata. */
  readonly inputNames?: readonly string[];
}

/** Of 2020: what reads ONNX at all reads these. */
const operatorSet = 13;
const irVersion = 7;

/** A parameter; of members with their axis in front, vectors as one row. */
function initializerOf(part: ParameterShape, model: OnnxModel, parameters: Float32Array): OnnxInitializer {
  const { name, shape } = part;
  const { members } = model;
  const ofMembers = shape.length === 1 ? [members, 1, ...shape] : [members, ...shape];
  return { name, shape: members === 1 ? shape : ofMembers, values: valuesOfMembers(part, model, parameters) };
}

function graphOfModel(model: OnnxModel, parameters: Float32Array): OnnxGraph {
  const { network, members } = model;
  const isProbable = takesLogits(network.loss);
  const outputsName = isProbable ? "logits" : "outputs";
  const nodes = onnxNodes(network, members, "inputs", outputsName);
  const operator = network.loss === "binaryCrossEntropy" ? "Sigmoid" : "Softmax"; // Softmax over the last axis
  if (isProbable) nodes.push({ operator, inputs: [outputsName], output: "probabilities" });
  const shape = [...(members === 1 ? [] : [members]), "rows", network.outputs];
  return {
    name: "network",
    nodes,
    initializers: [
      ...parametersOf(network).map((part) => initializerOf(part, model, parameters)),
      ...constantsOf(nodes),
    ],
    inputs: [{ name: "inputs", shape: ["rows", network.inputs] }],
    outputs: [outputsName, ...(isProbable ? ["probabilities"] : [])].map((name) => ({ name, shape })),
  };
}

/**
 * Bytes of an ONNX file of operators 13, float32: `inputs` [rows, network.inputs] to `outputs` [rows, network.outputs], or,
 * where the loss takes logits, to `logits` and `probabilities`; of several members [members, rows, network.outputs]. Any network;
 * dropout drops nothing.
 * @throws InvalidInput when a parameter is not finite, when there are too few or too many, and beyond 2 GiB
 */
export function encodeOnnx(model: OnnxModel): Uint8Array<ArrayBuffer> {
  requireValueCount("encodeOnnx", model);
  const parameters = finiteParameters("encodeOnnx", model.parameters);
  const metadata = new Map<string, string>([["loss", nameOf(model.network.loss)]]);
  if (model.inputNames) metadata.set("inputs", JSON.stringify(model.inputNames));
  return encodeOnnxGraph(graphOfModel(model, parameters), { producer: "thalweg", operatorSet, irVersion, metadata });
}
