// Operations of a program as what the fusing passes know: expressions over loads, reductions of rows, products, and others.

import { binaryExpression, binaryKey, unaryExpression, unaryKey } from "../../../../math/elementwise.ts";
import { Expression } from "../../../../math/expression.ts";
import { Simplifier } from "../../../../math/simplify.ts";
import { neededOperations, type Operation, type Program, type Value } from "../../../program.ts";
import { coalesce, sameShape, sizeOf, stridesOf } from "../../../shape.ts";
import type {
  BinaryOperation,
  CopyOperation,
  MatmulOperation,
  ReduceOperation,
  StoredValues,
  UnaryOperation,
} from "../../../tensorBackend.ts";
import { type Domain, isIdentity, type Load, loadOf, throughCopy, wholeLoad } from "./loads.ts";

/** out[i] = expression of loads at i. */
export interface MapNode {
  readonly kind: "map";
  readonly out: Value;
  /** Loads by the inputs of the expression. */
  readonly loads: ReadonlyMap<string, Load>;
  readonly expression: Expression;
}

/** out[row] = scale · Σ of a row, or its largest value. */
export interface ReduceNode {
  readonly kind: "reduce";
  readonly out: Value;
  readonly name: "sum" | "max";
  readonly domain: Domain;
  readonly load: Load;
  readonly scale: number;
}

export interface ProductNode {
  readonly kind: "product";
  readonly out: Value;
  readonly of: MatmulOperation<Value>;
}

/** Operations of other kinds, each with a kernel of its own; several write parts of one value. */
export interface OtherNode {
  readonly kind: "other";
  readonly out: Value;
  readonly operations: Exclude<Operation, { kind: "unary" | "binary" | "matmul" }>[];
}

export type ProgramNode = MapNode | ReduceNode | ProductNode | OtherNode;

/** Rows from which reducing each in one invocation keeps a device busy; shorter rows are reduced so in any case. */
const manyRows = 1024;
const longRow = 2048;

const isF32Number = (value: number): boolean => Number.isFinite(Math.fround(value));

/** Whether a copy writes all of a value, row by row. */
function isWhole({ sizes, out, frame }: CopyOperation<Value>): boolean {
  const walk = coalesce(sizes, out.strides);
  const dense = coalesce(walk.sizes, stridesOf(walk.sizes));
  return (
    !frame && out.offset === 0 && sizeOf(sizes) === out.buffer.size && sameShape(walk.strides[0]!, dense.strides[0]!)
  );
}

/** The rows of a reduction, where they lie side by side. */
function domainOf({ kept, reduced, a }: ReduceOperation<Value>): Domain | undefined {
  const [rows, width] = [sizeOf(kept.sizes), sizeOf(reduced.sizes)];
  if (kept.sizes.length > 1 || reduced.sizes.length > 1 || a.offset !== 0 || a.buffer.size !== rows * width)
    return undefined;
  if (width > longRow && rows < manyRows) return undefined;
  const [keptStride = width, reducedStride = 1] = [kept.strides[0], reduced.strides[0]];
  if (keptStride === width && reducedStride === 1) return { rows, width, order: "rows" };
  return keptStride === 1 && reducedStride === rows ? { rows, width, order: "columns" } : undefined;
}

/** Turns operations into nodes: copies become strides, what is computed twice is computed once, constants go into expressions. */
class NodeMaker {
  readonly nodes: ProgramNode[] = [];
  readonly #simplifier = new Simplifier();
  readonly #same = new Map<Value, Value>();
  readonly #constants = new Map<Value, number>();
  readonly #copies = new Map<Value, Load>();
  readonly #known = new Map<string, Value>();
  /** Numbers that WGSL has no constants for, as values. */
  readonly #numbers = new Map<number, Value>();
  readonly #others = new Map<Value, OtherNode>();
  readonly #outputs: ReadonlySet<Value>;

