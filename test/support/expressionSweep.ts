// Expressions on the GPU at many points, and what f32 may be off by there.

import { arities, inOrder, Expression } from "../../src/math/expression.ts";
import { BufferOwner, readStretches, write } from "../../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { createDispatch, createKernel, encode } from "../../src/backend/webgpu/kernel.ts";
import { kernelOf } from "../../src/backend/webgpu/shader.ts";
import { emitFunction } from "../../src/math/emitWgsl.ts";
import { float64Function } from "../../src/math/float64.ts";
import { primitives } from "../../src/math/primitives.ts";
import scalar from "../../shaders/scalar.wgsl";

const smallestNormal = 2 ** -126;
const largest = 3.4028234663852886e38;

/** Values of a function of one to four inputs at points, an array for each input. */
export async function computeOnGpu(
  device: GpuDevice,
  names: readonly string[],
  output: Expression,
  points: readonly Float32Array[],
): Promise<Float32Array> {
  const count = points[0]!.length;
  const read = names.map((_, at) => `@group(0) @binding(${at + 1}) var<storage, read> x${at}: array<f32>;`);
  const code = [
    emitFunction("compute", names, output),
    "@group(0) @binding(0) var<uniform> count: vec4u;",
    ...read,
    `@group(0) @binding(${names.length + 1}) var<storage, read_write> out: array<f32>;`,
    "@compute @workgroup_size(64)",
    "fn sweep(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {",
    "  let at = id.x + id.y * groups.x * 64u;",
    `  if (at < count.x) { out[at] = compute(${names.map((_, at) => `x${at}[at]`).join(", ")}); }`,
    "}",
  ].join("\n");
  const bindings = ["dynamic", ...names.map(() => "read" as const), "write"] as const;
  const shader = { pieces: scalar.pieces, bindings };
  const kernel = await createKernel(device, kernelOf("sweep", [shader, code], code));
  const owner = new BufferOwner(device);
  try {
    const uniform = owner.uniform("count", 16);
    write(device, uniform, Uint32Array.of(count, 0, 0, 0));
    const out = owner.storage("out", count);
    const bound = [uniform, ...points.map((values, at) => owner.upload(`x${at}`, values)), out];
    const dispatch = createDispatch(device, kernel, { label: "sweep", bound, invocations: () => count, members: 1 });
    const encoder = device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encode(pass, dispatch, 0, 0);
    pass.end();
    device.gpu.queue.submit([encoder.finish()]);
    return new Float32Array(await readStretches(device, "test", [{ buffer: out, first: 0, length: count }]));
  } finally {
    owner.dispose();
  }
}

/** What one node of an expression is in float64, and may be off by in f32. */
export interface Judged {
  readonly value: number;
  readonly error: number;
}

const places = ["p0", "p1", "p2", "p3"];
const slopes = new Map<string, ((...operands: number[]) => number)[]>();

/** Derivatives of a primitive by its operands. */
function slopesOf(primitive: keyof typeof primitives): ((...operands: number[]) => number)[] {
  const known = slopes.get(primitive);
  if (known) return known;
  const inputs = places.slice(0, arities[primitive]).map((name) => Expression.input(name));
  const self = Expression.application(primitive, inputs);
  const made = primitives[primitive]
    .backward(Expression.constant(1), inputs, self)
    .map((slope) => (slope ? float64Function(slope, places.slice(0, inputs.length)) : () => 0));
  slopes.set(primitive, made);
  return made;
}

/** Values of the nodes of an expression, and what each may be off by. */
interface Judgements {
  readonly values: Float64Array;
  readonly errors: Float64Array;
}

/** A choice, where the operands compared may be off by more than their distance, may fall on either side. */
function errorOfChoice(own: number, { values, errors }: Judgements, operands: readonly number[]): number {
  const [left, right, a, b] = operands as [number, number, number, number];
  const chosen = own === values[a] ? a : b;
  const uncertainty = errors[left]! + errors[right]!;
  const isClear = Math.abs(values[left]! - values[right]!) > uncertainty;
  if (isClear || uncertainty === 0) return errors[chosen]!;
  return Math.max(errors[a]!, errors[b]!) + Math.abs(values[a]! - values[b]!);
}

