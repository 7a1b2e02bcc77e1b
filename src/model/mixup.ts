import type { Dataset, FloatArray } from "../backend/executor.ts";
import { InvalidInput, requireOptions } from "../errors.ts";
import { categoryColumnsOf } from "../graph/graph.ts";
import { type AnyNetwork, isGraph } from "../graph/graphNetwork.ts";
import { requireSeed } from "../graph/initializers.ts";
import { requireInteger } from "../graph/network.ts";
import { orderKey, permute, streams } from "../random.ts";
import { symmetricBetaAt } from "./beta.ts";
import { requireDataset } from "./dataset.ts";
import { arrayLike } from "./memberRows.ts";

/**
 * Learns from mixtures of rows (Zhang, Cisse, Dauphin, Lopez-Paz 2018): x = λ·xᵢ + (1 − λ)·xⱼ and y = λ·yᵢ + (1 − λ)·yⱼ, with a partner j and a
 * λ ~ Beta(alpha, alpha) for each.
 */
export interface Mixup {
  /** Above 0; 0.1 to 0.4 are usual. The smaller, the closer most mixtures are to one of their rows. */
  readonly alpha: number;
  /**
   * Mixtures that are made of each row, each with another partner and λ; a training visits them all before any comes again. Default 10, fewer
   * where they would have more than 2²⁶ values.
   */
  readonly copies?: number;
  /** Decides partners and shares; default 0. All members have the same mixtures, whatever their own seeds are: each is what it is alone. */
  readonly seed?: number;
}

const place = "train: mixup";
const usualCopies = 10;
const usualValues = 2 ** 26;
const mostValues = 2 ** 30;

function requireAlpha(alpha: unknown): asserts alpha is number {
  if (typeof alpha === "number" && alpha >= 1e-6 && alpha <= 1e6) return;
  const fix = "pass 0.2, or leave mixup out";
  throw new InvalidInput({ place: `${place}: alpha`, expected: "a number from 1e-6 to 1e6", got: String(alpha), fix });
}

/** Category indices are names: half of one and half of another is not a category. */
function requireAmounts(network: AnyNetwork): void {
  const [first] = isGraph(network) ? categoryColumnsOf(network.graph) : [];
  if (first === undefined) return;
  const expected = "columns of numbers, which can be mixed";
  const got = `numbers of categories in column ${first.column}`;
  throw new InvalidInput({ place, expected, got, fix: 'prepare the table with categories: "oneHot"' });
}

interface Mixing {
  readonly rows: number;
  readonly copies: number;
  /** [copies, rows]: the other row, and the share of the first in the inputs. */
  readonly partners: Uint32Array;
  readonly shares: Float64Array;
}

/** Draws partners, in each copy a permutation of the rows, and shares. */
function draw({
  alpha,
  copies,
  rows,
  seed,
}: {
  readonly alpha: number;
  readonly copies: number;
  readonly rows: number;
  readonly seed: number;
}): Mixing {
  const partners = new Uint32Array(copies * rows);
  const shares = new Float64Array(copies * rows);
  for (let copy = 0; copy < copies; copy++) {
    const key = orderKey(seed, streams.mixup, copy);
    for (let row = 0; row < rows; row++) {
      const index = copy * rows + row;
      partners[index] = rows > 1 ? permute(row, rows, key) : 0;
      shares[index] = symmetricBetaAt(alpha, seed, { stream: streams.mixupShares, index });
    }
  }
  return { rows, copies, partners, shares };
}

/** λ·xᵢ + (1 − λ)·xⱼ of rows [rows, width], written so that equal values stay what they are. */
function mixedValues(values: FloatArray, { rows, partners }: Mixing, shares: Float64Array): FloatArray {
  const width = values.length / rows;
  const mixed = arrayLike(values, shares.length * width);
  for (let index = 0; index < shares.length; index++) {
    const [first, second] = [(index % rows) * width, partners[index]! * width];
    for (let column = 0; column < width; column++) {
      const other = values[second + column]!;
      mixed[index * width + column] = other + shares[index]! * (values[first + column]! - other);
    }
  }
  return mixed;
}

/**
 * Share of the first row in the targets. A row that counts twice has twice the share: the loss of a mixture is then λ·wᵢ·e(yᵢ) + (1 − λ)·wⱼ·e(yⱼ)
 * where it is linear in its targets, as cross entropies are.
 */
const weightedShares = ({ rows, shares }: Mixing, weights: FloatArray, mixed: FloatArray): Float64Array =>
  shares.map((share, index) => (mixed[index]! > 0 ? (share * weights[index % rows]!) / mixed[index]! : share));

/**
 * Mixtures of the rows of a data set, [copies · rows]: copy after copy, in each the rows in their order.
 * @param data checked against the network
 * @throws InvalidInput
 */
export function mixedRows(network: AnyNetwork, data: Dataset, mixup: Mixup): Dataset {
  requireOptions(place, mixup, ["alpha", "copies", "seed"]);
  const { alpha, seed = 0 } = mixup;
  requireSeed(`${place}: seed`, seed);
  requireAlpha(alpha);
  requireAmounts(network);
  const rows = requireDataset("train", data, network);
  const values = rows * (network.inputs + network.outputs + 1);
  const { copies = Math.max(1, Math.min(usualCopies, Math.floor(usualValues / values))) } = mixup;
  requireInteger(`${place}: copies`, copies, 1, Math.max(1, Math.floor(mostValues / values)));
  const mixing = draw({ alpha, copies, rows, seed });
  const { weights: own, ...rest } = data;
  const weights = own && mixedValues(own, mixing, mixing.shares);
  const shares = own && weights ? weightedShares(mixing, own, weights) : mixing.shares;
  return {
    ...rest,
    inputs: mixedValues(data.inputs, mixing, mixing.shares),
    targets: mixedValues(data.targets, mixing, shares),
    ...(weights && { weights }),
  };
}
