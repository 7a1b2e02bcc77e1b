import type { Body } from "./body.ts";
import { f32x4, i32 } from "./instructions.ts";
import { load } from "./matmulArguments.ts";
import { forBlocks, type OutBlock } from "./matmulKernel.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import type { Value, Variable } from "./value.ts";
import { storeUpTo } from "./vectorStore.ts";

// What is done with the values of a product while they are in a near cache: bias, activation, a slope. It runs for the items of the
// product, behind it in the same phase.

/**
 * How an operand of an epilogue lies. columns: one value for each column of out, as a bias; rows: one for each row; one: the same value for all,
 * as the bias of one column; values: [m, n] as out.
 */
export type OperandLayout = "columns" | "rows" | "one" | "values";

/** Four values at a time. */
type Vector = Value<"f32x4">;

export interface Epilogue {
  readonly operands: readonly OperandLayout[];
  /** How many arrays of the shape of out are written beside it. */
  readonly extraOutputs?: number;
  /**
   * Writes the code for four values of a row.
   * @param sum of the product; may be used often, as may the operands
   * @returns the values of out, then of the extra outputs
   */
  apply(body: Body, sum: Vector, operands: readonly Vector[]): readonly Vector[];
}

/** Words of the arguments: the product's arguments, then for each operand and extra output its address and the bytes between matrices. */
const epilogueArgument = { product: 0, arrays: 1 } as const;

interface Places {
  /** Addresses of the first value of a block's row: of out, of operands, of extra outputs. */
  readonly out: Variable<"i32">;
  readonly arrays: readonly Variable<"i32">[];
}

/** Bytes that a step of one row moves each array. */
const rowBytes = (layout: OperandLayout, outRow: Value<"i32">): Value<"i32"> | number =>
  layout === "values" ? outRow : layout === "rows" ? 4 : 0;

function placesOf(body: Body, args: Value<"i32">, layouts: readonly OperandLayout[], at: OutBlock & At): Places {
  const { top, left, outRow, matrix, index } = at;
  const leftBytes = body.let(i32.shl(left, 2));
  const arrays = layouts.map((layout, array) => {
    const word = 4 * (epilogueArgument.arrays + 2 * array);
    const first = i32.add(i32.load(args, word), i32.mul(index, i32.load(args, word + 4)));
    const down = i32.mul(top, rowBytes(layout, outRow));
    const across = layout === "values" || layout === "columns" ? leftBytes : 0;
    return body.variable("i32", i32.add(i32.add(first, down), across));
  });
  const out = body.variable("i32", i32.add(i32.add(matrix, i32.mul(top, outRow)), leftBytes));
  return { out, arrays };
}

interface At {
  readonly outRow: Value<"i32">;
  /** Which matrix of the batch. */
  readonly index: Value<"i32">;
}

/** Adds the kernel of an epilogue, `(args, item, scratch, turn)`. */
export function addEpilogue(builder: ModuleBuilder, epilogue: Epilogue) {
  const { operands, extraOutputs = 0 } = epilogue;
  const extras = Array.from({ length: extraOutputs }, () => "values" as const);
  const layouts: readonly OperandLayout[] = [...operands, ...extras];
  return builder.kernel((body, ...[args, item]) => {
    const product = body.let(i32.load(args, 4 * epilogueArgument.product));
    const outRow = body.let(load(product, "outRow"));
    forBlocks(body, product, item, (block, index) => {
      const places = placesOf(body, args, layouts, { ...block, outRow, index });
      body.for({ from: 0, to: block.rows }, () => {
        body.for({ from: 0, to: block.columns, by: 4 }, (column) => {
          const bytes = body.let(i32.shl(column, 2));
          const values = operands.map((layout, at) =>
            body.let(
              layout === "rows" || layout === "one"
                ? f32x4.loadSplat(places.arrays[at]!)
                : f32x4.load(i32.add(places.arrays[at]!, bytes)),
            ),
          );
          const results = epilogue.apply(body, body.let(f32x4.load(i32.add(places.out, bytes))), values);
          const count = body.let(i32.sub(block.columns, column));
          [places.out, ...places.arrays.slice(operands.length)].forEach((array, at) =>
            storeUpTo(body, body.let(i32.add(array, bytes)), body.let(results[at]!), count),
          );
        });
        body.set(places.out, i32.add(places.out, outRow));
        layouts.forEach((layout, at) => {
          const array = places.arrays[at]!;
          if (layout === "values" || layout === "rows") body.set(array, i32.add(array, rowBytes(layout, outRow)));
        });
      });
    });
  });
}
