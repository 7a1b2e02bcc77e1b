// A training run in jax-js as an entry of the race: states, batches, and steps handed over in groups.

import { type Array as JaxArray, numpy as np } from "@jax-js/jax";
import { batchAt, rowsOf } from "../../../src/backend/batches.ts";
import type { FloatArray, RunSettings } from "../../../src/backend/executor.ts";
import type { Entry } from "../../race/contract.ts";
import { runSeed, type Start } from "../../race/start.ts";
import type { StepWorkload } from "../../race/workload.ts";
import {
  disposeAll,
  download,
  firstValue,
  type HandOver,
  settle,
  startWork,
  startWorkNow,
  upload,
} from "./jaxJsArrays.ts";
import { scaleCount, stepScales } from "./jaxJsOptimizers.ts";
import { createProgram, momentsOf, shapesOf, type State, type StepForm } from "./jaxJsStep.ts";

export interface TrainingSettings extends StepForm {
  readonly handOver: HandOver;
  /** Steps inside one jit, and handed over by one call. */
  readonly stepsPerCall: number;
}

interface Piece {
  readonly first: number;
  readonly size: number;
  readonly shape: number[];
}

/** Where the arrays of a state lie in one member's parameters. */
function piecesOf({ network, members }: StepWorkload, { parameters }: StepForm): Piece[] {
  const leading = members > 1 ? [members] : [];
  const { parameterCount } = network;
  if (parameters === "flat") return [{ first: 0, size: parameterCount, shape: [...leading, parameterCount] }];
  return network.layers.flatMap((layer) => {
    const [weights, bias] = shapesOf(layer, leading);
    const { fanIn, fanOut, weightsOffset, biasOffset } = layer;
    return [
      { first: weightsOffset, size: fanIn * fanOut, shape: weights },
      { first: biasOffset, size: fanOut, shape: bias },
    ];
  });
}

/** Values of one piece, all members, out of [members, parameterCount]. */
function cut(values: Float32Array, { first, size }: Piece, parameterCount: number): Float32Array {
  const out = new Float32Array((values.length / parameterCount) * size);
  for (let member = 0; member * size < out.length; member++) {
    const from = member * parameterCount + first;
    out.set(values.subarray(from, from + size), member * size);
  }
  return out;
}

/** Rows of inputs, each with its targets behind: one gather then takes both. */
function tableOf({ network, rows }: StepWorkload, inputs: FloatArray, targets: FloatArray): Float32Array {
  const width = network.inputs + network.outputs;
  const table = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    table.set(inputs.subarray(row * network.inputs, (row + 1) * network.inputs), row * width);
    table.set(targets.subarray(row * network.outputs, (row + 1) * network.outputs), row * width + network.inputs);
  }
  return table;
}

export class Training implements Entry {
  readonly settings: Readonly<Record<string, string | number>>;
  readonly #workload: StepWorkload;
  readonly #start: Start;
  readonly #how: HandOver;
  readonly #groupSteps: number;
  readonly #pieces: readonly Piece[];
  readonly #single: ReturnType<typeof createProgram>;
  readonly #group: ReturnType<typeof createProgram>;
  readonly #run: RunSettings;
  readonly #data: readonly JaxArray[];
  #state: State = { parameters: [], moments: [] };
  #nextStep = 0;

  private constructor(workload: StepWorkload, start: Start, settings: TrainingSettings) {
    const { handOver, stepsPerCall, ...form } = settings;
    const { network, optimizer, batchSize, rows } = workload;
    const { inputs, targets } = start.data;
    this.settings = { ...settings };
    this.#workload = workload;
    this.#start = start;
    this.#how = handOver;
    this.#groupSteps = stepsPerCall;
    this.#pieces = piecesOf(workload, form);
    this.#single = createProgram({ workload, form, steps: 1 });
    this.#group = stepsPerCall === 1 ? this.#single : createProgram({ workload, form, steps: stepsPerCall });
    this.#run = { data: start.data, optimizer, batchSize, shuffle: true, seed: runSeed };
    const width = network.inputs + network.outputs;
    this.#data =
      batchSize < rows
        ? [upload(tableOf(workload, inputs, targets), [rows, width])]
        : [
            upload(Float32Array.from(inputs), [rows, network.inputs]),
            upload(Float32Array.from(targets), [rows, network.outputs]),
          ];
    this.restart();
  }

