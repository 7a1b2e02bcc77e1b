import * as tf from "@tensorflow/tfjs-core";
import type { BuiltInNetwork } from "../../../src/graph/network.ts";
import type { Optimizer } from "../../../src/math/optimizer.ts";
import { CannotTakePart, type Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { StepWorkload } from "../../race/workload.ts";
import { Batches, type BatchTensors } from "./tfjsBatches.ts";
import { adamByHand, knowsStep, sgdByHand } from "./tfjsByHand.ts";
import { groupsOf, type MemberGroup, widestOf } from "./tfjsLayers.ts";
import type { Backend, Method, Rounds } from "./tfjsRounds.ts";
import { tunedEntry } from "./tfjsTrial.ts";

export interface TrainerOptions {
  readonly network: BuiltInNetwork;
  readonly optimizer: Optimizer;
  /** Of all groups. */
  readonly members: number;
  /** [members, parameterCount] to start from. */
  readonly state: Float32Array;
  /** Sizes of batches that occur. */
  readonly sizes: readonly number[];
  readonly backend: Backend;
}

/** What trains one group of members. */
export interface Trainer {
  /** Called within tf.tidy. */
  step(batch: BatchTensors): void;
  restart(): void;
  firstValue(): tf.Tensor;
  /** Writes the group's part of [members, parameterCount]. */
  read(into: Float32Array): Promise<void>;
  dispose(): void;
}

type MakeTrainer = (options: TrainerOptions, group: MemberGroup) => Trainer;

function stepRounds(workload: StepWorkload, start: Start, backend: Backend, make: MakeTrainer): Rounds {
  const { network, optimizer, members } = workload;
  const batches = new Batches(workload, start);
  const options = { network, optimizer, members, state: start.state, sizes: batches.sizes, backend };
  const trainers = groupsOf(members, backend.mostMatrices).map((group) => make(options, group));
  let nextStep = 0;
  return {
    round: () =>
      tf.tidy(() => {
        const batch = batches.at(nextStep++);
        for (const trainer of trainers) trainer.step(batch);
      }),
    restart: () => {
      for (const trainer of trainers) trainer.restart();
      nextStep = 0;
    },
    firstValue: () => trainers[0]!.firstValue(),
    readState: async () => {
      const state = new Float32Array(start.state.length);
      for (const trainer of trainers) await trainer.read(state);
      return state;
    },
    dispose: () => {
      batches.dispose();
      for (const trainer of trainers) trainer.dispose();
    },
  };
}

/** Bytes of the largest tensor of a step. */
function largestBytes({ network, rows, batchSize, members }: StepWorkload): number {
  const widest = widestOf(network);
  return 4 * Math.max(members * batchSize * widest, rows * widest, members * network.parameterCount);
}

/** Training steps by automatic gradients and tf.train's optimizers, as TensorFlow.js is meant to be used. */
export function stepEntry(workload: StepWorkload, start: Start, backend: Backend): Promise<Entry> {
  const minimize: Method = {
    name: "minimize",
    // gradients of all operations come with it: not before they are needed
    build: async () => stepRounds(workload, start, backend, (await import("./tfjsMinimize.ts")).minimizer),
  };
  return tunedSteps(workload, backend, minimize);
}

/** Training steps with gradients and updates written out by hand, in as few operations as they take. */
export function stepByHandEntry(workload: StepWorkload, start: Start, backend: Backend): Promise<Entry> {
  const { network, optimizer } = workload;
  if (!knowsStep(network, optimizer, start.data.targets)) throw new CannotTakePart("it is not written out by hand");
  const make = optimizer.name === "adam" ? adamByHand : sgdByHand;
  return tunedSteps(workload, backend, { name: "by hand", build: () => stepRounds(workload, start, backend, make) });
}

function tunedSteps(workload: StepWorkload, backend: Backend, method: Method): Promise<Entry> {
  const { network, batchSize } = workload;
  return tunedEntry(backend, {
    methods: [method],
    largestBytes: largestBytes(workload),
    longestSum: Math.max(batchSize, widestOf(network)),
  });
}
