import { operandName } from "../../graph/builder.ts";
import type { StepGraph, StepNode } from "../../graph/derive.ts";
import { type DenseShape, denseShapesOf } from "../../graph/graphNetwork.ts";
import { compileFloat64 } from "../../math/float64.ts";
import { compileBlocks } from "../../math/float64Blocks.ts";
import { runAll } from "./activation.ts";
import { backwardInputs } from "./backwardInputs.ts";
import { keepsAt, maskKey, normalAt } from "../dropout.ts";
import { weightedSums } from "./forward.ts";
import { copyOf, type Operation, type View } from "./view.ts";

/** Rows that a dense node multiplies: values of a node, or the data itself. */
interface DenseInput {
  readonly values: Float64Array | undefined;
}

/** One value of the units of a row. */
const reductions = {
  sum: (row: Float64Array) => row.reduce((sum, x) => sum + x, 0),
  mean: (row: Float64Array) => row.reduce((sum, x) => sum + x, 0) / row.length,
  max: (row: Float64Array) => row.reduce((most, x) => (x > most || Number.isNaN(x) ? x : most), -Infinity),
  logSumExp(row: Float64Array): number {
    const most = this.max(row);
    if (!Number.isFinite(most)) return most;
    return most + Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0));
  },
};

/** Memory for the nodes of a step graph, and the operations that fill it: the float64 interpreter of networks. */
export class GraphOperations {
  readonly step: StepGraph;
  readonly capacity: number;
  readonly layers: ReadonlyMap<number, DenseShape>;
  readonly #values = new Map<number, Float64Array>();
  readonly #contiguous = new Map<number, Float64Array>();
  /** False where only dense nodes read the data, which then take their rows from where they are. */
  readonly #copiesInput: boolean;