  /** Compiles everything that a run meets: single steps, groups, and the smaller batch at the end of an epoch. */
  static async create(workload: StepWorkload, start: Start, settings: TrainingSettings): Promise<Training> {
    const training = new Training(workload, start, settings);
    for (const [firstStep, steps] of training.#calls()) {
      training.#nextStep = firstStep;
      training.#call(steps);
      await settle(settings.handOver, training.#arrays());
    }
    training.restart();
    return training;
  }

  /** [first step, steps] of calls that together need every program. */
  #calls(): (readonly [number, number])[] {
    const { batchSize, rows } = this.#workload;
    const calls: [number, number][] = [[0, 1]];
    if (this.#groupSteps > 1) calls.push([0, this.#groupSteps]);
    if (rows % batchSize !== 0) calls.push([Math.floor(rows / batchSize), 1]);
    return calls;
  }

  #arrays(): JaxArray[] {
    return [...this.#state.parameters, ...this.#state.moments.flat()];
  }

  /** Rows of the next `steps` steps, or undefined where these are batches of different sizes. */
  #indices(steps: number): Uint32Array | undefined {
    const { rows } = this.#workload;
    const batches = Array.from({ length: steps }, (_, step) => batchAt(this.#run, rows, this.#nextStep + step));
    if (batches.some(({ batchSize }) => batchSize !== batches[0]!.batchSize)) return undefined;
    const indices = new Uint32Array(steps * batches[0]!.batchSize);
    batches.forEach((batch, step) => indices.set(rowsOf(batch), step * batch.batchSize));
    return indices;
  }

  #scales(steps: number): JaxArray[] {
    const { optimizer } = this.#workload;
    const count = scaleCount(optimizer);
    if (count === 0) return [];
    const values = Array.from({ length: steps }, (_, step) => stepScales(optimizer, this.#nextStep + step));
    return [upload(Float32Array.from(values.flat()), [steps, count])];
  }

  /** One call of a program. @returns steps that it describes: fewer than asked for at the end of an epoch */
  #call(most: number): number {
    const { batchSize, rows } = this.#workload;
    const isWhole = batchSize >= rows;
    const grouped = isWhole || most === 1 ? undefined : this.#indices(most);
    const steps = isWhole || grouped ? most : 1;
    const batch = isWhole ? [] : [np.array(grouped ?? this.#indices(1)!)];
    const program = steps === this.#groupSteps ? this.#group : this.#single;
    const data = this.#data.map((array) => array.ref);
    this.#state = program(this.#state, [...data, ...batch], this.#scales(steps));
    this.#nextStep += steps;
    return steps;
  }

  async run(rounds: number): Promise<void> {
    for (let left = rounds; left > 0;) {
      left -= this.#call(left >= this.#groupSteps ? this.#groupSteps : 1);
      if (this.#how === "threads") await startWork(this.#how, this.#state.parameters[0]!);
      else startWorkNow(this.#how, this.#state.parameters[0]!);
    }
  }

  finish(): Promise<number> {
    return firstValue(this.#how, this.#arrays());
  }

  async readState(): Promise<Float32Array> {
    const { members, network } = this.#workload;
    const out = new Float32Array(members * network.parameterCount);
    for (const [index, { first, size }] of this.#pieces.entries()) {
      const values = await download(this.#state.parameters[index]!);
      for (let member = 0; member < members; member++) {
        const own = values.subarray(member * size, (member + 1) * size);
        out.set(own, member * network.parameterCount + first);
      }
    }
    return out;
  }

  restart(): void {
    disposeAll(this.#arrays());
    const { parameterCount } = this.#workload.network;
    const make = (values: (piece: Piece) => Float32Array): JaxArray[] =>
      this.#pieces.map((piece) => upload(values(piece), piece.shape));
    const zeros = ({ size }: Piece): Float32Array => new Float32Array(this.#workload.members * size);
    this.#state = {
      parameters: make((piece) => cut(this.#start.state, piece, parameterCount)),
      moments: Array.from({ length: momentsOf(this.#workload) }, () => make(zeros)),
    };
    this.#nextStep = 0;
  }

  dispose(): void {
    disposeAll([...this.#arrays(), ...this.#data]);
    this.#state = { parameters: [], moments: [] };
    this.#single.dispose();
    if (this.#group !== this.#single) this.#group.dispose();
  }
}
