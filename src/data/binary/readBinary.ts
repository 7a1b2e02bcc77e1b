import { BadFile } from "../../errors.ts";
import type { RawTable } from "../table.ts";
import { type BinaryKind, binaryKindOf } from "./fileKind.ts";
import { inflate } from "./inflate.ts";
import { readIdx } from "./readIdx.ts";
import { readNpy, readNpz } from "./readNpy.ts";
import { reading } from "./cells.ts";

/** A table, or the bytes of a text file that was compressed. */
export type BinaryContent = RawTable | Uint8Array;

async function readGzip(bytes: Uint8Array, place: string): Promise<BinaryContent> {
  const content = await inflate(bytes, "gzip", place);
  const kind = binaryKindOf(content);
  if (kind === undefined) return content;
  if (kind !== "gzip") return readBinary(content, place, kind);
  throw new BadFile({ place, expected: "a table", got: "gzip within gzip", fix: "unpack it with gunzip" });
}

/** Reads a file of one of the formats that are not text. @throws BadFile */
export async function readBinary(bytes: Uint8Array, place: string, kind: BinaryKind): Promise<BinaryContent> {
  switch (kind) {
    case "Parquet":
      return (await import("./readParquet.ts")).readParquet(bytes, place);
    case "Arrow":
      return (await import("./readArrow.ts")).readArrow(bytes, place);
    case "NumPy":
      return reading(place, "NumPy", () => readNpy(bytes, place));
    case "zip":
      return reading(place, "zip", () => readNpz(bytes, place));
    case "gzip":
      return readGzip(bytes, place);
    case "IDX":
      return reading(place, "IDX", () => readIdx(bytes, place));
  }
}
