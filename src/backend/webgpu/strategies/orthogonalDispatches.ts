import { widestOptimizer } from "../../batches.ts";
import {
  type Coefficients,
  coefficients,
  factorOf,
  gramSide,
  iterationsOf,
  leastNorm,
} from "../../../math/orthogonal.ts";
import { write } from "../bufferOwner.ts";
import { emitMatrices, kernelUpdateOf } from "../emit/emitOptimizer.ts";
import { type Bound, type Dispatch, groupSize } from "../kernel.ts";
import { blockOf } from "../layout.ts";
import { alignmentOf, type LayerVariant, valueInvocations, variantConstants } from "../matmulVariants.ts";
import {
  directionsKernel,
  NewtonSchulz,
  newtonSchulzKernel,
  normaliseKernel,
  orthogonaliseKernel,
} from "../orthogonalKernels.ts";
import type { KernelSource } from "../shader.ts";
import { stepWindow } from "./costConstants.ts";
import { build, type DispatchRequest, type UpdateBuffers, type UpdateRequest } from "./dispatches.ts";
import {
  directionFloats,
  type LargeMatrix,
  type OrthogonalPlan,
  orthogonalPlan,
  variantsOf,
} from "./orthogonalPlan.ts";

// The dispatches of a step that make matrices orthogonal (src/math/orthogonal.ts), before the update.

/** Where a matrix lies: its first value, and distances of members, rows and columns. */
interface Place {
  readonly first: number;
  readonly member: number;
  readonly row: number;
  readonly column: number;
}

const transposed = (own: Place): Place => ({ ...own, row: own.column, column: own.row });

/** A product of an iteration, without its buffers. */
interface Product {
  readonly variant: LayerVariant;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly left: Place;
  readonly right: Place;
  readonly out: Place;
}

/** The products of an iteration: A = XXᵀ, aI + bA + cA², and the next X. */
function productsOf(
  { network, members, device }: UpdateRequest,
  matrix: LargeMatrix,
  gramFloats: number,
): readonly [Product, Product, Product] {
  const { offset, fanIn, fanOut, gramOffset } = matrix;
  const side = gramSide(matrix);
  const x = { first: offset, member: network.parameterCount, row: fanOut, column: 1 };
  const gram = { first: gramOffset, member: gramFloats, row: side, column: 1 };
  const isWide = fanIn <= fanOut; // X is the matrix, else its transpose
  const [ofGram, ofPolynomial, ofNext] = variantsOf(device, matrix, members);
  const square = { rows: side, columns: side, out: gram };
  const [left, right] = isWide ? [x, transposed(x)] : [transposed(x), x];
  return [
    { ...square, variant: ofGram, depth: Math.max(fanIn, fanOut), left, right },
    { ...square, variant: ofPolynomial, depth: side, left: gram, right: gram },
    {
      variant: ofNext,
      rows: fanIn,
      columns: fanOut,
      depth: side,
      left: isWide ? gram : x,
      right: isWide ? x : gram,
      out: x,
    },
  ];
}

/** Overrides of a product's kernel. */
function constantsOf({ members, device }: UpdateRequest, { variant, right }: Product) {
  const direction = right.column === 1 ? "rows" : "columns";
  const distance = right.column === 1 ? right.row : right.column;
  return variantConstants(
    variant,
    device.kind,
    alignmentOf(direction, distance, right.first, members > 1 ? right.member : 0),
  );
}

function sizesOf(
  members: number,
  { rows, columns, depth, left, right, out }: Product,
  own?: Coefficients,
): ArrayBuffer {
  return blockOf(NewtonSchulz, {
    members,
    rows,
    columns,
    depth,
    leftFirst: left.first,
    leftMember: left.member,
    leftRow: left.row,
    leftColumn: left.column,
    rightFirst: right.first,
    rightMember: right.member,
    rightRow: right.row,
    rightColumn: right.column,
    outFirst: out.first,
    outMember: out.member,
    a: own?.a ?? 0,
    b: own?.b ?? 0,
    c: own?.c ?? 0,
  });
}

/** What the dispatches of a run share. */
class OrthogonalDispatches {
  readonly #request: UpdateRequest;
  readonly #buffers: UpdateBuffers;
  readonly #plan: OrthogonalPlan;
  /** X before an iteration and after it, in turns. */
  readonly #planes: readonly [GPUBuffer, GPUBuffer];
  readonly #grams: GPUBuffer | undefined;
  readonly #polynomials: GPUBuffer | undefined;

