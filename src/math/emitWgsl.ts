import { inOrder } from "./differentiate.ts";
import type { Expression } from "./expression.ts";
import { primitives } from "./primitives.ts";
import { bare, negative } from "./wgslText.ts";

/** A constant as WGSL writes it: the shortest decimal that gives the same f32. */
function wgslNumber(value: number): string {
  const text = String(Math.fround(value) === value ? value : Number(Math.fround(value).toPrecision(9)));
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Statements that name the shared parts of expressions, and the WGSL of each expression. */
interface WgslBody {
  readonly lines: readonly string[];
  readonly results: readonly string[];
}

/** How often each node is used as an operand or as a result. */
function usesOf(order: readonly Expression[], outputs: readonly Expression[]): Map<Expression, number> {
  const uses = new Map<Expression, number>();
  const count = (node: Expression): void => void uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const node of order) for (const operand of node.operands) count(operand);
  for (const output of outputs) count(output);
  return uses;
}

/**
 * Expressions as straight-line WGSL: what is used more than once gets a name, a product that is only added to something becomes an
 * fma. Only names of the project, rows of the table and f32 constants go into the text.
 * @param names WGSL of each input
 * @param prefix of the names that are given
 */
export function emitBody(outputs: readonly Expression[], names: ReadonlyMap<string, string>, prefix = "v"): WgslBody {
  const order = inOrder(outputs);
  const uses = usesOf(order, outputs);
  const texts = new Map<Expression, string>();
  const lines: string[] = [];
  const textOf = (node: Expression): string => texts.get(node)!;
  const isProduct = (node: Expression): boolean => node.primitive === "multiply" && uses.get(node) === 1;
  /** a · b + c in one rounding; the product's own text is then not used. */
  const fused = (node: Expression): string | undefined => {
    const [a, b] = node.operands as [Expression, Expression];
    const factors = (product: Expression): string => product.operands.map((factor) => bare(textOf(factor))).join(", ");
    if (node.primitive === "add") {
      if (isProduct(a)) return `fma(${factors(a)}, ${bare(textOf(b))})`;
      if (isProduct(b)) return `fma(${factors(b)}, ${bare(textOf(a))})`;
    }
    if (node.primitive === "subtract" && isProduct(b)) {
      const [first, second] = b.operands as [Expression, Expression];
      return `fma(${negative(textOf(first))}, ${bare(textOf(second))}, ${bare(textOf(a))})`;
    }
    if (node.primitive === "subtract" && isProduct(a)) return `fma(${factors(a)}, ${negative(textOf(b))})`;
    return undefined;
  };
  const ownText = (node: Expression): string => {
    if (node.kind === "constant") return wgslNumber(node.value);
    if (node.kind === "input") return names.get(node.name) ?? missing(node.name);
    return fused(node) ?? primitives[node.primitive!].wgsl(...node.operands.map(textOf));
  };
  for (const node of order) {
    const text = ownText(node);
    const isNamed = node.kind === "application" && uses.get(node)! > 1;
    if (isNamed) lines.push(`let ${prefix}${lines.length} = ${bare(text)};`);
    texts.set(node, isNamed ? `${prefix}${lines.length - 1}` : text);
  }
  return { lines, results: outputs.map((output) => bare(textOf(output))) };
}

function missing(name: string): never {
  throw new Error(`expression: no WGSL for the input ${name}`);
}

/** A WGSL function of f32 inputs with one f32 result. */
export function emitFunction(name: string, inputs: readonly string[], output: Expression): string {
  const { lines, results } = emitBody([output], new Map(inputs.map((input) => [input, input])));
  const head = `fn ${name}(${inputs.map((input) => `${input}: f32`).join(", ")}) -> f32`;
  if (lines.length === 0) return `${head} { return ${results[0]}; }`;
  return [`${head} {`, ...lines.map((line) => `  ${line}`), `  return ${results[0]};`, "}"].join("\n");
}
