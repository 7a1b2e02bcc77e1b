import type { Ablation, Edit } from "./edits.ts";

// Parts of the kernel that trains one network an invocation. Its text is written for the network, and joined of files of shaders/.

const edit = (find: string, replace: string): Edit => ({ kernel: "trainMembers", find, replace });

/** From 0 to 1 over sums in (−4, 4), which initial weights keep to: beyond, the slope a · (1 − a) has the wrong sign. */
const quotient = edit("  return 1.0 / (1.0 + exp(bounded));", "  return fma(-0.125, bounded, 0.5);");
const bound = edit("let bounded = bitcast<f32>(min(bitcast<i32>(-x), 0x42aeac4f));", "let bounded = -x;");

/** The places of the values are dropped as well: nothing else needs them. */
const dataOf22: readonly Edit[] = [
  edit("inputs[firstInput + 0u]", "0.25"),
  edit("inputs[firstInput + 1u]", "0.75"),
  edit("targets[firstTarget + 0u]", "0.5"),
];

const finite = edit("  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;", "  return true;");

const decay = edit("fma(parameter, rates.weightDecay, gradient)", "gradient");

/** No branch more, and no batch below 256 rows has a sample left. */
const samples = edit("row < step.chunkRows;", "row < (step.chunkRows >> 8u);");

const fewer = (batchSize: number): Ablation => ({
  name: batchSize === 1 ? "1 sample" : `${batchSize} samples`,
  sentence: "the whole kernel, with so many samples in a step",
  edits: [],
  batchSize,
});

/** For 2-2-2-1 and four samples a step. */
export const networkAblations: readonly Ablation[] = [
  { name: "no exponential", sentence: "a line in place of the sigmoid's quotient and exponential", edits: [quotient] },
  { name: "no bound", sentence: "the exponential's argument as it comes, not kept below 87.3", edits: [bound] },
  { name: "no data", sentence: "constants in place of inputs and targets, nor their places", edits: dataOf22 },
  { name: "no finiteness", sentence: "every number counts as finite", edits: [finite] },
  { name: "no weight decay", sentence: "gradients as they are, without a weight's own share", edits: [decay] },
  { name: "no samples", sentence: "updates and losses alone: the loop over samples runs zero times", edits: [samples] },
  fewer(1),
  fewer(2),
  fewer(8),
];