  constructor(step: StepGraph, capacity: number) {
    this.step = step;
    this.capacity = capacity;
    this.layers = new Map(denseShapesOf(step).map((shape) => [shape.node, shape]));
    this.#copiesInput = step.nodes.some(
      (node) => node.kind !== "dense" && "from" in node && [node.from].flat().includes(0),
    );
  }

  /** [capacity, width] of a node. */
  valuesOf(node: number): Float64Array {
    const known = this.#values.get(node) ?? new Float64Array(this.capacity * this.step.allNodes[node]!.width);
    this.#values.set(node, known);
    return known;
  }

  viewOf(node: number): View {
    const own = this.step.allNodes[node]!;
    if (own.kind === "parameter") {
      const { offset } = this.step.parameters[own.parameter]!;
      return { values: undefined, offset, rowStride: 0, unitStride: 1 };
    }
    if (own.kind === "broadcast") return { ...this.viewOf(own.from), unitStride: 0 };
    if (own.kind === "slice") {
      const view = this.viewOf(own.from);
      return { ...view, offset: view.offset + own.start * view.unitStride };
    }
    return { values: this.valuesOf(node), offset: 0, rowStride: own.width, unitStride: 1 };
  }

  /** Values [rows, width] without gaps, copied by one more operation where they do not lie so. */
  contiguous(node: number, operations: Operation[]): Float64Array {
    const { width } = this.step.allNodes[node]!;
    const view = this.viewOf(node);
    if (view.values && view.offset === 0 && view.rowStride === width && view.unitStride === 1) return view.values;
    const known = this.#contiguous.get(node);
    if (known) return known;
    const values = new Float64Array(this.capacity * width);
    this.#contiguous.set(node, values);
    operations.push(copyOf({ view, width, to: values, toWidth: width, toStart: 0 }));
    return values;
  }

  /** What a dense node reads. */
  denseInput(node: number, operations: Operation[]): DenseInput {
    return { values: node === 0 && !this.#copiesInput ? undefined : this.contiguous(node, operations) };
  }

  /** Adds the operations that compute a node. */
  append(index: number, operations: Operation[]): void {
    const node = this.step.allNodes[index]!;
    switch (node.kind) {
      case "input":
        if (this.#copiesInput) operations.push(this.#input(node.width));
        return;
      case "dense":
        operations.push(this.#dense(index, node.from, operations));
        return;
      case "denseInputs":
        operations.push(this.#denseInputs(index, node, operations));
        return;
      case "elementwise":
        operations.push(this.#elementwise(index, node));
        return;
      case "reduce":
        operations.push(this.#reduce(index, node));
        return;
      case "concat":
        operations.push(...this.#concat(index, node.from));
        return;
      case "pad":
        operations.push(this.#pad(index, node));
        return;
      case "gather":
        operations.push(this.#gather(index, node));
        return;
      case "dropout":
        operations.push(this.#dropout(index, node));
        return;
      case "noise":
        operations.push(this.#noise(index, node));
        return;
      case "outputGradient": // the loss fills it
      case "parameter": // the rest are views
      case "broadcast":
      case "slice":
    }
  }

  #input(width: number): Operation {
    const to = this.valuesOf(0);
    return ({ rows, inputs, batchRows }) => {
      for (let row = 0; row < rows; row++) {
        const first = (batchRows?.[row] ?? row) * width;
        for (let unit = 0; unit < width; unit++) to[row * width + unit] = inputs[first + unit]!;
      }
    };
  }

  #dense(index: number, from: number, operations: Operation[]): Operation {
    const layer = this.layers.get(index)!;
    const { values } = this.denseInput(from, operations);
    const outputs = this.valuesOf(index);
    if (values) {
      return ({ rows, parameters }) => weightedSums({ layer, batchSize: rows, inputs: values, parameters, outputs });
    }
    return ({ rows, inputs, parameters, batchRows }) =>
      weightedSums({ layer, batchSize: rows, inputs, parameters, outputs, batchRows });
  }

  #denseInputs(index: number, node: StepNode & { kind: "denseInputs" }, operations: Operation[]): Operation {
    const layer = this.layers.get(node.dense)!;
    const dOutputs = this.contiguous(node.from, operations);
    const dInputs = this.valuesOf(index);
    return ({ rows, parameters }) => backwardInputs({ layer, batchSize: rows, dOutputs, parameters, dInputs });
  }

  #elementwise(index: number, { from, expression, width }: StepNode & { kind: "elementwise" }): Operation {
    const to = this.valuesOf(index);
    const names = from.map((_, place) => operandName(place));
    const views = from.map((operand) => this.viewOf(operand));
    const isFlat = views.every(
      (view) => view.values && view.offset === 0 && view.rowStride === width && view.unitStride === 1,
    );
    if (isFlat) {
      const program = compileBlocks([expression], names, []);
      const vectors = views.map(({ values }) => values!);
      return ({ rows }) => runAll(program, { vectors, length: rows * width }, to);
    }
    const { inputs, outputs, run } = compileFloat64([expression], names);
    const firsts = new Uint32Array(views.length);
    const strides = Uint32Array.from(views, ({ unitStride }) => unitStride);
    return ({ rows, parameters }) => {
      const sources = views.map(({ values }) => values ?? parameters);
      for (let row = 0; row < rows; row++) {
        for (let place = 0; place < views.length; place++) {
          firsts[place] = views[place]!.offset + row * views[place]!.rowStride;
        }
        for (let unit = 0; unit < width; unit++) {
          for (let place = 0; place < views.length; place++) {
            inputs[place] = sources[place]![firsts[place]! + unit * strides[place]!]!;
          }
          run();
          to[row * width + unit] = outputs[0]!;
        }
      }
    };
  }

  #reduce(index: number, { from, reduction }: StepNode & { kind: "reduce" }): Operation {
    const to = this.valuesOf(index);
    const { width } = this.step.allNodes[from]!;
    const row = new Float64Array(width);
    const view = this.viewOf(from);
    return ({ rows, parameters }) => {
      const values = view.values ?? parameters;
      for (let at = 0; at < rows; at++) {
        const first = view.offset + at * view.rowStride;
        for (let unit = 0; unit < width; unit++) row[unit] = values[first + unit * view.unitStride]!;
        to[at] = reductions[reduction](row);
      }
    };
  }

  #concat(index: number, from: readonly number[]): Operation[] {
    const to = this.valuesOf(index);
    const toWidth = this.step.allNodes[index]!.width;
    let toStart = 0;
    return from.map((operand) => {
      const { width } = this.step.allNodes[operand]!;
      const copy = copyOf({ view: this.viewOf(operand), width, to, toWidth, toStart });
      toStart += width;
      return copy;
    });
  }

  #pad(index: number, { from, start, width: toWidth }: StepNode & { kind: "pad" }): Operation {
    const to = this.valuesOf(index);
    const { width } = this.step.allNodes[from]!;
    const copy = copyOf({ view: this.viewOf(from), width, to, toWidth, toStart: start });
    return (pass) => {
      to.fill(0, 0, pass.rows * toWidth);
      copy(pass);
    };
  }

  #gather(index: number, { from, table, width }: StepNode & { kind: "gather" }): Operation {
    const to = this.valuesOf(index);
    const { offset: tableOffset } = this.step.parameters[table]!;
    const indices = this.viewOf(from);
    return ({ rows, parameters }) => {
      for (let row = 0; row < rows; row++) {
        const first = tableOffset + indices.values![indices.offset + row * indices.rowStride]! * width;
        to.set(parameters.subarray(first, first + width), row * width);
      }
    };
  }

  #noise(index: number, { from, deviation, stream, width }: StepNode & { kind: "noise" }): Operation {
    const to = this.valuesOf(index);
    const copy = copyOf({ view: this.viewOf(from), width, to, toWidth: width, toStart: 0 });
    return (pass) => {
      copy(pass);
      if (!pass.masks) return;
      const key = maskKey(pass.masks, stream);
      for (let at = 0; at < pass.rows * width; at++)
        to[at]! += deviation * normalAt(key, Math.floor(at / width), at % width);
    };
  }

  #dropout(index: number, { from, rate, stream, width }: StepNode & { kind: "dropout" }): Operation {
    const to = this.valuesOf(index);
    const copy = copyOf({ view: this.viewOf(from), width, to, toWidth: width, toStart: 0 });
    return (pass) => {
      copy(pass);
      if (!pass.masks) return;
      const key = maskKey(pass.masks, stream);
      for (let at = 0; at < pass.rows * width; at++) {
        const isKept = keepsAt(key, rate, Math.floor(at / width), at % width);
        to[at] = isKept ? to[at]! / (1 - rate) : 0;
      }
    };
  }
}
