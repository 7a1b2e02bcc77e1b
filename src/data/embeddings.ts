import type { Dataset } from "../backend/executor.ts";
import { embedding } from "../graph/layers.ts";
import type { Layer } from "../graph/vector.ts";
import { columnWidth, isNumbered, type Preprocessing } from "./preprocessing.ts";

/** How columns of categories become inputs: those of more than `mostOneHot` values numbered, or all one-hot. */
export const categoryEncodings = ["auto", "oneHot"] as const;
export type CategoryEncoding = (typeof categoryEncodings)[number];

/** Most categories that are one-hot where embeddings are taken. */
export const mostOneHot = 10;

/**
 * Values per category: min(600, 1.6 · categories^0.56), the rule of fastai (`emb_sz_rule` of fastai.tabular.model), found by
 * trying tables.
 */
const embeddingWidth = (categories: number): number => Math.min(600, Math.round(1.6 * categories ** 0.56));

interface NumberedColumn {
  /** Of the network's inputs. */
  readonly column: number;
  readonly values: number;
}

function numberedColumns({ inputs }: Preprocessing): NumberedColumn[] {
  let next = 0;
  return inputs.flatMap((input) => {
    const column = next;
    next += columnWidth(input);
    return isNumbered(input) ? [{ column, values: input.values.length }] : [];
  });
}

/** Prepared rows, with the columns that hold numbers of categories. */
export function datasetOf(preprocessing: Preprocessing, inputs: Float32Array, targets: Float32Array): Dataset {
  const categoryColumns = numberedColumns(preprocessing).map(({ column }) => column);
  return { inputs, targets, ...(categoryColumns.length > 0 && { categoryColumns }) };
}

/**
 * Layers with which a network for prepared data begins: an embedding for each column whose categories are numbered, none where all
 * are one-hot. Row 0 of a table stands for a value that is missing or was not seen in training.
 */
export const inputLayers = (preprocessing: Preprocessing): Layer[] =>
  numberedColumns(preprocessing)
    .map(({ column, values }) =>
      embedding({ column, categories: values + 1, width: embeddingWidth(values + 1), hasUnknown: true }),
    )
    .toReversed(); // an embedding removes its column: those before it keep their places
