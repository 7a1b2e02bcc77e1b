import { usesOf } from "./differentiate.ts";
import { inOrder, type Expression } from "./expression.ts";
import {
  addScaled,
  copyOf,
  loopOf,
  type NumberAt,
  numberLoops,
  type Operation,
  shiftScaled,
  type Values,
} from "./float64Loops.ts";

// A second way beside float64.ts to compute expressions in float64: one loop over a block of values per node. A function per value
// would cost a call per node and value.

/** Values per block: few enough that the blocks of a program stay in the first-level cache. */
const blockLength = 512;

/** Expressions of vectors and numbers in float64, computed a block of values at a time. A run allocates nothing. */
export interface BlockProgram {
  /** Values of the numbers, in the order of their names; write them before a run. */
  readonly numbers: Float64Array;
  /** Values that a run computes at most. */
  readonly blockLength: number;
  /** Values of each expression after a run, [blockLength]. */
  readonly outputs: readonly Float64Array[];
  /** Computes all outputs at places `first` to `first + count` of the vectors, in the order of their names; more are ignored. */
  run(vectors: readonly Float64Array[], first: number, count: number): void;
}

/** Where the values of a node are: in a block of the program, in a vector of the caller, or one number for every place. */
type Source =
  | { readonly kind: "block"; readonly values: Float64Array }
  | { readonly kind: "vector"; readonly index: number }
  | { readonly kind: "number"; readonly index: number };

/** An addition or subtraction, and the operand of it that is a product computed in the same loop. */
interface Fusion {
  readonly product: Expression;
  readonly added: Expression;
  readonly sign: 1 | -1;
}

/** Turns nodes into operations on blocks. */
class Compiler {
  readonly numbers: Float64Array;
  readonly operations: Operation[] = [];
  readonly outputs: readonly Float64Array[];
  /** Vectors of the caller, filled in by each run. */
  readonly vectors: Values[];
  /** Numbers that a loop reads as a block: filled where the number has changed. */
  readonly #filled = new Map<number, Float64Array>();
  readonly #sources = new Map<Expression, Source>();

  constructor(outputs: readonly Expression[], vectors: readonly string[], numbers: readonly string[]) {
    const order = inOrder(outputs);
    const constants = order.filter(({ kind }) => kind === "constant");
    this.numbers = Float64Array.from([...numbers.map(() => 0), ...constants.map(({ value }) => value)]);
    this.vectors = vectors.map(() => ({ array: new Float64Array(0), first: 0 }));
    for (const node of order) {
      if (node.kind === "input") this.#sources.set(node, sourceOf(node.name, vectors, numbers));
      if (node.kind === "constant")
        this.#sources.set(node, { kind: "number", index: numbers.length + constants.indexOf(node) });
    }
    const fusions = this.#fusions(order, usesOf(order, outputs));
    const fused = new Set([...fusions.values()].map(({ product }) => product));
    for (const node of order) {
      if (node.kind === "application" && !fused.has(node)) this.#add(node, fusions.get(node));
    }
    this.outputs = outputs.map((output) => this.#block(output));
    const fills = [...this.#filled].map(([index, block]) => (): void => {
      const number = this.numbers[index]!;
      if (!Object.is(block[0], number)) block.fill(number);
    });
    this.operations.unshift(...fills);
  }

