import { arities, inOrder, Expression, type PrimitiveName } from "./expression.ts";
import { InvalidInput } from "../errors.ts";

/**
 * An expression as plain data: rows of the table of primitives, each applied to operands. An operand is a number, the name of an input,
 * or `#2` for the result of row 2; the last row is the result. One row `["input", "z"]` is an input by itself.
 */
export type Definition = readonly (readonly [string, ...(string | number)[]])[];

/** An expression of a user's has at most so many rows. */
const maxRows = 1000;

/** An expression as data. */
export function encodeDefinition(output: Expression): Definition {
  const rows: [string, ...(string | number)[]][] = [];
  const places = new Map<Expression, number>();
  const operandOf = (node: Expression): string | number => {
    if (node.kind === "constant") return node.value;
    return node.kind === "input" ? node.name : `#${places.get(node)!}`;
  };
  for (const node of inOrder([output])) {
    if (node.kind !== "application") continue;
    places.set(node, rows.length);
    rows.push([node.primitive!, ...node.operands.map(operandOf)]);
  }
  return rows.length > 0 ? rows : [["input", operandOf(output)]];
}

const isPrimitive = (name: unknown): name is PrimitiveName => typeof name === "string" && Object.hasOwn(arities, name);

const show = (value: unknown): string => (JSON.stringify(value) ?? typeof value).slice(0, 60);

/**
 * The expression that data stand for.
 * @param inputs names that operands may have
 * @throws InvalidInput on anything but rows of the table over inputs, finite f32 constants and rows before
 */
export function decodeDefinition(place: string, rows: unknown, inputs: readonly string[]): Expression {
  const fail = (where: string, expected: string, got: unknown): never => {
    const fix = "pass the result of activation() or loss(), or save the model again with this version of thalweg";
    throw new InvalidInput({ place: `${place}: ${where}`, expected, got: show(got), fix });
  };
  if (!Array.isArray(rows) || rows.length === 0 || rows.length > maxRows)
    return fail("definition", `1 to ${maxRows} rows`, Array.isArray(rows) ? rows.length : rows);
  const byName = new Map(inputs.map((name) => [name, Expression.input(name)]));
  const results: Expression[] = [];
  const operandOf = (where: string, operand: unknown): Expression => {
    if (typeof operand === "number" && Number.isFinite(Math.fround(operand))) return Expression.constant(operand);
    const found = typeof operand === "string" ? (byName.get(operand) ?? resultOf(operand)) : undefined;
    return found ?? fail(where, `a finite number, ${inputs.join(" or ")}, or a row before`, operand);
  };
  const resultOf = (operand: string): Expression | undefined =>
    /^#\d{1,4}$/.test(operand) ? results[Number(operand.slice(1))] : undefined;
  for (const [index, row] of (rows as unknown[]).entries()) {
    const where = `row ${index + 1}`;
    if (!Array.isArray(row)) return fail(where, "a primitive and its operands", row);
    const [name, ...operands] = row as unknown[];
    if (name === "input" && operands.length === 1) results.push(operandOf(where, operands[0]));
    else if (!isPrimitive(name)) return fail(where, "the name of a primitive of this version", name);
    else if (operands.length !== arities[name])
      return fail(where, `${arities[name]} operands of ${name}`, operands.length);
    else {
      const own = operands.map((operand) => operandOf(where, operand));
      results.push(Expression.application(name, own));
    }
  }
  return results[results.length - 1]!;
}

/** @throws InvalidInput unless a name can stand for a definition in messages, files and formulas */
export function requireOwnName(place: string, name: unknown, taken: readonly string[] = []): asserts name is string {
  if (typeof name === "string" && /^[A-Za-z][\w-]{0,39}$/.test(name) && !taken.includes(name)) return;
  const got = (JSON.stringify(name) ?? typeof name).slice(0, 60);
  const fix = "begin with a letter; use up to 40 letters, digits, _ and -; built-in names are taken";
  throw new InvalidInput({ place, expected: "a name of its own", got, fix });
}
