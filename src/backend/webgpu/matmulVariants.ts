import type { LayerShape, Network } from "../../graph/network.ts";

/** Properties of a device that the choice depends on. */
export interface MatmulLimits {
  readonly kind: "gpu" | "software";
  /** Four neighbouring invocations can exchange values. */
  readonly hasQuads: boolean;
  /** The driver refused another variant. */
  readonly isPlain?: boolean | undefined;
}

/** Shape of a product: [members, rows, sums] · [members, sums, columns], cut into `splits` along the sums. */
export interface Product {
  readonly members: number;
  readonly rows: number;
  readonly columns: number;
  readonly splits: number;
}

/**
 * How a product is computed: one value per invocation, or a register tile of 16 rows and 4 or 8 columns; with quads four
 * invocations load a tile's rows together.
 */
export type LayerVariant = "plain" | "tiled" | "wideTiled" | "quads" | "wideQuads";

/** Products of tensors also by tiles of 64 × 64 values in workgroup memory; chosen by measurement only (matmulTuning.ts). */
export type MatmulVariant = LayerVariant | "workgroup";

interface Tile {
  /** Of one invocation. */
  readonly rows: number;
  /** Of the invocations that share their rows. */
  readonly columns: number;
  readonly invocations: number;
  /** Time of a value, used or not, as measured on a software adapter; of the fastest it is 1. */
  readonly cost: number;
  /** Invocations below which they would leave a hardware GPU idle; a software adapter has few threads anyway. */
  readonly leastOnHardware: number;
}

const tiles: Record<MatmulVariant, Tile> = {
  plain: { rows: 1, columns: 1, invocations: 1, cost: 9, leastOnHardware: 0 },
  tiled: { rows: 16, columns: 4, invocations: 1, cost: 2, leastOnHardware: 1024 },
  wideTiled: { rows: 16, columns: 8, invocations: 1, cost: 1.5, leastOnHardware: 2048 },
  quads: { rows: 16, columns: 16, invocations: 4, cost: 1.35, leastOnHardware: 4096 },
  wideQuads: { rows: 16, columns: 32, invocations: 4, cost: 1, leastOnHardware: 8192 },
  workgroup: { rows: 64, columns: 64, invocations: 64, cost: 4, leastOnHardware: 0 },
};

const countOf = ({ rows, columns }: Tile, product: Pick<Product, "rows" | "columns">): number =>
  Math.ceil(product.rows / rows) * Math.ceil(product.columns / columns);

/** Values of a product that a variant computes, with those past the edges. */
const valuesComputed = (variant: MatmulVariant, product: Product): number =>
  countOf(tiles[variant], product) * tiles[variant].rows * tiles[variant].columns;

function costOf(limits: MatmulLimits, variant: LayerVariant, product: Product): number {
  const { invocations, cost, leastOnHardware } = tiles[variant];
  const tileCount = countOf(tiles[variant], product);
  const isIdle = limits.kind === "gpu" && product.members * product.splits * tileCount * invocations < leastOnHardware;
  return isIdle ? Number.POSITIVE_INFINITY : valuesComputed(variant, product) * cost;
}

const ofAll: readonly LayerVariant[] = ["plain", "tiled", "wideTiled"];
const ofQuads: readonly LayerVariant[] = [...ofAll, "quads", "wideQuads"];

/** The variants that a device can run. */
function variantsOf({ hasQuads, isPlain = false }: Omit<MatmulLimits, "kind">): readonly LayerVariant[] {
  if (isPlain) return ["plain"];
  return hasQuads ? ofQuads : ofAll;
}

/** Those of the products of tensors. */
export const matmulVariantsOf = (limits: Omit<MatmulLimits, "kind">): readonly MatmulVariant[] => [
  ...variantsOf(limits),
  "workgroup",
];

/** Those worth measuring: barriers cost a software adapter several times what they save. */
export const candidatesOf = (limits: MatmulLimits): readonly MatmulVariant[] =>
  limits.kind === "gpu" ? matmulVariantsOf(limits) : variantsOf(limits);

/** Time that a variant should take, idle or not, in units of a value of the fastest one. */
export const expectedCost = (variant: MatmulVariant, product: Product): number =>
  product.members * valuesComputed(variant, product) * tiles[variant].cost;

/** Picks the variant that costs least for a shape; all of them add in the same order and give the same bits. */
export function chooseVariant(limits: MatmulLimits, product: Product): LayerVariant {
  const variants = variantsOf(limits);
  const costs = variants.map((variant) => costOf(limits, variant, product));
  return variants[costs.indexOf(Math.min(...costs))]!;
}

/** Products and their sums that the cheapest variant computes, with what it wastes at the edges, in units of the fastest one. */
export function productWork(limits: MatmulLimits, product: Product, sums: number): number {
  return product.members * sums * costOf(limits, chooseVariant(limits, product), product);
}

type ProductName = "forward" | "backwardInputs" | "backwardWeights" | "newtonSchulz";
const suffixes = { plain: "", tiled: "Tiled", wideTiled: "Tiled", quads: "Quads", wideQuads: "Quads" } as const;
type Suffix = (typeof suffixes)[LayerVariant];

/** The kernel that computes a product in a variant. */
export const kernelName = <Name extends ProductName>(product: Name, variant: LayerVariant): `${Name}${Suffix}` =>
  `${product}${suffixes[variant]}`;

/** Which four values of the right matrix lie side by side from multiples of four: shaders/matmulTile.wgsl. */
export type Alignment = "none" | "rows" | "columns";

/** Rows of the right matrix are aligned where all distances in it are multiples of four: its columns, first value, strides. */
export const alignmentOf = (direction: "rows" | "columns", ...distances: readonly number[]): Alignment =>
  distances.every((distance) => distance % 4 === 0) ? direction : "none";

/** Overrides of the kernel: how many columns its tile has, and how they lie; a software adapter wants them in one line of the cache. */
export const variantConstants = (
  variant: LayerVariant,
  kind: MatmulLimits["kind"],
  alignment: Alignment,
): Record<string, number> => ({
  WIDE: variant.startsWith("wide") ? 1 : 0,
  ALIGNED: ["none", "rows", "columns"].indexOf(alignment),
  INTERLEAVES: kind === "gpu" && alignment !== "rows" ? 1 : 0,
});

/** Alignment of a layer's weights [fanIn, fanOut] as the right matrix: by their rows, or as its transpose by their columns. */
export const weightsAlignment = (
  direction: "rows" | "columns",
  { fanOut, weightsOffset }: LayerShape,
  { parameterCount }: Pick<Network, "parameterCount">,
  members: number,
): Alignment => alignmentOf(direction, fanOut, weightsOffset, members > 1 ? parameterCount : 0);

/** Floating-point operations that take as long as one of the tile that costs 2. */
export const variantOperations = (variant: MatmulVariant, operations: number): number =>
  (operations * tiles[variant].cost) / 2;

/** Invocations for [rows, columns] values. */
export function valueInvocations(variant: MatmulVariant, rows: number, columns: number): number {
  return countOf(tiles[variant], { rows, columns }) * tiles[variant].invocations;
}

/** Invocations of backwardWeights per split: those of the weights, and behind them those of the bias and the loss. */
export function weightInvocations(variant: LayerVariant, { fanIn }: LayerShape, gradientColumns: number): number {
  if (variant === "plain") return (fanIn + 1) * gradientColumns;
  return valueInvocations(variant, fanIn, gradientColumns) + valueInvocations(variant, 1, gradientColumns);
}
