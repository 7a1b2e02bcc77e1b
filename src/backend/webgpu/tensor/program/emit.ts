// Writes the WGSL of groups: rows as segments of shaders/compiledRows.wgsl, and what is done with the values of a product.

import { emitBody } from "../../../../math/emitWgsl.ts";
import { Expression, inOrder } from "../../../../math/expression.ts";
import { Simplifier } from "../../../../math/simplify.ts";
import type { Value } from "../../../program.ts";
import type { Group } from "./groups.ts";
import type { Domain, Load } from "./loads.ts";
import type { Place } from "./memory.ts";
import { loadsOf, type MapNode, type ReduceNode } from "./nodes.ts";

/** What the code of a group needs to know of memory. */
export interface Memory {
  readonly places: ReadonlyMap<Value, Place>;
  /** Name of a buffer in the kernel. */
  readonly nameOf: (arena: number) => string;
  readonly stored: ReadonlySet<Value>;
}

/** Values added to each other before they are added to others. */
const block = 64;

/** WGSL of the place of a load, from the names of the running index and of row and column. */
function addressOf({ sizes, strides, offset }: Load, base: number, domain: Domain | undefined): string {
  const first = base + offset;
  const isRows = domain && sizes.length === 2 && domain.order === "rows" && sizes[0] === domain.rows;
  const isColumns = domain && sizes.length === 2 && domain.order === "columns" && sizes[1] === domain.rows;
  const names = isRows ? ["row", "column"] : isColumns ? ["column", "row"] : undefined;
  let below = 1;
  const digits = sizes.map(() => "");
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const above = below === 1 ? "index" : `index / ${below}u`;
    digits[axis] =
      names?.[axis] ?? (axis === 0 ? above : below === 1 ? `index % ${sizes[axis]}u` : `(${above}) % ${sizes[axis]}u`);
    below *= sizes[axis]!;
  }
  const terms = digits.flatMap((digit, axis) => {
    const stride = strides[axis]!;
    if (stride === 0) return [];
    return [stride === 1 ? `(${digit})` : `(${digit}) * ${stride}u`];
  });
  if (first !== 0 || terms.length === 0) terms.unshift(`${first}u`);
  return terms.join(" + ").replaceAll("(index)", "index").replaceAll("(row)", "row").replaceAll("(column)", "column");
}

/** Something that a section computes: the value of an expression, stored, kept or added up. */
interface Result {
  readonly expression: Expression;
  readonly write: (text: string) => string;
}

/** Code of one group. */
class GroupCode {
  readonly #group: Group;
  readonly #memory: Memory;
  readonly #simplifier = new Simplifier();
  readonly #nodes: ReadonlyMap<Value, MapNode | ReduceNode>;
  readonly #phases = new Map<Value, number>();
  readonly #expressions = new Map<Value, Expression>();
  readonly #loads = new Map<string, Load>();
  readonly #loadNames = new Map<string, string>();

  constructor(group: Group, memory: Memory) {
    this.#group = group;
    this.#memory = memory;
    const own = group.nodes.filter((node) => node.kind === "map" || node.kind === "reduce");
    this.#nodes = new Map(own.map((node) => [node.out, node]));
    for (const node of own) this.#phases.set(node.out, this.#phaseOf(node));
  }

  /** Loops before a node can be computed; what a loop reduces is there after it. */
  #phaseOf(node: MapNode | ReduceNode): number {
    const before = Math.max(0, ...loadsOf(node).map(({ value }) => this.#phases.get(value) ?? 0));
    return node.kind === "reduce" ? before + 1 : before;
  }

  /** The input that stands for a value in memory. */
  #inputFor(load: Load): Expression {
    const key = JSON.stringify([load.value.id, load.sizes, load.strides, load.offset]);
    const name = this.#loadNames.get(key) ?? `l${this.#loadNames.size}`;
    this.#loadNames.set(key, name);
    this.#loads.set(name, load);
    return Expression.input(name);
  }

