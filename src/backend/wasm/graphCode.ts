import { normalExpression } from "../../math/normal.ts";
import { operandName } from "../../graph/builder.ts";
import type { StepGraph, StepNode } from "../../graph/derive.ts";
import { type DenseShape, denseShapesOf } from "../../graph/graphNetwork.ts";
import { emitExpressions } from "./emitExpression.ts";
import { exponential } from "./exponentials.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { naturalLogarithm } from "./logarithms.ts";
import { type EmittedProduct, emitProduct, productKinds, type ProductKind } from "./layerProducts.ts";
import type { Block } from "./matmulBlock.ts";
import { type PackedMatrix, packedMatrices } from "./packedWeights.ts";
import { dropThreshold } from "../dropout.ts";
import { maskHalf, maskState, maskWord, uniformOf } from "./maskCode.ts";
import { read, slotsAt } from "./passArguments.ts";
import {
  type Address,
  copyFlat,
  copyRow,
  copyRows,
  firstLanes,
  forUnits,
  isFlat,
  maxOfLanes,
  place,
  rowOf,
  storeLanes,
  sumOfLanes,
  type View,
} from "./rowLoops.ts";
import type { Slot, Slots } from "./slots.ts";
import { constant, type Value } from "./value.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";

/** What the code of a member's rows reads: all values may be used often. */
export interface RowsContext {
  readonly code: VectorCode;
  readonly args: Address;
  /** Place of the member among those of the pass. */
  readonly member: Address;
  /** First row in the chunk, first row in the batch, and how many. */
  readonly first: Address;
  readonly batchFirst: Address;
  readonly rows: Address;
  /** Address of the member's parameters. */
  readonly parameters: Address;
  readonly turn: Address;
  /** Address of the turn's record. */
  readonly record: Address;
  readonly scratch: Address;
}

type NodeOf<K extends StepNode["kind"]> = Extract<StepNode, { kind: K }>;

/** Streams of the nodes of a network that draw, each once. */
export const dropoutStreams = (step: StepGraph): number[] => [
  ...new Set(step.nodes.flatMap((node) => (node.kind === "dropout" || node.kind === "noise" ? [node.stream] : []))),
];

/** Writes the nodes of a step for some rows of one member: what `GraphOperations` of the float64 reference interprets. */
export class GraphCode {
  readonly step: StepGraph;
  readonly slots: Slots;
  readonly #context: RowsContext;
  readonly #block: Block;
  /** Whether dropout drops. */
  readonly #isTraining: boolean;
  readonly #layers: ReadonlyMap<number, DenseShape>;
  readonly #packed: readonly PackedMatrix[];

  constructor(
    step: StepGraph,
    { slots, block, isTraining }: { slots: Slots; block: Block; isTraining: boolean },
    context: RowsContext,
  ) {
    this.step = step;
    this.slots = slots;
    this.#context = context;
    this.#block = block;
    this.#isTraining = isTraining;
    this.#packed = packedMatrices(step).matrices;
    this.#layers = new Map(denseShapesOf(step).map((shape) => [shape.node, shape]));
  }

  /** Address of a slot's first row. */
  slotAddress({ index, width }: Slot, first: Address | 0 = this.#context.first): Address {
    const { code, args, member } = this.#context;
    const ofMember = i32.add(i32.load(args, 4 * (slotsAt + index)), i32.mul(member, read(args, "slotsMember")));
    return code.body.let(first === 0 ? ofMember : i32.add(ofMember, i32.mul(first, 4 * width)));
  }