  constructor(request: UpdateRequest, buffers: UpdateBuffers, plan: OrthogonalPlan) {
    const { network, members } = request;
    const { owner } = buffers;
    this.#request = request;
    this.#buffers = buffers;
    this.#plan = plan;
    this.#planes = [
      owner.storage("directions", directionFloats(plan, network, members)),
      owner.storage("orthogonal", members * network.parameterCount),
    ];
    if (plan.large.length === 0) return;
    this.#grams = owner.storage("grams", members * plan.gramFloats);
    this.#polynomials = owner.storage("polynomials", members * plan.gramFloats);
  }

  /** What has become of the matrices after all dispatches. */
  get orthogonal(): GPUBuffer {
    return this.#planes[this.#plan.iterations % 2]!;
  }

  /** In order. @param squares sums of squares of gradients, where those are clipped by norm */
  async create(squares: GPUBuffer | undefined): Promise<Dispatch[]> {
    const { blocks, small, large } = this.#plan;
    if (blocks.length === 0) return [];
    const all = [...this.#ofBlocks(squares), ...(small.length > 0 ? [this.#ofSmall()] : [])];
    const products = large.map((matrix) => this.#ofLarge(matrix));
    for (let iteration = 0; iteration < this.#plan.iterations; iteration++)
      all.push(...products.flatMap((own) => own[iteration]!));
    return Promise.all(all.map((own) => build(this.#request.device, own)));
  }

  /** A dispatch of so many workgroups. */
  #workgroups(source: KernelSource, count: number, bound: readonly Bound[], constants = {}): DispatchRequest {
    const { steps, hyper } = this.#buffers;
    return {
      source,
      label: "matrices",
      constants,
      bound: [stepWindow(steps), hyper, ...bound],
      invocations: () => groupSize * count,
      members: this.#request.plan.groupMembers,
    };
  }

  #ofBlocks(squares: GPUBuffer | undefined): DispatchRequest[] {
    const { network, settings } = this.#request;
    const { owner, settings: rates, gradients, parameters, moments } = this.#buffers;
    const { blocks: all } = this.#plan;
    const words = all.flatMap(({ first, end, firstBlock, blocks }) => [first, end, firstBlock, blocks]);
    const blocks = owner.upload("matrix blocks", Uint32Array.from(words));
    const [directions] = this.#planes;
    const source = directionsKernel(kernelUpdateOf(widestOptimizer(settings)), network);
    const bound = [rates, gradients, parameters, moments, blocks, directions, ...(squares ? [squares] : [])];
    return [
      this.#workgroups(source, all.length, bound),
      this.#workgroups(normaliseKernel, all.length, [blocks, directions], { LEAST_NORM: leastNorm }),
    ];
  }

  #ofSmall(): DispatchRequest {
    const { optimizer } = this.#request.settings;
    const { small, iterations } = this.#plan;
    const words = new Uint32Array(4 * small.length);
    const factors = new Float32Array(words.buffer);
    for (const [at, matrix] of small.entries()) {
      words.set([matrix.offset, matrix.fanIn, matrix.fanOut], 4 * at);
      factors[4 * at + 3] = factorOf(matrix, optimizer);
    }
    const matrices = this.#buffers.owner.upload("small matrices", words);
    const constants = { ITERATIONS: iterations, A: coefficients.a, B: coefficients.b, C: coefficients.c };
    return this.#workgroups(orthogonaliseKernel, small.length, [matrices, ...this.#planes], constants);
  }

  /** The dispatches of a large matrix, for each iteration. */
  #ofLarge(matrix: LargeMatrix): DispatchRequest[][] {
    const { optimizer } = this.#request.settings;
    const products = productsOf(this.#request, matrix, this.#plan.gramFloats);
    const [gram, next] = [this.#uniform(products[0]), this.#uniform(products[2])];
    const iterations = iterationsOf(matrix, optimizer);
    const polynomials = new Map([...new Set(iterations)].map((own) => [own, this.#uniform(products[1], own)]));
    return iterations.map((own, iteration) => {
      const [from, to] = iteration % 2 === 0 ? this.#planes : [this.#planes[1], this.#planes[0]];
      const [grams, polynomial] = [this.#grams!, this.#polynomials!];
      const [left, right] = matrix.fanIn <= matrix.fanOut ? [polynomial, from] : [from, polynomial];
      return [
        this.#product(products[0], [gram, from, from, grams]),
        this.#product(products[1], [polynomials.get(own)!, grams, grams, polynomial], { IS_POLYNOMIAL: 1 }),
        this.#product(products[2], [next, left, right, to]),
      ];
    });
  }

  #uniform(product: Product, own?: Coefficients): GPUBuffer {
    const words = sizesOf(this.#request.members, product, own);
    const uniform = this.#buffers.owner.uniform("newtonSchulz", words.byteLength);
    write(this.#request.device, uniform, words);
    return uniform;
  }

  #product(
    product: Product,
    bound: readonly [GPUBuffer, GPUBuffer, GPUBuffer, GPUBuffer],
    constants = {},
  ): DispatchRequest {
    const { variant, rows, columns } = product;
    const invocations = valueInvocations(variant, rows, columns);
    return {
      source: newtonSchulzKernel(variant),
      label: `${rows} × ${columns}`,
      constants: { ...constantsOf(this.#request, product), ...constants },
      bound: [stepWindow(this.#buffers.steps), ...bound, bound[2]],
      invocations: () => invocations,
      members: this.#request.plan.groupMembers,
    };
  }
}

/**
 * Creates the dispatches that make matrices orthogonal.
 * @param squares sums of squares of gradients, where those are clipped by norm
 * @returns in order, with the buffer that the update reads, and the function by which it knows its matrices
 */
export async function createOrthogonalDispatches(
  request: UpdateRequest,
  buffers: UpdateBuffers,
  squares: GPUBuffer | undefined,
): Promise<{ readonly dispatches: readonly Dispatch[]; readonly orthogonal: GPUBuffer; readonly code: string }> {
  const { network, settings } = request;
  const { optimizer } = settings;
  const all = new OrthogonalDispatches(request, buffers, orthogonalPlan(network, optimizer)!);
  const dispatches = await all.create(squares);
  return { dispatches, orthogonal: all.orthogonal, code: emitMatrices(network, optimizer) };
}
