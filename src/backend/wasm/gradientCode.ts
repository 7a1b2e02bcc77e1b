import type { ParameterGradient } from "../../graph/derive.ts";
import { denseShapesOf } from "../../graph/graphNetwork.ts";
import type { GraphCode, RowsContext } from "./graphCode.ts";
import { emitProduct, productKinds } from "./layerProducts.ts";
import { f32x4, i32 } from "./instructions.ts";
import type { Block } from "./matmulBlock.ts";
import { least } from "./least.ts";
import { read } from "./passArguments.ts";
import { type Address, forUnits, place, storeLanes } from "./rowLoops.ts";
import { constant, type Value } from "./value.ts";
import type { Floats } from "./vectorCode.ts";

/** A part of the gradients of one member that items share: rows of weights, or all of a vector. */
export interface GradientJob {
  /** Rows of weights that can be computed apart; 1 for what is one item. */
  readonly rows: number;
  /** Operations of one of these rows and one sample. */
  readonly operations: number;
}

/** What the gradients of a step consist of, in the order in which `emitGradients` numbers items. */
export function gradientJobs(graph: GraphCode["step"]): GradientJob[] {
  const layers = new Map(denseShapesOf(graph).map((shape) => [shape.node, shape]));
  return graph.parameterGradients.flatMap((own): GradientJob[] => {
    const { width } = graph.allNodes[own.gradient]!;
    if (own.kind !== "dense") return [{ rows: 1, operations: width }];
    return [
      { rows: layers.get(own.dense)!.fanIn, operations: 2 * width },
      { rows: 1, operations: width },
    ];
  });
}

/**
 * Writes the gradients of the parameters, sums over the rows of a chunk in order. Each item computes a part of them.
 * @param context `first` is 0 and `rows` are those of the chunk
 */
export function emitGradients(graph: GraphCode, context: RowsContext, block: Block, item: Value<"i32">): void {
  const { code, args, member, rows, scratch } = context;
  const { body } = code;
  const { step } = graph;
  const parameterStride = 4 * strideOf(step.parameters);
  const gradients = body.let(i32.add(read(args, "gradients"), i32.mul(member, parameterStride)));
  const isAdded = body.let(read(args, "isAdded"));
  const jobs = body.let(read(args, "jobs"));
  const layers = new Map(denseShapesOf(step).map((shape) => [shape.node, shape]));
  const rest = body.variable("i32", item);
  let job = 0;
  /** Runs code where the item belongs to the next job. @param build told the first row, and how many */
  const nextJob = (build: (firstRow: Address, rowsPerItem: Address) => void): void => {
    const at = 8 * job++;
    const items = body.let(i32.load(jobs, at));
    body.if(i32.ltU(rest, items), () => {
      const rowsPerItem = body.let(i32.load(jobs, at + 4));
      build(body.let(i32.mul(rest, rowsPerItem)), rowsPerItem);
    });
    // An item that is done, or of an earlier job, wraps around to a number that no job has.
    body.set(rest, i32.select(constant("i32", -1), i32.sub(rest, items), i32.ltU(rest, items)));
  };
  const emit = (own: ParameterGradient): void => {
    const { width } = step.allNodes[own.gradient]!;
    const dOutputs = graph.slotAddress(graph.contiguous(own.gradient), 0);
    if (own.kind === "vector") {
      const { offset } = step.parameters[own.parameter]!;
      nextJob(() => sumColumns(dOutputs, width, body.let(i32.add(gradients, 4 * offset))));
      return;
    }
    if (own.kind === "table") {
      const { offset, size } = step.parameters[own.parameter]!;
      nextJob(() => addToTable(own, { dOutputs, width, table: body.let(i32.add(gradients, 4 * offset)), size }));
      return;
    }
    const { index, fanIn, weightsOffset, biasOffset } = layers.get(own.dense)!;
    const inputs = graph.slotAddress(graph.contiguous(own.input), 0);
    nextJob((firstRow, rowsPerItem) => {
      const count = least(body, i32.sub(fanIn, firstRow), rowsPerItem);
      const of = (kind: "weights" | "weightsAdded"): Address =>
        i32.load(read(args, "products"), 4 * (productKinds.length * index + productKinds.indexOf(kind)));
      const product = body.let(i32.select(of("weightsAdded"), of("weights"), isAdded));
      const out = i32.add(gradients, i32.add(4 * weightsOffset, i32.mul(firstRow, 4 * width)));
      const left = i32.add(inputs, i32.shl(firstRow, 2));
      emitProduct(body, block, {
        ...{ a: left, b: dOutputs, out, rows: count, columns: width, columnBytes: 4, k: rows, args: product, scratch },
      });
    });
    nextJob(() => sumColumns(dOutputs, width, body.let(i32.add(gradients, 4 * biasOffset))));
  };

  const sumColumns = (from: Address, width: number, to: Address): void =>
    forUnits(body, width, ({ index, offset, lanes }) => {
      const sum = body.variable("f32x4", 0);
      body.if(isAdded, () => body.set(sum, f32x4.load(place(to, index), offset)));
      const first = body.let(place2(from, index));
      body.for({ from: 0, to: rows }, (row) => {
        const value: Floats = f32x4.load(i32.add(first, i32.mul(row, 4 * width)), offset);
        body.set(sum, f32x4.add(sum, value));
      });
      if (lanes === 4) body.store(place(to, index), sum, offset);
      else storeLanes(body, to, sum, lanes, offset);
    });
  const place2 = (address: Address, index: Address | undefined): Address =>
    index === undefined ? i32.add(address, 0) : i32.add(address, index);

  const addToTable = (
    own: Extract<ParameterGradient, { kind: "table" }>,
    { dOutputs, width, table, size }: { dOutputs: Address; width: number; table: Address; size: number },
  ): void => {
    const categories = graph.viewOf(own.index);
    body.if(i32.eqz(isAdded), () =>
      forUnits(body, size, ({ index, offset, lanes }) => {
        const zero = constant("f32x4", 0);
        if (lanes === 4) body.store(place(table, index), zero, offset);
        else storeLanes(body, table, zero, lanes, offset);
      }),
    );
    body.for({ from: 0, to: rows }, (row) => {
      const entry = body.let(i32.add(table, i32.mul(graph.categoryOf(categories, row), 4 * width)));
      const from = body.let(i32.add(dOutputs, i32.mul(row, 4 * width)));
      forUnits(body, width, ({ index, offset, lanes }) => {
        const sum = body.let(
          f32x4.add(f32x4.load(place(entry, index), offset), f32x4.load(place(from, index), offset)),
        );
        if (lanes === 4) body.store(place(entry, index), sum, offset);
        else storeLanes(body, entry, sum, lanes, offset);
      });
    });
  };

  for (const own of step.parameterGradients) emit(own);
}

/** f32 values from the parameters of a member to those of the next: whole vectors. */
export const strideOf = (parameters: GraphCode["step"]["parameters"]): number => {
  const count = parameters.reduce((sum, { size }) => sum + size, 0);
  return 4 * Math.ceil(count / 4);
};