  viewOf(index: number): View {
    const { body } = this.#context.code;
    const node = this.step.allNodes[index]!;
    if (node.kind === "parameter") {
      const { offset } = this.step.parameters[node.parameter]!;
      return { address: body.let(i32.add(this.#context.parameters, 4 * offset)), rowBytes: 0, hasUnits: true };
    }
    if (node.kind === "broadcast") return { ...this.viewOf(node.from), hasUnits: false };
    if (node.kind === "slice") {
      const view = this.viewOf(node.from);
      return view.hasUnits ? { ...view, address: body.let(i32.add(view.address, 4 * node.start)) } : view;
    }
    const slot = this.slots.of(index);
    return { address: this.slotAddress(slot), rowBytes: 4 * slot.width, hasUnits: true };
  }

  /** The slot of a node's values without gaps; writes the copy where it is a view. */
  contiguous(index: number): Slot {
    const { width } = this.step.allNodes[index]!;
    const isView = ["parameter", "broadcast", "slice"].includes(this.step.allNodes[index]!.kind);
    if (!isView) return this.slots.of(index);
    const { slot, isNew } = this.slots.copyOf(index);
    if (isNew) this.#copyTo(slot, this.viewOf(index), width);
    return slot;
  }

  #copyTo(slot: Slot, view: View, width: number, start = 0): void {
    const { code, rows } = this.#context;
    const address = code.body.let(i32.add(this.slotAddress(slot), 4 * start));
    copyRows(code.body, view, { address, rowBytes: 4 * slot.width, hasUnits: true }, { width, rows });
  }

  /** Writes the code of a node. */
  append(index: number): void {
    const node = this.step.allNodes[index]!;
    switch (node.kind) {
      case "input":
        this.gather("inputs", this.slots.of(index));
        return;
      case "dense":
        this.#dense(index, node);
        return;
      case "denseInputs":
        this.#denseInputs(index, node);
        return;
      case "elementwise":
        this.#elementwise(index, node);
        return;
      case "reduce":
        this.#reduce(index, node);
        return;
      case "concat":
        this.#concat(index, node.from);
        return;
      case "pad":
        this.#zero(this.slots.of(index));
        this.#copyTo(this.slots.of(index), this.viewOf(node.from), this.step.allNodes[node.from]!.width, node.start);
        return;
      case "gather":
        this.#gatherTable(index, node);
        return;
      case "dropout":
        this.#dropout(index, node);
        return;
      case "noise":
        this.#noise(index, node);
        return;
      case "outputGradient": // the loss writes it
      case "parameter": // the rest are views
      case "broadcast":
      case "slice":
    }
  }

  /** Copies the batch's rows of the data. */
  gather(source: "inputs" | "targets", slot: Slot): void {
    const { code, args, member, batchFirst, rows, record } = this.#context;
    const { body } = code;
    const to = this.slotAddress(slot);
    const data = body.let(read(args, source));
    const numbers = body.let(read(args, "rows"));
    body.if(
      numbers,
      () => {
        const ofMember = i32.mul(member, read(args, "rowsMember"));
        const first = body.let(i32.add(i32.add(numbers, ofMember), i32.shl(batchFirst, 2)));
        body.for({ from: 0, to: rows }, (row) => {
          const number = i32.load(i32.add(first, i32.shl(row, 2)));
          const from = body.let(i32.add(data, i32.mul(number, 4 * slot.width)));
          copyRow(body, from, body.let(i32.add(to, i32.mul(row, 4 * slot.width))), slot.width);
        });
      },
      () => {
        const position = i32.add(i32.load(record, 4), batchFirst);
        const from = body.let(i32.add(data, i32.mul(position, 4 * slot.width)));
        copyFlat(body, from, to, this.#bytes(slot.width));
      },
    );
  }

  #bytes(width: number): Address {
    return this.#context.code.body.let(i32.mul(this.#context.rows, 4 * width));
  }

  /** Address of the arguments of a dense node's product. */
  #productArguments({ index }: DenseShape, kind: ProductKind): Address {
    const { code, args } = this.#context;
    const at = productKinds.length * index + productKinds.indexOf(kind);
    return code.body.let(i32.load(read(args, "products"), 4 * at));
  }

  /** A layer's right matrix: in panels where the pass has packed it, or as weights lie. */
  #weights(layer: DenseShape, kind: "forward" | "inputs"): Pick<EmittedProduct, "b" | "columnBytes"> {
    const { code, args, member, parameters } = this.#context;
    const plain = i32.add(parameters, 4 * layer.weightsOffset);
    const columnBytes = kind === "forward" ? 4 : 4 * layer.fanOut;
    const matrix = this.#packed.find((own) => own.layer.index === layer.index && own.kind === kind);
    if (!matrix) return { b: plain, columnBytes };
    const packed = code.body.let(read(args, "packed"));
    const own = i32.add(i32.add(packed, matrix.offset), i32.mul(member, read(args, "slotsMember")));
    const distance = i32.select(constant("i32", 4 * matrix.k), columnBytes, packed);
    return { b: code.body.let(i32.select(own, plain, packed)), columnBytes: code.body.let(distance) };
  }