  #isNumber(node: Expression): boolean {
    return this.#sources.get(node)?.kind === "number";
  }

  /** Additions and subtractions of a product with a number that nothing else uses. */
  #fusions(order: readonly Expression[], uses: ReadonlyMap<Expression, number>): Map<Expression, Fusion> {
    const isScaled = (node: Expression): boolean =>
      node.primitive === "multiply" &&
      uses.get(node) === 1 &&
      node.operands.filter((factor) => this.#isNumber(factor)).length === 1;
    const fusions = new Map<Expression, Fusion>();
    for (const node of order) {
      const [a, b] = node.operands as [Expression, Expression];
      if (node.primitive === "add" && isScaled(a)) fusions.set(node, { product: a, added: b, sign: 1 });
      else if (node.primitive === "add" && isScaled(b)) fusions.set(node, { product: b, added: a, sign: 1 });
      else if (node.primitive === "subtract" && isScaled(b)) fusions.set(node, { product: b, added: a, sign: -1 });
    }
    return fusions;
  }

  /** The values of a node in a block. */
  #block(node: Expression): Float64Array {
    const source = this.#sources.get(node)!;
    if (source.kind === "block") return source.values;
    const [from, to] = [this.#valuesOf(source), new Float64Array(blockLength)];
    this.operations.push(copyOf(to, from));
    return to;
  }

  #valuesOf(source: Source): Values {
    if (source.kind === "vector") return this.vectors[source.index]!;
    if (source.kind === "block") return { array: source.values, first: 0 };
    const block = this.#filled.get(source.index) ?? new Float64Array(blockLength);
    this.#filled.set(source.index, block);
    return { array: block, first: 0 };
  }

  /** The two operands as values and a number, where one is a number and the other is not. */
  #scaled(operands: readonly Expression[]): { readonly values: Values; readonly factor: NumberAt } | undefined {
    const [first, second] = operands.map((operand) => this.#sources.get(operand)!);
    if (!first || !second || (first.kind === "number") === (second.kind === "number")) return undefined;
    const [number, values] = first.kind === "number" ? [first, second] : [second, first];
    return {
      values: this.#valuesOf(values),
      factor: { numbers: this.numbers, index: (number as { readonly index: number }).index },
    };
  }

  #add(node: Expression, fusion: Fusion | undefined): void {
    const to = new Float64Array(blockLength);
    this.operations.push(this.#operation(node, fusion, to));
    this.#sources.set(node, { kind: "block", values: to });
  }

  #operation(node: Expression, fusion: Fusion | undefined, to: Float64Array): Operation {
    if (fusion) {
      const scaled = { ...this.#scaled(fusion.product.operands)!, sign: fusion.sign };
      const added = this.#sources.get(fusion.added)!;
      return added.kind === "number"
        ? shiftScaled(to, scaled, { numbers: this.numbers, index: added.index })
        : addScaled(to, scaled, this.#valuesOf(added));
    }
    const numberLoop = numberLoops[node.primitive!];
    const scaled = numberLoop && this.#scaled(node.operands);
    if (scaled) return numberLoop(to, scaled.values, scaled.factor);
    const operands = node.operands.map((operand) => this.#valuesOf(this.#sources.get(operand)!));
    return loopOf(node.primitive!)(to, operands);
  }
}

function sourceOf(name: string, vectors: readonly string[], numbers: readonly string[]): Source {
  const [vector, number] = [vectors.indexOf(name), numbers.indexOf(name)];
  if (vector >= 0) return { kind: "vector", index: vector };
  if (number >= 0) return { kind: "number", index: number };
  throw new Error(`expression: the input ${name} is not one of ${[...vectors, ...numbers].join(", ")}`);
}

/**
 * Compiles expressions to a program over blocks. Both branches of a `where` are computed; the one that was not taken is not used.
 * @param vectors names of the inputs that have a value at every place
 * @param numbers names of the inputs that have one value for all places
 */
export function compileBlocks(
  outputs: readonly Expression[],
  vectors: readonly string[],
  numbers: readonly string[],
): BlockProgram {
  const compiler = new Compiler(outputs, vectors, numbers);
  const { operations } = compiler;
  return {
    numbers: compiler.numbers.subarray(0, numbers.length),
    blockLength,
    outputs: compiler.outputs,
    run(given, first, count) {
      for (let index = 0; index < compiler.vectors.length; index++) {
        const vector = compiler.vectors[index]!;
        vector.array = given[index]!;
        vector.first = first;
      }
      for (let index = 0; index < operations.length; index++) operations[index]!(count);
    },
  };
}
