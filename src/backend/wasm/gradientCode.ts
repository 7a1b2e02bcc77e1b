import type { ParameterGradient } from "../../graph/derive.ts";
import { type DenseShape, denseShapesOf } from "../../graph/graphNetwork.ts";
import type { Body } from "./body.ts";
import type { GraphCode, RowsContext } from "./graphCode.ts";
import { f32x4, i32 } from "./instructions.ts";
import { emitProduct, productKinds } from "./layerProducts.ts";
import { least } from "./least.ts";
import type { Block } from "./matmulBlock.ts";
import { read } from "./passArguments.ts";
import { type Address, forUnits, place, storeLanes } from "./rowLoops.ts";
import { constant, type Value } from "./value.ts";
import type { Floats } from "./vectorCode.ts";

type Step = GraphCode["step"];
type GradientOf<K extends ParameterGradient["kind"]> = Extract<ParameterGradient, { kind: K }>;

/** f32 values from the parameters of a member to those of the next: whole vectors. */
export const strideOf = (parameters: Step["parameters"]): number =>
  4 * Math.ceil(parameters.reduce((sum, { size }) => sum + size, 0) / 4);

/** A part of the gradients of one member that items share: rows of weights, or all of a vector. */
export interface GradientJob {
  /** Rows of weights that can be computed apart; 1 for what is one item. */
  readonly rows: number;
  /** Operations of one of these rows and one sample. */
  readonly operations: number;
}

const layersOf = (step: Step): Map<number, DenseShape> =>
  new Map(denseShapesOf(step).map((shape) => [shape.node, shape]));

/** What the gradients of a step consist of, in the order in which `GradientCode` numbers items. */
export function gradientJobs(step: Step): GradientJob[] {
  const layers = layersOf(step);
  return step.parameterGradients.flatMap((own): GradientJob[] => {
    const { width } = step.allNodes[own.gradient]!;
    if (own.kind !== "dense") return [{ rows: 1, operations: width }];
    return [
      { rows: layers.get(own.dense)!.fanIn, operations: 2 * width },
      { rows: 1, operations: width },
    ];
  });
}

function storeUnits(
  body: Body,
  to: Address,
  value: Floats,
  at: { index: Address | undefined; offset: number; lanes: number },
): void {
  if (at.lanes === 4) body.store(place(to, at.index), value, at.offset);
  else storeLanes(body, to, value, at);
}

/** Writes the gradients of the parameters, sums over the rows of a chunk in order; each item computes a part of them. */
export class GradientCode {
  readonly #graph: GraphCode;
  readonly #context: RowsContext;
  readonly #block: Block;
  readonly #layers: ReadonlyMap<number, DenseShape>;
  /** Address of the member's gradients, whether they are added to, and the list of jobs. */
  readonly #gradients: Address;
  readonly #isAdded: Address;
  readonly #jobs: Address;
  #job = 0;

  /** @param context `first` is 0, and `rows` are those of the chunk */
  constructor(graph: GraphCode, context: RowsContext, block: Block) {
    const { args, member, code } = context;
    const { body } = code;
    this.#graph = graph;
    this.#context = context;
    this.#block = block;
    this.#layers = layersOf(graph.step);
    const own = i32.mul(member, 4 * strideOf(graph.step.parameters));
    this.#gradients = body.let(i32.add(read(args, "gradients"), own));
    this.#isAdded = body.let(read(args, "isAdded"));
    this.#jobs = body.let(read(args, "jobs"));
  }

