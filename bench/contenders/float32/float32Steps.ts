import { CannotTakePart, type Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { StepWorkload } from "../../race/workload.ts";
import { Batches } from "./float32Batches.ts";
import {
  type BackwardLayer,
  backwardLayers,
  type ForwardLayer,
  forwardLayer,
  runBackward,
  runForward,
} from "./float32Layers.ts";
import { knowsLoss, type LossMemory, lossOf } from "./float32Loss.ts";
import { createMoments, knowsOptimizer, type Updated, updateOf } from "./float32Update.ts";

/** Layers from the first to the last, each reading what the one before has written. */
function forwardLayers({ network, batchSize }: StepWorkload, parameters: Float32Array, data: Float32Array) {
  let inputs = data;
  return network.layers.map((shape): ForwardLayer => {
    const outputs = new Float32Array(batchSize * shape.fanOut);
    const layer = forwardLayer(shape, { inputs, parameters, outputs, saves: true });
    inputs = outputs;
    return layer;
  });
}

/** Training steps of all members, one after the other; everything is allocated beforehand. */
class Steps implements Entry {
  readonly #workload: StepWorkload;
  readonly #start: Start;
  readonly #batches: Batches;
  readonly #forward: readonly ForwardLayer[];
  readonly #backward: readonly BackwardLayer[];
  readonly #loss: LossMemory;
  readonly #updated: Updated;
  /** Of the last step, per member. */
  readonly #losses: Float32Array;
  #nextStep = 0;

  constructor(workload: StepWorkload, start: Start) {
    const { network, optimizer, members } = workload;
    const parameters = start.state.slice();
    this.#workload = workload;
    this.#start = start;
    this.#batches = new Batches(workload, start);
    this.#forward = forwardLayers(workload, parameters, this.#batches.drawn.inputs);
    this.#backward = backwardLayers(network, this.#forward);
    const [last] = this.#backward as [BackwardLayer];
    const { dOutputs, gradients } = last;
    const { targets } = this.#batches.drawn;
    this.#loss = { outputs: last.forward.outputs, targets, dOutputs, columns: network.outputs };
    this.#updated = { parameters, gradients, moments: createMoments(optimizer, parameters.length) };
    this.#losses = new Float32Array(members);
  }

  run(rounds: number): void {
    for (let round = 0; round < rounds; round++) this.#step(this.#nextStep++);
  }

  #step(step: number): void {
    const { network, optimizer, members } = this.#workload;
    const rows = this.#batches.draw(step);
    const update = updateOf(optimizer);
    for (let member = 0; member < members; member++) {
      const first = member * network.parameterCount;
      for (const layer of this.#forward) runForward(layer, rows, first);
      this.#losses[member] = lossOf(network.loss, this.#loss, rows);
      for (const layer of this.#backward) runBackward(layer, rows, first);
      update(this.#updated, optimizer, first, step);
    }
  }

  async finish(): Promise<number> {
    // looked at, so that no compiler may leave the losses out
    if (this.#losses.some(Number.isNaN)) throw new Error("float32 loop: a loss is not a number");
    return this.#updated.parameters[0]!;
  }

  async readState(): Promise<Float32Array> {
    return this.#updated.parameters.slice();
  }

  restart(): void {
    this.#updated.parameters.set(this.#start.state);
    for (const moments of this.#updated.moments) moments.fill(0);
    this.#nextStep = 0;
  }

  dispose(): void {}
}

/** @throws CannotTakePart on losses and optimizers that are not written out */
export function createSteps(workload: StepWorkload, start: Start): Entry {
  const { network, optimizer } = workload;
  if (!knowsLoss(network.loss)) throw new CannotTakePart(`${network.loss} is not written out`);
  if (!knowsOptimizer(optimizer)) throw new CannotTakePart(`${optimizer.name} is not written out`);
  return new Steps(workload, start);
}