type Numeric = (...operands: number[]) => number;

/** A function of up to four operands at their places: a spread would take most of the time. */
function called(f: Numeric, { values }: Judgements, at: readonly number[]): number {
  const first = values[at[0]!]!;
  if (at.length === 1) return f(first);
  const second = values[at[1]!]!;
  if (at.length === 2) return f(first, second);
  const third = values[at[2]!]!;
  return at.length === 3 ? f(first, second, third) : f(first, second, third, values[at[3]!]!);
}

/** Judges the application of a primitive to operands that have been judged. */
function judgePrimitive(name: keyof typeof primitives, all: Judgements, operands: readonly number[]): Judged {
  const { compute, bound } = primitives[name];
  const value = called(compute, all, operands);
  if (Math.abs(value) > largest) return { value, error: Number.POSITIVE_INFINITY };
  if (name.startsWith("where")) return { value, error: errorOfChoice(value, all, operands) };
  const derivatives = slopesOf(name);
  let carried = 0;
  for (let at = 0; at < derivatives.length; at++) {
    const error = all.errors[operands[at]!]!;
    if (error !== 0) carried += error * Math.abs(called(derivatives[at]!, all, operands));
  }
  const own = called((...values) => bound(value, ...values), all, operands);
  return { value, error: carried + own + smallestNormal };
}

/**
 * Judges values of an expression by the bounds of its primitives, carried through it by derivatives: what a value may be off by is what
 * its last operation may be, and what its operands may be times its slopes by them.
 */
export function errorBoundOf(
  output: Expression,
  names: readonly string[],
): (...inputs: readonly (number | Judged)[]) => Judged {
  const order = inOrder([output]);
  const operandsOf = order.map(({ operands }) => operands.map((operand) => order.indexOf(operand)));
  const inputOf = order.map((node) => (node.kind === "input" ? names.indexOf(node.name) : -1));
  const all = { values: new Float64Array(order.length), errors: new Float64Array(order.length) };
  const judge = (at: number, inputs: readonly (number | Judged)[]): number | Judged => {
    const node = order[at]!;
    if (node.kind === "input") return inputs[inputOf[at]!]!;
    if (node.kind === "constant") return { value: node.value, error: Math.abs(node.value - Math.fround(node.value)) };
    return judgePrimitive(node.primitive!, all, operandsOf[at]!);
  };
  const last = order.indexOf(output);
  return (...inputs) => {
    for (let at = 0; at < order.length; at++) {
      const judged = judge(at, inputs);
      all.values[at] = typeof judged === "number" ? judged : judged.value;
      all.errors[at] = typeof judged === "number" ? 0 : judged.error;
    }
    return { value: all.values[last]!, error: all.errors[last]! };
  };
}

/** The largest error of values, in units of their bound, and where it is. Beyond f32 a value may be infinite. */
export function worstError(
  output: Expression,
  names: readonly string[],
  points: readonly Float32Array[],
  got: Float32Array,
): { readonly ratio: number; readonly text: string } {
  const judge = errorBoundOf(output, names);
  let worst = { ratio: 0, text: "nowhere" };
  const inputs: number[] = [];
  for (let index = 0; index < got.length; index++) {
    const value = got[index]!;
    for (let at = 0; at < points.length; at++) inputs[at] = points[at]![index]!;
    const { value: wanted, error } = judge(...inputs);
    if (!Number.isFinite(wanted) || Math.abs(wanted) + error > largest || !Number.isFinite(error)) continue;
    const distance = Math.abs(value - wanted);
    const ratio = Number.isFinite(value) ? distance / Math.max(error, smallestNormal) : Number.POSITIVE_INFINITY;
    if (ratio > worst.ratio) worst = { ratio, text: `at ${inputs.join(", ")}: ${value}, wanted ${wanted} ± ${error}` };
  }
  return worst;
}
