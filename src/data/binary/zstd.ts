import { BadFile } from "../../errors.ts";
import { damaged } from "./cells.ts";

/**
 * Decompresses Zstandard to exactly `length` bytes.
 * @param decompress of the package fzstd, which writes into a buffer that it is given
 */
export function zstdFrame(
  decompress: (bytes: Uint8Array, output: Uint8Array) => Uint8Array,
  bytes: Uint8Array,
  length: number,
  place: string,
): Uint8Array {
  const output = new Uint8Array(length);
  const written = decompress(bytes, output);
  if (written.length === length) return output;
  throw new BadFile({ place, expected: `${length} bytes when decompressed`, got: `${written.length}`, fix: damaged });
}
