// What the playground's worker computes for a frame, and sends.

import {
  acquire,
  type AnyNetwork,
  createModel,
  type Dataset,
  dense,
  type FloatArray,
  type Model,
  network,
  type Network,
  sgd,
  takesLogits,
  type Checkpoint,
} from "../../index.ts";
import type { FrameContext, Rendered } from "../worker/frame.ts";
import type { FeatureName } from "./features.ts";
import { drawnUnits } from "./fold.ts";
import { gridRows, mapCells } from "./grid.ts";
import { type NeuronState, neuronStateOf } from "./neuronStates.ts";

/** Cells of the large surface, each way; while training continues and they take long, half as many. */
const surfaceCells = 100;
/** Time that a surface may take while training continues, for ten frames a second. */
const surfaceMs = 45;
/** Most points that are used to see whether a neuron learns. */
const mostStatePoints = 400;
/** Time that maps and scores may take in every frame; where they take longer, they rest three times as long. */
const detailsMs = 12;
const detailsRest = 3;

export interface Neuron {
  /** Hidden layer, from 0. */
  readonly layer: number;
  readonly unit: number;
}

export interface FrameOptions {
  readonly features: readonly FeatureName[];
  /** Points that are not trained on. */
  readonly test: Dataset | undefined;
  /** A neuron to show on the large surface, instead of the output. */
  readonly neuron: Neuron | undefined;
}

export interface FitOfPoints {
  readonly loss: number;
  /** Share of points on the right side, where the targets are classes. */
  readonly accuracy: number;
}

export interface PlaygroundFrame {
  /** [cells, cells], row by row from the top left: the output from −1 to 1, or a neuron's activation. */
  readonly surface: Float32Array;
  readonly neuron: Neuron | undefined;
  readonly parameters: Float32Array;
  /** Of the newest step, as a plateau may have left it; undefined before any. */
  readonly learningRate: number | undefined;
  /** The state to resume from if the training is interrupted here. */
  readonly state: Checkpoint | undefined;
  /** Undefined where they would have held the frame up. */
  readonly details: FrameDetails | undefined;
  /** Where early stopping has ended the training: the parameters are its best ones. */
  readonly stopped: StoppedRun | undefined;
}

export interface StoppedRun {
  readonly step: number;
  /** −1 where the test loss never was a number. */
  readonly bestStep: number;
  /** Its loss on the test points. */
  readonly bestLoss: number;
}

export interface FrameDetails {
  /** Hidden neurons that are drawn, in order, [neurons, mapCells, mapCells]. */
  readonly maps: Float32Array;
  /** Of all neurons of each hidden layer. */
  readonly states: readonly (readonly NeuronState[])[];
  readonly training: FitOfPoints;
  readonly test: FitOfPoints | undefined;
}

/** Layers up to one, as a network of their own: its parameters are the first ones of the whole. */
const upTo = ({ inputs, layers }: Network, layer: number): Network =>
  network({
    inputs,
    layers: layers.slice(0, layer + 1).map(({ fanOut, activation }) => dense(fanOut, activation)),
    loss: "squaredError",
  });

/** One column of [rows, width]. */
const column = (values: FloatArray, width: number, at: number): Float32Array =>
  Float32Array.from({ length: values.length / width }, (_, row) => values[row * width + at]!);

/** Rows and models that outlast a frame; made again for another network or other features. */
class Workbench {
  /** Centres of the cells by their number each way. */
  readonly surfaceRows: ReadonlyMap<number, Float32Array>;
  readonly mapRows: Float32Array;
  /** The same network on the CPU, without the dropout that only training has: small maps and scores there need no round trips to the GPU. */
  readonly host: Model;
  /** What a surface and the details took the last time, and when these were done. */
  surfaceTookMs = 0;
  detailsTookMs = 0;
  detailsDoneMs = 0;
  readonly #owner: Model<AnyNetwork>;
  #part: { readonly layer: number; readonly model: Model } | undefined;

  private constructor(owner: Model<AnyNetwork>, host: Model, features: readonly FeatureName[]) {
    this.#owner = owner;
    this.host = host;
    this.surfaceRows = new Map([surfaceCells, surfaceCells / 2].map((cells) => [cells, gridRows(features, cells)]));
    this.mapRows = gridRows(features, mapCells);
  }

  static async create({ model, settings, options }: FrameContext<FrameOptions>): Promise<Workbench> {
    const device = await acquire({ device: "reference" });
    return new Workbench(model, await createModel(network(settings.network), { device }), options.features);
  }

  isFor(model: Model<AnyNetwork>): boolean {
    return this.#owner === model;
  }

  /** Activations of one hidden neuron over the surface, computed where the network is trained. */
  async neuronSurface({ layer, unit }: Neuron, parameters: FloatArray, rows: Float32Array): Promise<Float32Array> {
    const part = await this.#partUpTo(layer);
    part.writeParameters(parameters.slice(0, part.network.parameterCount));
    return column(await part.logits(rows), part.network.outputs, unit);
  }

  async #partUpTo(layer: number): Promise<Model> {
    if (this.#part?.layer === layer) return this.#part.model;
    this.#part?.model.dispose();
    this.#part = undefined;
    const { device } = this.#owner;
    const model = await createModel(upTo(this.host.network, layer), { device });
    this.#part = { layer, model };
    return model;
  }

  dispose(): void {
    this.#part?.model.dispose();
    this.host.dispose();
  }
}

let bench: Workbench | undefined;