  constructor(program: Program) {
    this.#outputs = new Set(program.outputs.map(({ value }) => value));
    for (const operation of neededOperations(program)) if (operation.of.out.buffer.size > 0) this.#add(operation);
  }

  #add(operation: Operation): void {
    const { kind, of } = operation;
    if (kind === "unary") return this.#addMap(of.out.buffer, ...this.#unary(of));
    if (kind === "binary") return this.#addMap(of.out.buffer, ...this.#binary(of));
    if (kind === "matmul") return this.#addProduct(of);
    if (kind === "copy" && isWhole(of)) {
      const load = loadOf(of.a.buffer, of.sizes, of.a.strides, of.a.offset);
      return this.#addMap(of.out.buffer, "identity", Expression.input("x"), { x: load });
    }
    if (kind === "reduce" && of.name !== "logSumExp" && this.#addReduce(of)) return;
    this.#addOther(operation as OtherNode["operations"][number]);
  }

  #unary(of: UnaryOperation<Value>): [string, Expression, Record<string, Load>] {
    const exponent = new Map([["exponent", Expression.constant(of.exponent)]]);
    const expression = unaryExpression(of.name, of.choice).substitute(exponent);
    return [
      `${unaryKey(of.name, of.choice)} ${of.exponent}`,
      expression,
      { x: wholeLoad(of.a.buffer, of.count, of.a.offset) },
    ];
  }

  #binary(of: BinaryOperation<Value>): [string, Expression, Record<string, Load>] {
    const load = (operand: BinaryOperation<Value>["a"]): Load =>
      typeof operand === "number"
        ? loadOf(
            this.#numberValue(operand),
            of.sizes,
            of.sizes.map(() => 0),
            0,
          )
        : loadOf(operand.buffer, of.sizes, operand.strides, operand.offset);
    return [binaryKey(of.name, of.choice), binaryExpression(of.name, of.choice), { x: load(of.a), y: load(of.b) }];
  }

  #numberValue(number: number): Value {
    const known = this.#numbers.get(number);
    const source = { kind: "fill", value: number } as const;
    const value: Value = known ?? { id: -1 - this.#numbers.size, size: 1, dtype: "f32", source };
    this.#numbers.set(number, value);
    return value;
  }

  /** What a value is equal to: one that was computed before. */
  #canonical(value: Value): Value {
    return this.#same.get(value) ?? value;
  }

  #resolved(load: Load): Load {
    const same = { ...load, value: this.#canonical(load.value) };
    const copy = this.#copies.get(same.value);
    const through = copy && throughCopy(same, copy);
    return through ?? same;
  }

  #constantOf({ value }: Load): number | undefined {
    const { source } = value;
    const number = source?.kind === "fill" ? source.value : this.#constants.get(value);
    return number !== undefined && isF32Number(number) ? number : undefined;
  }

  #addMap(out: Value, key: string, whole: Expression, by: Record<string, Load>): void {
    const loads = new Map<string, Load>();
    const constants = new Map<string, Expression>();
    for (const [name, own] of Object.entries(by)) {
      const load = this.#resolved(own);
      const constant = this.#constantOf(load);
      if (constant === undefined) loads.set(name, load);
      else constants.set(name, Expression.constant(constant));
    }
    const expression = this.#simplifier.simplify(whole.substitute(constants));
    if (expression.isConstant()) this.#constants.set(out, expression.value);
    const copied = expression.kind === "input" ? loads.get(expression.name) : undefined;
    if (copied) this.#copies.set(out, copied);
    if (copied && isIdentity(copied) && !this.#outputs.has(out)) {
      this.#same.set(out, copied.value);
      return;
    }
    const places = [...loads].map(([name, { value, sizes, strides, offset }]) => [
      name,
      value.id,
      sizes,
      strides,
      offset,
    ]);
    const constantKey = [...constants].map(([name, { value }]) => [name, value]);
    this.#keep(JSON.stringify([key, out.size, places, constantKey]), { kind: "map", out, loads, expression });
  }

  /** Adds a node, unless there is one that computes the same. */
  #keep(key: string, node: ProgramNode): void {
    const known = this.#known.get(key);
    if (known && !this.#outputs.has(node.out)) {
      this.#same.set(node.out, known);
      return;
    }
    this.#known.set(key, node.out);
    this.nodes.push(node);
  }

  #addReduce(of: ReduceOperation<Value>): boolean {
    const { name, scale, kept, reduced } = of;
    if (name === "logSumExp") return false;
    const value = this.#canonical(of.a.buffer);
    if (reduced.sizes.length === 0) {
      const expression = name === "sum" ? Expression.input("x").times(scale) : Expression.input("x");
      this.#addMap(of.out.buffer, `scaled ${scale}`, expression, {
        x: loadOf(value, kept.sizes, kept.strides, of.a.offset),
      });
      return true;
    }
    const domain = domainOf(of);
    if (!domain) return false;
    const load = this.#resolved(wholeLoad(value));
    const { id, size } = load.value;
    const key = JSON.stringify(["reduce", name, scale, domain, id, size, load.sizes, load.strides, load.offset]);
    this.#keep(key, { kind: "reduce", out: of.out.buffer, name, domain, load, scale });
    return true;
  }

  #stored<Stored extends StoredValues<Value>>(stored: Stored): Stored {
    return { ...stored, buffer: this.#canonical(stored.buffer) };
  }

  #addProduct(of: MatmulOperation<Value>): void {
    const own = { ...of, a: this.#stored(of.a), b: this.#stored(of.b) };
    const { a, b, batch, m, n, k, transposeA, transposeB } = own;
    const operands = [a, b].map(({ buffer, offset, leading, batchStrides }) => [
      buffer.id,
      offset,
      leading,
      batchStrides,
    ]);
    const key = JSON.stringify(["product", operands, batch, m, n, k, transposeA, transposeB]);
    this.#keep(key, { kind: "product", out: of.out.buffer, of: own });
  }

  #addOther(operation: OtherNode["operations"][number]): void {
    const { kind, of } = operation;
    const own = (
      kind === "softmax"
        ? { kind, of: { ...of, a: this.#stored(of.a), b: this.#stored(of.b) } }
        : { kind, of: { ...of, a: this.#stored(of.a) } }
    ) as OtherNode["operations"][number];
    const value = of.out.buffer;
    const known = this.#others.get(value);
    if (known) {
      known.operations.push(own);
      this.nodes.splice(this.nodes.indexOf(known), 1); // all parts are written behind what the last of them reads
    }
    const node: OtherNode = known ?? { kind: "other", out: value, operations: [own] };
    this.#others.set(value, node);
    this.nodes.push(node);
  }
}

/** Loads of a node that are not operands of a product or of another operation. */
export function loadsOf(node: ProgramNode): readonly Load[] {
  if (node.kind === "map") return [...node.loads.values()];
  return node.kind === "reduce" ? [node.load] : [];
}

/** Values that a node reads. */
export function operandsOf(node: ProgramNode): readonly Value[] {
  if (node.kind === "product") return [node.of.a.buffer, node.of.b.buffer];
  if (node.kind === "other") {
    return node.operations.flatMap(({ kind, of }) => (kind === "softmax" ? [of.a.buffer, of.b.buffer] : [of.a.buffer]));
  }
  return loadsOf(node).map(({ value }) => value);
}

/** The nodes of a program that its outputs depend on. */
export function nodesOf(program: Program): ProgramNode[] {
  const { nodes } = new NodeMaker(program);
  const needed = new Set(program.outputs.map(({ value }) => value));
  const kept = nodes.toReversed().filter((node) => {
    if (!needed.has(node.out)) return false;
    for (const value of operandsOf(node)) needed.add(value);
    return true;
  });
  return kept.toReversed();
}
