import type { MaskKey } from "./dropout.ts";

/** What one pass over a batch reads. */
export interface Pass {
  /** Samples of the batch, at most the capacity. */
  readonly rows: number;
  /** [data rows, network inputs]. */
  readonly inputs: Float64Array;
  /** Data row of each sample; absent where sample and row are the same. */
  readonly batchRows?: Uint32Array | undefined;
  /** [parameterCount] of one member. */
  readonly parameters: Float64Array;
  /** Present while training: what draws the masks of dropout. */
  readonly masks?: MaskKey | undefined;
}

export type Operation = (pass: Pass) => void;

/** Values of a node as they lie in memory: value (row, unit) is at offset + row · rowStride + unit · unitStride. */
export interface View {
  /** Undefined: the parameters of the pass. */
  readonly values: Float64Array | undefined;
  readonly offset: number;
  readonly rowStride: number;
  readonly unitStride: number;
}

interface Copy {
  readonly view: View;
  readonly width: number;
  readonly to: Float64Array;
  readonly toWidth: number;
  /** Unit of `to` that the first unit goes to. */
  readonly toStart: number;
}

/** Copies the rows of a view. */
export function copyOf({ view, width, to, toWidth, toStart }: Copy): Operation {
  const { offset, rowStride, unitStride } = view;
  return ({ rows, parameters }) => {
    const values = view.values ?? parameters;
    for (let row = 0; row < rows; row++) {
      const first = offset + row * rowStride;
      for (let unit = 0; unit < width; unit++) to[row * toWidth + toStart + unit] = values[first + unit * unitStride]!;
    }
  };
}
