import { usesOf } from "./differentiate.ts";
import { inOrder, type Expression } from "./expression.ts";
import { primitives } from "./primitives.ts";
import { bare, negative } from "./wgslText.ts";

/** The shortest decimal that gives the same f32. */
export function shortestF32(value: number): string {
  const wanted = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = String(Number(wanted.toPrecision(digits)));
    if (Math.fround(Number(text)) === wanted) return text;
  }
  return String(Number(wanted.toPrecision(9)));
}

/** A constant as WGSL writes it. */
function wgslNumber(value: number): string {
  const text = shortestF32(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** How an expression is written. */
export interface WgslOptions {
  /** What inputs and result are; a vector stands for four values. Default: f32. */
  readonly type?: "f32" | "vec4f";
  /** Whether the inputs are prepared, so that functions of them take the cheaper routine. Default: no. */
  readonly isPrepared?: boolean;
}

/**
 * Expressions as straight-line WGSL: what is used more than once gets a name, a product that is only added to something becomes an
 * fma. Only names of the project, rows of the table and f32 constants go into the text.
 */
class WgslBody {
  /** Statements that name shared parts. */
  readonly lines: string[] = [];
  readonly results: readonly string[];
  readonly #names: ReadonlyMap<string, string>;
  readonly #isVector: boolean;
  readonly #isPrepared: boolean;
  readonly #uses: ReadonlyMap<Expression, number>;
  readonly #texts = new Map<Expression, string>();

  /** @param names WGSL of each input */
  constructor(outputs: readonly Expression[], names: ReadonlyMap<string, string>, options: WgslOptions) {
    this.#names = names;
    this.#isVector = options.type === "vec4f";
    this.#isPrepared = options.isPrepared ?? false;
    const order = inOrder(outputs);
    this.#uses = usesOf(order, outputs);
    for (const node of order) {
      const text = this.#write(node);
      if (node.kind === "application" && this.#uses.get(node)! > 1) this.#give(node, text);
      else this.#texts.set(node, text);
    }
    this.results = outputs.map((output) => bare(this.#textOf(output)));
  }

  #textOf(node: Expression): string {
    return this.#texts.get(node)!;
  }

  /** Names a part. */
  #give(node: Expression, text: string): void {
    const name = `v${this.lines.length}`;
    this.lines.push(`let ${name} = ${bare(text)};`);
    this.#texts.set(node, name);
  }

  #write(node: Expression): string {
    if (node.kind === "constant") return this.#isVector ? `vec4f(${wgslNumber(node.value)})` : wgslNumber(node.value);
    if (node.kind === "input") return this.#names.get(node.name) ?? missing(node.name);
    if (this.#isVector && !primitives[node.primitive!].takesVectors) return this.#eachPart(node);
    return (
      this.#fused(node) ??
      this.#call(
        node,
        node.operands.map((operand) => this.#textOf(operand)),
      )
    );
  }

  #call({ primitive, operands }: Expression, texts: readonly string[]): string {
    const { prepared, wgsl } = primitives[primitive!];
    if (this.#isPrepared && prepared && operands[0]!.kind === "input") return prepared.wgsl(texts[0]!);
    return wgsl(...texts);
  }

  /** A routine of one value for each of the four of a vector. */
  #eachPart(node: Expression): string {
    for (const operand of node.operands) {
      const text = this.#textOf(operand);
      if (operand.kind === "application" && !/^v\d+$/.test(text)) this.#give(operand, text);
    }
    const of = (part: string) => (operand: Expression) =>
      operand.kind === "constant" ? wgslNumber(operand.value) : `${this.#textOf(operand)}.${part}`;
    return `vec4f(${["x", "y", "z", "w"].map((part) => this.#call(node, node.operands.map(of(part)))).join(", ")})`;
  }

  #isProduct(node: Expression): boolean {
    return node.primitive === "multiply" && this.#uses.get(node) === 1;
  }

  /** a · b + c in one rounding; the product's own text is then not used. */
  #fused({ primitive, operands }: Expression): string | undefined {
    const [a, b] = operands as [Expression, Expression];
    const text = (of: Expression): string => bare(this.#textOf(of));
    const factors = (product: Expression): string => product.operands.map(text).join(", ");
    if (primitive === "add" && this.#isProduct(a)) return `fma(${factors(a)}, ${text(b)})`;
    if (primitive === "add" && this.#isProduct(b)) return `fma(${factors(b)}, ${text(a)})`;
    if (primitive !== "subtract") return undefined;
    if (this.#isProduct(b)) {
      const [first, second] = b.operands as [Expression, Expression];
      return `fma(${negative(this.#textOf(first))}, ${text(second)}, ${text(a)})`;
    }
    return this.#isProduct(a) ? `fma(${factors(a)}, ${negative(this.#textOf(b))})` : undefined;
  }
}

function missing(name: string): never {
  throw new Error(`expression: no WGSL for the input ${name}`);
}

const functionOf = (head: string, lines: readonly string[], result: string): string =>
  lines.length === 0
    ? `fn ${head} { return ${result}; }`
    : [`fn ${head} {`, ...lines.map((line) => `  ${line}`), `  return ${result};`, "}"].join("\n");

const namesOf = (inputs: readonly string[]): ReadonlyMap<string, string> =>
  new Map(inputs.map((input) => [input, input]));

/** Expressions as statements and the WGSL of each, for a function around them. @param names WGSL of each input */
export function emitBody(
  outputs: readonly Expression[],
  names: ReadonlyMap<string, string>,
): { readonly lines: readonly string[]; readonly results: readonly string[] } {
  const { lines, results } = new WgslBody(outputs, names, {});
  return { lines, results };
}

/** A WGSL function of inputs of one type with one result of that type. */
export function emitFunction(
  name: string,
  inputs: readonly string[],
  output: Expression,
  options: WgslOptions = {},
): string {
  const { type = "f32" } = options;
  const { lines, results } = new WgslBody([output], namesOf(inputs), options);
  const head = `${name}(${inputs.map((input) => `${input}: ${type}`).join(", ")}) -> ${type}`;
  return functionOf(head, lines, results[0]!);
}

/** A WGSL function of f32 inputs with two results, as vec2f. */
export function emitPairFunction(
  name: string,
  inputs: readonly string[],
  pair: readonly [Expression, Expression],
): string {
  const { lines, results } = new WgslBody(pair, namesOf(inputs), {});
  const head = `${name}(${inputs.map((input) => `${input}: f32`).join(", ")}) -> vec2f`;
  return functionOf(head, lines, `vec2f(${results.join(", ")})`);
}

/**
 * The WGSL of an expression that is one input, or one function of inputs: without a function of its own.
 * @param names WGSL of each input
 * @returns undefined where it is more
 */
export function emitCall(
  output: Expression,
  names: ReadonlyMap<string, string>,
  options: WgslOptions = {},
): string | undefined {
  if (output.operands.some(({ kind }) => kind !== "input") || output.operands.length > 1) return undefined;
  return new WgslBody([output], names, options).results[0];
}
