import { matricesOf } from "../../../graph/denseMatrices.ts";
import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { gramSide, type Matrix } from "../../../math/orthogonal.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import { makesOrthogonal } from "../../../math/optimizerFunction.ts";
import { chooseVariant, kernelName, type LayerVariant, type MatmulLimits } from "../matmulVariants.ts";
import { squareBlocks } from "./costConstants.ts";

// What an optimizer that makes matrices orthogonal adds to a step: how its matrices are cut, and what they take.

/** Values of a matrix that a workgroup takes through all iterations: `MOST_VALUES` of shaders/orthogonalise.wgsl. */
const mostSmallValues = 1024;

/** A stretch of a matrix. */
export interface MatrixBlock {
  /** Its entries in the parameters of a member. */
  readonly first: number;
  readonly end: number;
  /** The first block of its matrix, and how many that has. */
  readonly firstBlock: number;
  readonly blocks: number;
}

/** A matrix whose products are dispatches of their own, and where A lies among those of a member. */
export interface LargeMatrix extends Matrix {
  readonly gramOffset: number;
}

export interface OrthogonalPlan {
  readonly blocks: readonly MatrixBlock[];
  readonly small: readonly Matrix[];
  readonly large: readonly LargeMatrix[];
  /** Values of all A of a member. */
  readonly gramFloats: number;
  readonly iterations: number;
}

function blocksOf(matrices: readonly Matrix[]): MatrixBlock[] {
  const all: MatrixBlock[] = [];
  for (const { offset, fanIn, fanOut } of matrices) {
    const size = fanIn * fanOut;
    const blocks = squareBlocks({ parameterCount: size });
    const entries = Math.ceil(size / blocks);
    const firstBlock = all.length;
    for (let block = 0; block < blocks; block++) {
      const [first, end] = [block * entries, Math.min(size, (block + 1) * entries)];
      all.push({ first: offset + first, end: offset + Math.max(first, end), firstBlock, blocks });
    }
  }
  return all;
}

/** How matrices are made orthogonal, or undefined where the optimizer leaves them as they are. */
export function orthogonalPlan(network: AnyNetwork, optimizer: Optimizer): OrthogonalPlan | undefined {
  if (!makesOrthogonal(optimizer)) return undefined;
  const { all } = matricesOf(network, optimizer);
  const isSmall = ({ fanIn, fanOut }: Matrix): boolean => fanIn * fanOut <= mostSmallValues;
  let gramFloats = 0;
  const large = all
    .filter((matrix) => !isSmall(matrix))
    .map((matrix) => {
      const gramOffset = gramFloats;
      gramFloats += gramSide(matrix) ** 2;
      return { ...matrix, gramOffset };
    });
  const iterations = optimizer.newtonSchulzSteps;
  return { blocks: blocksOf(all), small: all.filter(isSmall), large, gramFloats, iterations };
}

/** Which variants compute the three products of an iteration. */
export function variantsOf(
  limits: MatmulLimits,
  matrix: Matrix,
  members: number,
): readonly [LayerVariant, LayerVariant, LayerVariant] {
  const side = gramSide(matrix);
  const ofGram = chooseVariant(limits, { members, rows: side, columns: side, splits: 1 });
  return [ofGram, ofGram, chooseVariant(limits, { members, rows: matrix.fanIn, columns: matrix.fanOut, splits: 1 })];
}

/** Floats of directions, with the sums of squares behind them. */
export const directionFloats = ({ blocks }: OrthogonalPlan, { parameterCount }: AnyNetwork, members: number): number =>
  members * (parameterCount + 2 * blocks.length);

const uniformBytes = 16 * Math.ceil((4 * 17) / 16);

/** Uniforms of a large matrix: A, the polynomial, with its factor that of the last iteration, and the next X. */
const uniformsOf = (iterations: number): number => (iterations > 1 ? 4 : 3);

/** Bytes of all buffers that it takes. */
export function orthogonalBytes(network: AnyNetwork, optimizer: Optimizer, members: number): number {
  const plan = orthogonalPlan(network, optimizer);
  if (!plan) return 0;
  const { blocks, small, large, gramFloats, iterations } = plan;
  const floats = directionFloats(plan, network, members) + members * network.parameterCount + 2 * members * gramFloats;
  return 4 * floats + 16 * (blocks.length + small.length) + uniformBytes * uniformsOf(iterations) * large.length;
}

/** Names of its kernels in a step, in order. */
export function orthogonalKernels(
  limits: MatmulLimits,
  network: AnyNetwork,
  optimizer: Optimizer,
  members: number,
): string[] {
  const plan = orthogonalPlan(network, optimizer);
  if (!plan || plan.blocks.length === 0) return [];
  const { small, large, iterations } = plan;
  const products = large.flatMap((matrix) =>
    variantsOf(limits, matrix, members).map((variant) => kernelName("newtonSchulz", variant)),
  );
  return [
    "directions",
    "normalise",
    ...(small.length > 0 ? ["orthogonalise"] : []),
    ...Array.from({ length: iterations }, () => products).flat(),
  ];
}
