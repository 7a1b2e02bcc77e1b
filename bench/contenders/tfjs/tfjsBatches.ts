import * as tf from "@tensorflow/tfjs-core";
import { type Batch, batchAt, rowsOf } from "../../../src/backend/batches.ts";
import type { RunSettings } from "../../../src/backend/executor.ts";
import { runSeed, type Start } from "../../race/start.ts";
import type { StepWorkload } from "../../race/workload.ts";

/** Rows of one step: [rows, width], or [1, rows, width] where members share them. */
export interface BatchTensors {
  readonly inputs: tf.Tensor;
  readonly targets: tf.Tensor;
  readonly size: number;
}

interface Table {
  readonly inputs: tf.Tensor2D;
  readonly targets: tf.Tensor2D;
}

/** Batches in thalweg's order. The rows are uploaded once, put in order once per epoch, and sliced for each step. */
export class Batches {
  /** Sizes that occur: the last batch of an epoch holds what is left. */
  readonly sizes: readonly number[];
  readonly #settings: RunSettings;
  readonly #rows: number;
  readonly #isShared: boolean;
  readonly #data: Table;
  #epoch: (Table & { readonly number: number }) | undefined;

  constructor({ network, optimizer, rows, batchSize, members }: StepWorkload, { data }: Start) {
    this.#settings = { data, optimizer, batchSize, shuffle: true, seed: runSeed };
    this.#rows = rows;
    this.#isShared = members > 1;
    const rest = rows % batchSize;
    this.sizes = batchSize >= rows ? [rows] : rest === 0 ? [batchSize] : [batchSize, rest];
    this.#data = {
      inputs: tf.tensor2d(Float32Array.from(data.inputs), [rows, network.inputs]),
      targets: tf.tensor2d(Float32Array.from(data.targets), [rows, network.outputs]),
    };
  }

  /** The rows of one step. To be called within tf.tidy, which frees what this makes. */
  at(step: number): BatchTensors {
    const batch = batchAt(this.#settings, this.#rows, step);
    const size = batch.batchSize;
    if (!batch.shuffled)
      return { inputs: this.#shaped(this.#data.inputs), targets: this.#shaped(this.#data.targets), size };
    const { inputs, targets } = this.#inOrder(batch);
    const part = (table: tf.Tensor2D): tf.Tensor =>
      this.#shaped(tf.slice(table, [batch.firstPosition, 0], [size, table.shape[1]]));
    return { inputs: part(inputs), targets: part(targets), size };
  }

  #shaped(table: tf.Tensor2D): tf.Tensor {
    return this.#isShared ? tf.reshape(table, [1, ...table.shape]) : table;
  }

  /** The whole table in the order of the batch's epoch. */
  #inOrder(batch: Batch): Table {
    if (this.#epoch?.number === batch.epoch) return this.#epoch;
    this.#freeEpoch();
    const order = rowsOf({ ...batch, firstPosition: 0, batchSize: this.#rows });
    const positions = tf.tensor1d(Int32Array.from(order), "int32");
    const inputs = tf.keep(tf.gather(this.#data.inputs, positions));
    const targets = tf.keep(tf.gather(this.#data.targets, positions));
    this.#epoch = { number: batch.epoch, inputs, targets };
    return this.#epoch;
  }

  #freeEpoch(): void {
    if (this.#epoch) tf.dispose([this.#epoch.inputs, this.#epoch.targets]);
    this.#epoch = undefined;
  }

  dispose(): void {
    this.#freeEpoch();
    tf.dispose([this.#data.inputs, this.#data.targets]);
  }
}