  get #body(): Body {
    return this.#context.code.body;
  }

  /** Writes what an item computes. */
  write(item: Value<"i32">): void {
    const rest = this.#body.variable("i32", item);
    /** Runs code where the item belongs to the next job. @param build called with the first row, and how many */
    const nextJob = (build: (firstRow: Address, rowsPerItem: Address) => void): void => {
      const at = 8 * this.#job++;
      const items = this.#body.let(i32.load(this.#jobs, at));
      const isOwn = this.#body.let(i32.ltU(rest, items));
      this.#body.if(isOwn, () => {
        const rowsPerItem = this.#body.let(i32.load(this.#jobs, at + 4));
        build(this.#body.let(i32.mul(rest, rowsPerItem)), rowsPerItem);
      });
      // Behind its own job an item gets a number that no job has.
      this.#body.set(rest, i32.select(constant("i32", -1), i32.sub(rest, items), isOwn));
    };
    for (const own of this.#graph.step.parameterGradients) {
      const dOutputs = this.#graph.slotAddress(this.#graph.contiguous(own.gradient), 0);
      const { width } = this.#graph.step.allNodes[own.gradient]!;
      if (own.kind === "dense") this.#dense(own, { dOutputs, width }, nextJob);
      else if (own.kind === "vector") {
        const { offset } = this.#graph.step.parameters[own.parameter]!;
        nextJob(() => this.#sumColumns(dOutputs, width, offset));
      } else nextJob(() => this.#addToTable(own, dOutputs, width));
    }
  }

  #dense(
    own: GradientOf<"dense">,
    { dOutputs, width }: { readonly dOutputs: Address; readonly width: number },
    nextJob: (build: (firstRow: Address, rowsPerItem: Address) => void) => void,
  ): void {
    const { args, rows, scratch } = this.#context;
    const { index, fanIn, weightsOffset, biasOffset } = this.#layers.get(own.dense)!;
    const inputs = this.#graph.slotAddress(this.#graph.contiguous(own.input), 0);
    nextJob((firstRow, rowsPerItem) => {
      const argumentsOf = (kind: "weights" | "weightsAdded"): Address =>
        i32.load(read(args, "products"), 4 * (productKinds.length * index + productKinds.indexOf(kind)));
      emitProduct(this.#body, this.#block, {
        a: i32.add(inputs, i32.shl(firstRow, 2)),
        b: dOutputs,
        out: i32.add(this.#gradients, i32.add(4 * weightsOffset, i32.mul(firstRow, 4 * width))),
        rows: least(this.#body, i32.sub(fanIn, firstRow), rowsPerItem),
        columns: width,
        columnBytes: 4,
        k: rows,
        args: this.#body.let(i32.select(argumentsOf("weightsAdded"), argumentsOf("weights"), this.#isAdded)),
        scratch,
      });
    });
    nextJob(() => this.#sumColumns(dOutputs, width, biasOffset));
  }

  /** Sums of columns, the gradients of parameters from an offset on. */
  #sumColumns(from: Address, width: number, offset: number): void {
    const body = this.#body;
    const to = body.let(i32.add(this.#gradients, 4 * offset));
    forUnits(body, width, (at) => {
      const sum = body.variable("f32x4", 0);
      body.if(this.#isAdded, () => body.set(sum, f32x4.load(place(to, at.index), at.offset)));
      const first = body.let(i32.add(from, at.index ?? 0));
      body.for({ from: 0, to: this.#context.rows }, (row) =>
        body.set(sum, f32x4.add(sum, f32x4.load(i32.add(first, i32.mul(row, 4 * width)), at.offset))),
      );
      storeUnits(body, to, sum, at);
    });
  }

  /** Gradients of an embedding table: of each category the sum over the samples that name it. */
  #addToTable(own: GradientOf<"table">, dOutputs: Address, width: number): void {
    const body = this.#body;
    const { offset, size } = this.#graph.step.parameters[own.parameter]!;
    const table = body.let(i32.add(this.#gradients, 4 * offset));
    const categories = this.#graph.viewOf(own.index);
    body.if(i32.eqz(this.#isAdded), () =>
      forUnits(body, size, (at) => storeUnits(body, table, constant("f32x4", 0), at)),
    );
    body.for({ from: 0, to: this.#context.rows }, (row) => {
      const entry = body.let(i32.add(table, i32.mul(this.#graph.categoryOf(categories, row), 4 * width)));
      const from = body.let(i32.add(dOutputs, i32.mul(row, 4 * width)));
      forUnits(body, width, (at) => {
        const load = (address: Address): Floats => f32x4.load(place(address, at.index), at.offset);
        storeUnits(body, entry, body.let(f32x4.add(load(entry), load(from))), at);
      });
    });
  }
}