async function benchFor(context: FrameContext<FrameOptions>): Promise<Workbench> {
  if (bench?.isFor(context.model)) return bench;
  bench?.dispose();
  bench = undefined;
  return (bench = await Workbench.create(context));
}

/** A logit as a number from −1 to 1: twice its probability, less one. */
const signed = (logit: number): number => Math.tanh(logit / 2);

async function outputSurface(model: Model<AnyNetwork>, rows: Float32Array): Promise<Float32Array> {
  const outputs = Float32Array.from(await model.logits(rows));
  return takesLogits(model.network.loss) ? outputs.map(signed) : outputs;
}

/** Activations of every hidden neuron over a coarse grid. */
async function mapsOf({ host, mapRows }: Workbench): Promise<Float32Array> {
  const hidden = host.network.layers.slice(0, -1);
  const cells = mapCells * mapCells;
  const maps = new Float32Array(hidden.reduce((total, { fanOut }) => total + drawnUnits(fanOut).length * cells, 0));
  if (hidden.length === 0) return maps;
  const { activations } = await host.trace({ inputs: mapRows, targets: new Float64Array(cells) }, sgd());
  let at = 0;
  for (const { index, fanOut } of hidden) {
    for (const unit of drawnUnits(fanOut)) {
      maps.set(column(activations[index]!, fanOut, unit), at);
      at += cells;
    }
  }
  return maps;
}

/** Every so manieth of the points that are learned from. */
function sampleOf({ inputs, targets }: Dataset, width: number): Dataset {
  const stride = Math.ceil(targets.length / mostStatePoints);
  const count = Math.floor((targets.length - 1) / stride) + 1;
  const rows = Array.from({ length: count }, (_, at) => at * stride);
  return {
    inputs: Float32Array.from(rows.flatMap((row) => [...inputs.subarray(row * width, (row + 1) * width)])),
    targets: Float32Array.from(rows, (row) => targets[row]!),
  };
}

async function statesOf({ host }: Workbench, data: Dataset): Promise<NeuronState[][]> {
  const hidden = host.network.layers.slice(0, -1);
  if (hidden.length === 0) return [];
  const { preActivations } = await host.trace(sampleOf(data, host.network.inputs), sgd());
  return hidden.map(({ index, fanOut, activation }) =>
    Array.from({ length: fanOut }, (_, unit) =>
      neuronStateOf(activation, column(preActivations[index]!, fanOut, unit)),
    ),
  );
}

async function fitOf(host: Model, data: Dataset): Promise<FitOfPoints> {
  const { loss, accuracy } = await host.evaluate(data);
  if (accuracy !== undefined) return { loss, accuracy };
  const outputs = await host.logits(data.inputs);
  const right = outputs.filter((output, row) => output > 0 === data.targets[row]! > 0).length;
  return { loss, accuracy: right / outputs.length };
}

async function surfaceOf(bench: Workbench, context: FrameContext<FrameOptions>, parameters: Float32Array) {
  const { model, options, isRunning } = context;
  const cells = isRunning && bench.surfaceTookMs > surfaceMs ? surfaceCells / 2 : surfaceCells;
  const rows = bench.surfaceRows.get(cells)!;
  const startMs = performance.now();
  const { neuron } = options;
  const surface = await (neuron ? bench.neuronSurface(neuron, parameters, rows) : outputSurface(model, rows));
  // what the full one would have taken
  bench.surfaceTookMs = (performance.now() - startMs) * (surfaceCells / cells) ** 2;
  return surface;
}

async function detailsOf(bench: Workbench, context: FrameContext<FrameOptions>): Promise<FrameDetails | undefined> {
  const { settings, options, isRunning } = context;
  const startMs = performance.now();
  const { detailsTookMs, detailsDoneMs } = bench;
  const isSlow = detailsTookMs > detailsMs;
  if (isRunning && isSlow && startMs - detailsDoneMs < detailsRest * detailsTookMs) return undefined;
  const maps = await mapsOf(bench);
  const states = await statesOf(bench, settings.data);
  const training = await fitOf(bench.host, settings.data);
  const test = options.test && (await fitOf(bench.host, options.test));
  bench.detailsDoneMs = performance.now();
  bench.detailsTookMs = bench.detailsDoneMs - startMs;
  return { maps, states, training, test };
}

function stoppedOf({ earlyStopping, isFinished }: FrameContext<FrameOptions>): StoppedRun | undefined {
  if (!earlyStopping || !isFinished) return undefined;
  const [step, bestStep, bestLoss] = [
    earlyStopping.stoppedSteps,
    earlyStopping.bestSteps,
    earlyStopping.bestValues,
  ].map((values) => values[0]!) as [number, number, number];
  return { step, bestStep, bestLoss };
}

/** Every number of a frame: the surface from the GPU, small things from the same parameters on the CPU. */
export async function renderFrame(context: FrameContext<FrameOptions>): Promise<Rendered<PlaygroundFrame>> {
  const { model, options, state } = context;
  const own = await benchFor(context);
  const parameters = Float32Array.from(await model.readParameters());
  own.host.writeParameters(parameters);
  const surface = await surfaceOf(own, context, parameters);
  const details = await detailsOf(own, context);
  const stopped = stoppedOf(context);
  const learningRate = context.progress?.learningRate;
  const content = { surface, neuron: options.neuron, parameters, learningRate, state, details, stopped };
  return { content, transfer: [surface.buffer, parameters.buffer, ...(details ? [details.maps.buffer] : [])] };
}
