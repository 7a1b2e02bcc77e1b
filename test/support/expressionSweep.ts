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

/** A choice, where the operands compared may be off by more than their distance, may fall on either side. */
function judgeChoice(own: number, [left, right, a, b]: readonly Judged[]): number {
  const chosen = own === a!.value ? a! : b!;
  const isClear = Math.abs(left!.value - right!.value) > left!.error + right!.error;
  const exactly = left!.error + right!.error === 0;
  return isClear || exactly ? chosen.error : Math.max(a!.error, b!.error) + Math.abs(a!.value - b!.value);
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
  const judge = (
    node: Expression,
    inputs: readonly (number | Judged)[],
    known: ReadonlyMap<Expression, Judged>,
  ): Judged => {
    if (node.kind === "input") {
      const own = inputs[names.indexOf(node.name)]!;
      return typeof own === "number" ? { value: own, error: 0 } : own;
    }
    if (node.kind === "constant") return { value: node.value, error: Math.abs(node.value - Math.fround(node.value)) };
    const { compute, bound } = primitives[node.primitive!];
    const operands = node.operands.map((operand) => known.get(operand)!);
    const values = operands.map(({ value }) => value);
    const value = compute(...values);
    if (Math.abs(value) > largest) return { value, error: Number.POSITIVE_INFINITY };
    if (node.primitive!.startsWith("where")) return { value, error: judgeChoice(value, operands) };
    const carried = slopesOf(node.primitive!).reduce((sum, slope, at) => {
      const { error } = operands[at]!;
      return error === 0 ? sum : sum + error * Math.abs(slope(...values));
    }, 0);
    return { value, error: carried + bound(value, ...values) + smallestNormal };
  };
  return (...inputs) => {
    const known = new Map<Expression, Judged>();
    for (const node of order) known.set(node, judge(node, inputs, known));
    return known.get(output)!;
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
  for (const [index, value] of got.entries()) {
    const inputs = points.map((values) => values[index]!);
    const { value: wanted, error } = judge(...inputs);
    if (!Number.isFinite(wanted) || Math.abs(wanted) + error > largest || !Number.isFinite(error)) continue;
    const distance = Math.abs(value - wanted);
    const ratio = Number.isFinite(value) ? distance / Math.max(error, smallestNormal) : Number.POSITIVE_INFINITY;
    if (ratio > worst.ratio) worst = { ratio, text: `at ${inputs.join(", ")}: ${value}, wanted ${wanted} ± ${error}` };
  }
  return worst;
}