  #rowInput(value: Value): Expression {
    return Expression.input(`r${[...this.#group.byRow].indexOf(value)}`);
  }

  /** A load of a section: what it computes itself, a value of its row, or memory. */
  #operand(load: Load, isInRow: boolean, phase: number): Expression {
    const { value } = load;
    const node = this.#nodes.get(value);
    if (!node)
      return value === this.#group.nodes[0]!.out && this.#group.kind === "product"
        ? Expression.input("sum")
        : this.#inputFor(load);
    if (!this.#group.byRow.has(value)) return this.#expressionOf(node as MapNode, false, phase);
    const isHere = isInRow && node.kind === "map" && this.#phases.get(value) === phase;
    return isHere ? this.#expressionOf(node, true, phase) : this.#rowInput(value);
  }

  /** A node in terms of loads, and of values of its row that are there. */
  #expressionOf(node: MapNode, isInRow: boolean, phase: number): Expression {
    const known = this.#expressions.get(node.out);
    if (known) return known;
    const inputs = new Map([...node.loads].map(([name, load]) => [name, this.#operand(load, isInRow, phase)]));
    const expression = this.#simplifier.simplify(node.expression.substitute(inputs));
    this.#expressions.set(node.out, expression);
    return expression;
  }

  #store(value: Value): (text: string) => string {
    const { arena, offset } = this.#memory.places.get(value)!;
    const at = offset === 0 ? "index" : `${offset}u + index`;
    return (text) => `${this.#memory.nameOf(arena)}[${at}] = ${text};`;
  }

  /** Statements that load, compute and write. */
  #statements(results: readonly Result[], domain?: Domain): string[] {
    const expressions = results.map(({ expression }) => expression);
    const inputs = inOrder(expressions).filter(({ kind }) => kind === "input");
    const names = [...new Set(inputs.map(({ name }) => name))];
    const loads = names.flatMap((name) => {
      const load = this.#loads.get(name);
      if (!load) return [];
      const { arena, offset } = this.#memory.places.get(load.value)!;
      return [`let ${name} = ${this.#memory.nameOf(arena)}[${addressOf(load, offset, domain)}];`];
    });
    const { lines, results: texts } = emitBody(expressions, new Map(names.map((name) => [name, name])));
    return [...loads, ...lines, ...texts.map((text, index) => results[index]!.write(text))];
  }

  /** What is done with each value of a product: a body with `index` and `sum`. */
  epilogue(product: Value): string[] {
    const { stored } = this.#memory;
    const own = stored.has(product) ? [{ expression: Expression.input("sum"), write: this.#store(product) }] : [];
    const maps = [...this.#nodes.values()].filter(({ out }) => stored.has(out));
    const results = maps.map((node) => ({
      expression: this.#expressionOf(node as MapNode, false, 0),
      write: this.#store(node.out),
    }));
    return this.#statements([...own, ...results]);
  }

  /** Values of a row that are computed between loops. */
  #rowSection(phase: number): string[] {
    const { byRow } = this.#group;
    const maps = [...this.#nodes.values()].filter(
      ({ kind, out }) => kind === "map" && byRow.has(out) && this.#phases.get(out) === phase,
    );
    const results = maps.flatMap((node): Result[] => {
      const expression = this.#expressionOf(node as MapNode, true, phase);
      const keeps = this.#isUsedLater(node.out, phase);
      const kept = { expression, write: (text: string) => `${this.#rowInput(node.out).name} = ${text};` };
      const isStored = this.#memory.stored.has(node.out);
      return [...(keeps ? [kept] : []), ...(isStored ? [{ expression, write: this.#store(node.out) }] : [])];
    });
    const reduced = [...this.#nodes.values()].filter(
      ({ kind, out }) => kind === "reduce" && this.#phases.get(out) === phase,
    );
    const stores = reduced
      .filter(({ out }) => this.#memory.stored.has(out))
      .map(({ out }) => this.#store(out)(this.#rowInput(out).name));
    const body = [...this.#statements(results), ...stores];
    return body.length === 0 ? [] : ["{", "let index = row;", ...body, "}"];
  }

  #isUsedLater(value: Value, phase: number): boolean {
    const { byRow } = this.#group;
    return [...this.#nodes.values()].some(
      (node) =>
        loadsOf(node).some((load) => load.value === value) &&
        !(node.kind === "map" && byRow.has(node.out) && this.#phases.get(node.out) === phase),
    );
  }

  /** One walk over a row: what is stored as soon as it can be, and what is reduced. */
  #loop(phase: number): string[] {
    const { domain, byRow } = this.#group;
    const nodes = [...this.#nodes.values()];
    const reduces = nodes.filter((node) => node.kind === "reduce" && this.#phases.get(node.out) === phase + 1);
    const stores = nodes.filter(
      ({ kind, out }) =>
        kind === "map" && !byRow.has(out) && this.#phases.get(out) === phase && this.#memory.stored.has(out),
    );
    if (reduces.length + stores.length === 0) return [];
    this.#expressions.clear(); // of the walk before: a name is of one walk
    const results: Result[] = [
      ...stores.map((node) => ({
        expression: this.#expressionOf(node as MapNode, false, phase),
        write: this.#store(node.out),
      })),
      ...reduces.map((node) => this.#reduction(node as ReduceNode, phase)),
    ];
    const { rows, width, order } = domain;
    const index = order === "rows" ? `row * ${width}u + column` : `column * ${rows}u + row`;
    const body = [`let index = ${index};`, ...this.#statements(results, domain)];
    const sums = reduces
      .filter((node) => (node as ReduceNode).name === "sum")
      .map(({ out }) => this.#rowInput(out).name);
    const scales = (reduces as ReduceNode[])
      .filter(({ scale, name }) => name === "sum" && scale !== 1)
      .map(({ out, scale }) => `${this.#rowInput(out).name} *= f32(${Math.fround(scale)});`);
    return [...walk(width, sums, body), ...scales];
  }

  #reduction(node: ReduceNode, phase: number): Result {
    const expression = this.#simplifier.simplify(this.#operand(node.load, false, phase));
    const name = this.#rowInput(node.out).name;
    const isLong = this.#group.domain.width > block;
    if (node.name === "sum") return { expression, write: (text) => `${isLong ? `${name}Block` : name} += ${text};` };
    return { expression, write: (text) => `${name} = select(max(${name}, ${text}), ${text}, column == 0u);` };
  }

  /** The function of a row. */
  rows(name: string): string {
    const last = Math.max(0, ...this.#phases.values());
    const sections = Array.from({ length: last + 1 }, (_, phase) => [...this.#rowSection(phase), ...this.#loop(phase)]);
    const body = sections.flat();
    const text = body.join("\n");
    const variables = [...this.#group.byRow.keys()]
      .map((_, at) => `r${at}`)
      .filter((one) => new RegExp(`\\b${one}\\b`).test(text))
      .map((one) => `var ${one} = 0.0;`);
    return [`fn ${name}(row: u32) {`, ...variables, text, "}"].join("\n");
  }
}

/** A loop over the columns of a row; long sums are taken in blocks. */
function walk(width: number, sums: readonly string[], body: readonly string[]): string[] {
  if (width <= block || sums.length === 0) {
    return [`for (var column = 0u; column < ${width}u; column++) {`, ...body, "}"];
  }
  return [
    `for (var first = 0u; first < ${width}u; first += ${block}u) {`,
    ...sums.map((name) => `var ${name}Block = 0.0;`),
    `for (var column = first; column < min(first + ${block}u, ${width}u); column++) {`,
    ...body,
    "}",
    ...sums.map((name) => `${name} += ${name}Block;`),
    "}",
  ];
}

/** Rows of segments are padded to whole workgroups: the invocations of one do the same. */
const workgroup = 64;

/** The functions of a dispatch of rows, and how many invocations it has. */
export function emitSegments(groups: readonly Group[], memory: Memory): { code: string; invocations: number } {
  const functions: string[] = [];
  const calls: string[] = [];
  let first = 0;
  for (const [at, group] of groups.entries()) {
    const { rows } = group.domain;
    functions.push(new GroupCode(group, memory).rows(`segment${at}`));
    calls.push(`if (index >= ${first}u && index < ${first + rows}u) { segment${at}(index - ${first}u); }`);
    first += Math.ceil(rows / workgroup) * workgroup;
  }
  const entry = ["fn computeRow(index: u32) {", ...calls, "}"];
  return { code: [...functions, ...entry].join("\n"), invocations: first };
}

/** `storeValue` of a product with what its group does with each value; `out` begins at 0. */
export function emitEpilogue(group: Group, memory: Memory): string {
  const body = new GroupCode(group, memory).epilogue(group.nodes[0]!.out);
  return ["fn storeValue(index: u32, sum: f32) {", ...body, "}"].join("\n");
}
