import {
  type Column as ArrowColumn,
  CompressionType,
  type DataType,
  setCompressionCodec,
  tableFromIPC,
  Type,
} from "@uwdata/flechette";
import { decompress } from "fzstd";
import { BadFile } from "../../errors.ts";
import { nextTask } from "../../nextTask.ts";
import type { Column, RawTable } from "../table.ts";
import { checkArrow } from "./arrowMessages.ts";
import { ColumnDraft, damaged, rawTable, reading, requireNames } from "./cells.ts";
import { maxInflatedBytes, requireInflatedSize, requireTableSize } from "./limits.ts";
import { lz4Frame } from "./lz4.ts";
import { zstdFrame } from "./zstd.ts";

/** Types whose values are lists, objects, bytes or spans of time. */
const nested = new Set<number>([
  Type.Binary,
  Type.LargeBinary,
  Type.FixedSizeBinary,
  Type.BinaryView,
  Type.List,
  Type.LargeList,
  Type.FixedSizeList,
  Type.ListView,
  Type.LargeListView,
  Type.Struct,
  Type.Union,
  Type.Map,
  Type.Interval,
]);

/** Decompressors of flechette belong to its module: each file counts what it decompresses from 0. */
function registerCodecs(place: string): void {
  let total = 0;
  const counted = (decode: (bytes: Uint8Array, length: number) => Uint8Array) => ({
    decode(bytes: Uint8Array, length: number) {
      total += length;
      requireInflatedSize(place, length < 0 ? -1 : total);
      return decode(bytes, length);
    },
    encode: (bytes: Uint8Array) => bytes, // nothing is written
  });
  setCompressionCodec(
    CompressionType.LZ4_FRAME,
    counted((bytes, length) => lz4Frame(bytes, length, place)),
  );
  setCompressionCodec(
    CompressionType.ZSTD,
    counted((bytes, length) => zstdFrame(decompress, bytes, length, place)),
  );
}

const slice = 20_000;

/** A column's cells; a categorical one holds names, whatever they look like. */
async function readColumn(name: string, column: ArrowColumn<unknown>, rows: number, place: string): Promise<Column> {
  const type = column.type as DataType;
  const isCategorical = type.typeId === Type.Dictionary;
  const draft = new ColumnDraft(name, isCategorical && isText(type));
  if (nested.has(type.typeId)) {
    draft.fillNested(rows);
    return draft.finish();
  }
  let chars = 0;
  for (let row = 0; row < rows; row++) {
    const value = column.at(row);
    if (value === undefined) {
      const where = `${place}: row ${row + 1}, column ${JSON.stringify(name)}`;
      throw new BadFile({ place: where, expected: "a value", got: "the end of the values", fix: damaged });
    }
    if (typeof value === "string") chars += value.length;
    draft.add(value, place);
    if (row % slice === slice - 1) {
      requireInflatedSize(place, Math.min(chars * 2, maxInflatedBytes + 1));
      await nextTask();
    }
  }
  return draft.finish();
}

function isText(type: DataType): boolean {
  const own = "dictionary" in type ? type.dictionary : type;
  return own.typeId === Type.Utf8 || own.typeId === Type.LargeUtf8 || own.typeId === Type.Utf8View;
}

/**
 * Reads Arrow's IPC formats, the file (Feather V2) and the stream, plain or compressed by LZ4 or Zstandard.
 * Dictionary columns of texts are categories; dates and timestamps become texts such as 2024-05-01T12:00:00.000Z.
 * @throws BadFile on a damaged file, and on one that would fill memory
 */
export async function readArrow(bytes: Uint8Array, place: string): Promise<RawTable> {
  return reading(place, "Arrow", async () => {
    const own = new Uint8Array(bytes); // aligned, as views of 8 bytes per value need it
    checkArrow(own, place, own[0] === "A".charCodeAt(0));
    registerCodecs(place);
    const table = tableFromIPC(own, { useDate: true, useBigInt: true });
    const { numRows, names } = table;
    requireTableSize(place, numRows, names.length);
    requireNames(names, place);
    const columns: Column[] = [];
    for (const [index, name] of names.entries()) {
      const column = table.getChildAt(index) as ArrowColumn<unknown>;
      if (column.length !== numRows) throw new Error(`${column.length} values in column ${index + 1}`);
      columns.push(await readColumn(name, column, numRows, place));
    }
    return rawTable("Arrow", columns, numRows);
  });
}
