import { batchAt, rowsOf, stepsPerEpoch } from "../../../src/backend/batches.ts";
import type { FloatArray, RunSettings } from "../../../src/backend/executor.ts";
import { runSeed, type Start } from "../../race/start.ts";
import type { StepWorkload } from "../../race/workload.ts";

const toFloat32 = (values: FloatArray): Float32Array =>
  values instanceof Float32Array ? values : Float32Array.from(values);

/** Rows of a data set, or of a batch of it. */
interface Rows {
  /** [rows, inputs]. */
  readonly inputs: Float32Array;
  /** [rows, outputs]. */
  readonly targets: Float32Array;
}

/** Copies rows of a table one behind the other. */
function gather(table: Float32Array, rows: Uint32Array, width: number, into: Float32Array): void {
  for (let at = 0, to = 0; at < rows.length; at++) {
    const from = rows[at]! * width;
    for (let column = 0; column < width; column++) into[to++] = table[from + column]!;
  }
}

/** The rows of each step: all of them as they lie, or a batch gathered in its epoch's order. */
export class Batches {
  /** What `draw` fills. */
  readonly drawn: Rows;
  readonly #data: Rows;
  readonly #settings: RunSettings;
  readonly #workload: StepWorkload;
  #epoch = -1;
  /** Rows of the whole epoch, drawn once. */
  #order: Uint32Array = new Uint32Array(0);

  constructor(workload: StepWorkload, { data }: Start) {
    const { network, optimizer, batchSize } = workload;
    this.#workload = workload;
    this.#settings = { data, optimizer, batchSize, shuffle: true, seed: runSeed };
    this.#data = { inputs: toFloat32(data.inputs), targets: toFloat32(data.targets) };
    const inputs = new Float32Array(batchSize * network.inputs);
    this.drawn = this.#isWhole ? this.#data : { inputs, targets: new Float32Array(batchSize * network.outputs) };
  }

  get #isWhole(): boolean {
    const { rows, batchSize } = this.#workload;
    return stepsPerEpoch(rows, batchSize) === 1;
  }

  /** @returns rows of the step's batch */
  draw(step: number): number {
    const { network, rows } = this.#workload;
    if (this.drawn === this.#data) return rows;
    const batch = batchAt(this.#settings, rows, step);
    if (batch.epoch !== this.#epoch) this.#order = rowsOf({ ...batch, firstPosition: 0, batchSize: rows });
    this.#epoch = batch.epoch;
    const own = this.#order.subarray(batch.firstPosition, batch.firstPosition + batch.batchSize);
    gather(this.#data.inputs, own, network.inputs, this.drawn.inputs);
    gather(this.#data.targets, own, network.outputs, this.drawn.targets);
    return batch.batchSize;
  }
}
