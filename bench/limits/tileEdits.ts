import type { Ablation, Edit } from "./edits.ts";

// Parts of the kernels that share the tile of shaders/matmulTile.wgsl.

/** A value that costs one operation on its place: in [1, 2) up to a place of 2²³, so that sums stay finite and no value is denormal. */
const notLoaded = "bitcast<f32>(at | 0x3f800000u)";
const fourNotLoaded = "bitcast<vec4f>(vec4u(at | 0x3f800000u))";

/** What the loads of a kernel look like. */
interface Loads {
  readonly kernel: string;
  readonly left: string;
  readonly right: string;
  readonly rightFour: string;
}

const leftOf = ({ kernel, left }: Loads): Edit[] => [
  { kernel, find: `return ${left};`, replace: `return ${notLoaded};` },
];

const rightOf = ({ kernel, right, rightFour }: Loads): Edit[] => [
  { kernel, find: `return ${right};`, replace: `return ${notLoaded};` },
  { kernel, find: `return ${rightFour};`, replace: `return ${fourNotLoaded};` },
];

const fourProducts =
  "  let two = fma(vec4f(left.y), right[1], left.x * right[0]);\n" +
  "  return sum + fma(vec4f(left.w), right[3], fma(vec4f(left.z), right[2], two));";
const places = "  let places = leftPlaces(k, end, tile);";

/** One addition in place of five operations; the right values, which serve sixteen rows, are added once, so that they stay needed. */
const additionsOf = ({ kernel }: Loads): Edit[] => [
  { kernel, find: fourProducts, replace: "  return sum + left;" },
  {
    kernel,
    find: places,
    replace:
      "  s.r15.a += a[0] + a[1] + a[2] + a[3];\n" +
      "  if (WIDE) {\n    s.r15.b += b[0] + b[1] + b[2] + b[3];\n  }\n" +
      places,
  },
];

const withoutLoads = (loads: readonly Loads[]): readonly Ablation[] => [
  {
    name: "left not loaded",
    sentence: "a number made of its place for every value of the left matrix",
    edits: loads.flatMap(leftOf),
  },
  {
    name: "right not loaded",
    sentence: "the same for the right matrix",
    edits: loads.flatMap(rightOf),
  },
  {
    name: "nothing loaded",
    sentence: "the same for both: what the arithmetic takes",
    edits: loads.flatMap((each) => [...leftOf(each), ...rightOf(each)]),
  },
];

const matmul: Loads = {
  kernel: "matmulTiled",
  left: "f32(a[at])",
  right: "f32(b[at])",
  rightFour: "vec4f(bFours[at / 4u])",
};

/** Of tensors. */
export const productAblations: readonly Ablation[] = [
  ...withoutLoads([matmul]),
  {
    name: "loads only",
    sentence: "one addition in place of four products and their sum: what loads and the keeping of sums take",
    edits: additionsOf(matmul),
  },
];

/** Of layers: all three products of a step. */
export const layerAblations = withoutLoads([
  { kernel: "forwardTiled", left: "inputs[at]", right: "parameters[at]", rightFour: "parameterFours[at / 4u]" },
  {
    kernel: "backwardInputsTiled",
    left: "dOutputs[at]",
    right: "parameters[at]",
    rightFour: "parameterFours[at / 4u]",
  },
  { kernel: "backwardWeightsTiled", left: "inputs[at]", right: "dOutputs[at]", rightFour: "dOutputFours[at / 4u]" },
]);
