import type { Ablation, Edit } from "./edits.ts";

// Parts of shaders/matmulSlim.wgsl, as it runs for 2 × 2 values.

const edit = (find: string, replace: string): Edit => ({ kernel: "matmulSlim", find, replace });

const four = "bitcast<vec4f>(vec4u(at | 0x3f800000u))";
const values = "bitcast<vec4f>(at | vec4u(0x3f800000u))";

/** Numbers made of their places as in tileEdits.ts, whether values are loaded four at once or one by one. */
const notLoaded = [
  edit("  return vec4f(aFours[at / 4u]);", `  return ${four};`),
  edit("  return vec4f(bFours[at / 4u]);", `  return ${four};`),
  edit("  return vec4f(f32(a[at.x]), f32(a[at.y]), f32(a[at.z]), f32(a[at.w]));", `  return ${values};`),
  edit("  return vec4f(f32(b[at.x]), f32(b[at.y]), f32(b[at.z]), f32(b[at.w]));", `  return ${values};`),
];

const additions = [
  edit("  sums[0] = addFour(s[0], x[0], right);", "  sums[0] += x[0] + y[0];"),
  edit("    sums[1] = addFour(s[1], x[1], right);", "    sums[1] += x[1] + y[1];"),
];

export const slimAblations: readonly Ablation[] = [
  { name: "nothing loaded", sentence: "a number made of its place for every value", edits: notLoaded },
  { name: "loads only", sentence: "two additions in place of four products and their sum", edits: additions },
];