  #dense(index: number, { from }: NodeOf<"dense">): void {
    const { code, rows, parameters, scratch } = this.#context;
    const { body } = code;
    const layer = this.#layers.get(index)!;
    const inputs = this.slotAddress(this.contiguous(from));
    const outputs = this.slotAddress(this.slots.of(index));
    const weights = this.#weights(layer, "forward");
    const bias = {
      address: body.let(i32.add(parameters, 4 * layer.biasOffset)),
      rowBytes: 0,
      hasUnits: true,
    };
    copyRows(
      body,
      bias,
      { address: outputs, rowBytes: 4 * layer.fanOut, hasUnits: true },
      { width: layer.fanOut, rows },
    );
    emitProduct(body, this.#block, {
      a: inputs,
      ...weights,
      out: outputs,
      rows,
      columns: layer.fanOut,
      k: layer.fanIn,
      scratch,
      args: this.#productArguments(layer, "forward"),
    });
  }

  #denseInputs(index: number, { from, dense }: NodeOf<"denseInputs">): void {
    const { code, rows, scratch } = this.#context;
    const layer = this.#layers.get(dense)!;
    const dOutputs = this.slotAddress(this.contiguous(from));
    const dInputs = this.slotAddress(this.slots.of(index));
    emitProduct(code.body, this.#block, {
      a: dOutputs,
      ...this.#weights(layer, "inputs"),
      out: dInputs,
      rows,
      columns: layer.fanIn,
      k: layer.fanOut,
      scratch,
      args: this.#productArguments(layer, "inputs"),
    });
  }

  #elementwise(index: number, { from, expression, width }: NodeOf<"elementwise">): void {
    const { code, rows } = this.#context;
    const { body } = code;
    const views = from.map((operand) => this.viewOf(operand));
    const to = this.slotAddress(this.slots.of(index));
    const compute = (operands: readonly Floats[]): Floats => {
      const inputs = new Map(operands.map((operand, at) => [operandName(at), operand]));
      return emitExpressions(code, [expression], inputs)[0]!;
    };
    if (views.every((view) => isFlat(view, width))) {
      body.for({ from: 0, to: this.#bytes(width), by: 16 }, (at) => {
        const value = compute(views.map(({ address }) => body.let(f32x4.load(i32.add(address, at)))));
        body.store(i32.add(to, at), value);
      });
      return;
    }
    body.for({ from: 0, to: rows }, (row) => {
      const operands = views.map((view) => {
        const address = rowOf(body, view, row);
        return { address, same: view.hasUnits ? undefined : body.let(f32x4.loadSplat(address)) };
      });
      const target = body.let(i32.add(to, i32.mul(row, 4 * width)));
      forUnits(body, width, ({ index: unit, offset, lanes }) => {
        const values = operands.map(({ address, same }) => same ?? body.let(f32x4.load(place(address, unit), offset)));
        const value = compute(values);
        if (lanes === 4) body.store(place(target, unit), value, offset);
        else storeLanes(body, target, value, { lanes, offset });
      });
    });
  }

  #reduce(index: number, { from, reduction }: NodeOf<"reduce">): void {
    const { code, rows } = this.#context;
    const { body } = code;
    const { width } = this.step.allNodes[from]!;
    const view = this.viewOf(from);
    const to = this.slotAddress(this.slots.of(index));
    body.for({ from: 0, to: rows }, (row) => {
      const address = rowOf(body, view, row);
      const over = (start: number, add: (sum: Floats, value: Floats) => Floats): Floats => {
        const sum = body.variable("f32x4", start);
        forUnits(body, width, ({ index: unit, offset, lanes }) => {
          const loaded = view.hasUnits ? f32x4.load(place(address, unit), offset) : f32x4.loadSplat(address);
          const value = body.let(loaded);
          const added = add(sum, value);
          body.set(sum, lanes === 4 ? added : f32x4.bitselect(added, sum, firstLanes(lanes)));
        });
        return sum;
      };
      body.storeLane(i32.add(to, i32.shl(row, 2)), this.#reduced(reduction, over, width), 0);
    });
  }

  #reduced(
    reduction: NodeOf<"reduce">["reduction"],
    over: (start: number, add: (sum: Floats, value: Floats) => Floats) => Floats,
    width: number,
  ): Floats {
    const { code } = this.#context;
    if (reduction === "sum" || reduction === "mean") {
      const sum = sumOfLanes(code, over(0, f32x4.add));
      return reduction === "sum" ? sum : f32x4.div(sum, width);
    }
    const most = code.let(maxOfLanes(code, over(Number.NEGATIVE_INFINITY, f32x4.max)));
    if (reduction === "max") return most;
    const sum = sumOfLanes(
      code,
      over(0, (total, value) => f32x4.add(total, exponential(code, f32x4.sub(value, most)))),
    );
    const isFinite = f32x4.lt(f32x4.abs(most), Number.POSITIVE_INFINITY);
    return f32x4.bitselect(f32x4.add(most, naturalLogarithm(code, sum)), most, isFinite);
  }

  #concat(index: number, from: readonly number[]): void {
    let start = 0;
    for (const operand of from) {
      const { width } = this.step.allNodes[operand]!;
      this.#copyTo(this.slots.of(index), this.viewOf(operand), width, start);
      start += width;
    }
  }

  #zero(slot: Slot): void {
    const { body } = this.#context.code;
    const to = this.slotAddress(slot);
    body.for({ from: 0, to: this.#bytes(slot.width), by: 16 }, (at) =>
      body.store(i32.add(to, at), constant("f32x4", 0)),
    );
  }

  /** The category that a row names. */
  categoryOf(view: View, row: Value<"i32">): Address {
    const { body } = this.#context.code;
    const value = f32x4.loadSplat(rowOf(body, view, row));
    return body.let(i32x4.extractLane(i32x4.truncSatF32x4S(value), 0));
  }

  #gatherTable(index: number, { from, table, width }: NodeOf<"gather">): void {
    const { code, rows, parameters } = this.#context;
    const { body } = code;
    const { offset } = this.step.parameters[table]!;
    const categories = this.viewOf(from);
    const to = this.slotAddress(this.slots.of(index));
    const first = body.let(i32.add(parameters, 4 * offset));
    body.for({ from: 0, to: rows }, (row) => {
      const entry = i32.mul(this.categoryOf(categories, row), 4 * width);
      copyRow(body, body.let(i32.add(first, entry)), body.let(i32.add(to, i32.mul(row, 4 * width))), width);
    });
  }

  #dropout(index: number, node: NodeOf<"dropout">): void {
    const { rate } = node;
    const { code } = this.#context;
    this.#draw(index, node, (value, units, wordAt) => {
      const word = wordAt(code.let(i32x4.shrU(units, 1)));
      const half = i32x4.bitselect(maskHalf(word, true), maskHalf(word, false), i32x4.constants(0, -1, 0, -1));
      return code.clear(f32x4.div(value, 1 - rate), i32x4.gtS(dropThreshold(rate), half));
    });
  }

  #noise(index: number, node: NodeOf<"noise">): void {
    const { code } = this.#context;
    this.#draw(index, node, (value, units, wordAt) => {
      const first = code.let(i32x4.shl(units, 1));
      const [u, v] = [first, code.let(i32x4.add(first, 1))].map((place) => code.let(uniformOf(wordAt(place))));
      const inputs = new Map([
        ["x0", u!],
        ["x1", v!],
      ]);
      const [normal] = emitExpressions(code, [normalExpression], inputs) as [Floats];
      return f32x4.add(value, f32x4.mul(normal, node.deviation));
    });
  }

  /** Writes a node that draws while training: what becomes of four units, whose words are had by their places. */
  #draw(
    index: number,
    { from, stream, width }: NodeOf<"dropout" | "noise">,
    draw: (value: Floats, units: Mask, wordAt: (places: Mask) => Mask) => Floats,
  ): void {
    const { code, args, member, batchFirst, rows, turn } = this.#context;
    const { body } = code;
    const view = this.viewOf(from);
    const slot = this.slots.of(index);
    if (!this.#isTraining) {
      this.#copyTo(slot, view, width);
      return;
    }
    const to = this.slotAddress(slot);
    const ofTurn = i32.mul(turn, read(args, "masksTurn"));
    const ofMember = i32.mul(member, read(args, "masksMember"));
    const key = body.let(i32.add(read(args, "masks"), i32.add(ofTurn, ofMember)));
    const at = 8 * dropoutStreams(this.step).indexOf(stream);
    const keys = [0, 4].map((word) => body.let(i32x4.splat(i32.load(key, at + word)))) as [Mask, Mask];
    body.for({ from: 0, to: rows }, (row) => {
      const state = maskState(body, keys, body.let(i32x4.splat(i32.add(batchFirst, row))));
      const [source, target] = [rowOf(body, view, row), body.let(i32.add(to, i32.mul(row, 4 * width)))];
      const same = view.hasUnits ? undefined : body.let(f32x4.loadSplat(source));
      forUnits(body, width, ({ index: unit, offset, lanes }) => {
        const bytes = unit === undefined ? constant("i32", offset) : i32.add(unit, offset);
        const units = body.let(i32x4.add(i32x4.splat(i32.shrU(bytes, 2)), i32x4.constants(0, 1, 2, 3)));
        const value = same ?? f32x4.load(place(source, unit), offset);
        const drawn = draw(value, units, (places) => maskWord(body, keys, state, places));
        if (lanes === 4) body.store(place(target, unit), drawn, offset);
        else storeLanes(body, target, code.let(drawn), { lanes, offset });
      });
    });
  }
}

type Mask = Value<"i32x4">;
