import { decompress } from "fzstd";
import {
  type DecodedArray,
  type FileMetaData,
  parquetMetadata,
  parquetRead,
  type SchemaElement,
  snappyUncompress,
} from "hyparquet";
import { BadFile } from "../../errors.ts";
import { nextTask } from "../../nextTask.ts";
import type { Column, RawTable } from "../table.ts";
import { ColumnDraft, rawTable, reading, requireNames } from "./cells.ts";
import { inflate } from "./inflate.ts";
import { requireInflatedSize, requireTableSize } from "./limits.ts";
import { lz4Block } from "./lz4.ts";
import { checkFooter, checkPages } from "./parquetPages.ts";
import { zstdFrame } from "./zstd.ts";

type Inflate = (bytes: Uint8Array, length: number, place: string) => Uint8Array | Promise<Uint8Array>;

function inflateSnappy(bytes: Uint8Array, length: number): Uint8Array {
  const page = new Uint8Array(length);
  snappyUncompress(bytes, page);
  return page;
}

function inflateLz4(bytes: Uint8Array, length: number, place: string): Uint8Array {
  const page = new Uint8Array(length);
  const end = lz4Block(bytes, page, 0, place);
  return page.subarray(0, end);
}

/** By the names of Parquet. Brotli, whose dictionary alone takes 50 kB, and LZO are not read. */
const codecs: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ["SNAPPY", inflateSnappy],
  ["GZIP", (bytes, length, place) => inflate(bytes, "gzip", place, length)],
  ["ZSTD", (bytes, length, place) => zstdFrame(decompress, bytes, length, place)],
  ["LZ4_RAW", inflateLz4],
]);

const uncompressed = "UNCOMPRESSED";

/** A column of the schema: flat ones have no children and do not repeat. */
interface SchemaColumn {
  readonly name: string;
  readonly element: SchemaElement;
  readonly isFlat: boolean;
}

/** The columns at the top of the schema, which is listed depth first. */
function columnsOf({ schema }: FileMetaData): SchemaColumn[] {
  const columns: SchemaColumn[] = [];
  const skip = (at: number, depth: number): number => {
    let next = at + 1;
    if (depth > 64) throw new Error("columns nested more than 64 deep");
    for (let child = schema[at]?.num_children ?? 0; child > 0; child--) {
      if (next >= schema.length) throw new Error("a column without its children");
      next = skip(next, depth + 1);
    }
    return next;
  };
  for (let at = 1; at < schema.length; at = skip(at, 0)) {
    const element = schema[at]!;
    const isFlat = !element.num_children && element.repetition_type !== "REPEATED" && element.type !== undefined;
    columns.push({ name: element.name, element, isFlat });
  }
  return columns;
}

/** Types whose values are bytes or objects. */
function isUsable({ element, isFlat }: SchemaColumn): boolean {
  const logical = element.logical_type?.type ?? "";
  const odd = ["GEOMETRY", "GEOGRAPHY", "VARIANT"].includes(logical);
  const odder = ["BSON", "INTERVAL", "JSON"].includes(element.converted_type ?? "") || logical === "JSON";
  return isFlat && !odd && !odder;
}

class ParquetFile {
  readonly #bytes: Uint8Array;
  readonly #place: string;
  readonly #metadata: FileMetaData;
  #inflatedBytes = 0;

  constructor(bytes: Uint8Array, place: string, metadata: FileMetaData) {
    this.#bytes = bytes;
    this.#place = place;
    this.#metadata = metadata;
  }

  #inflate(codec: string): Inflate {
    const own = codecs.get(codec);
    if (own || codec === uncompressed) return own ?? ((bytes) => bytes);
    const expected = `pages compressed by ${[...codecs.keys()].join(", ")}, or none`;
    const fix = 'write it with another compression (in pandas: to_parquet(FILE, compression="snappy"))';
    throw new BadFile({ place: this.#place, expected, got: codec, fix });
  }

  #chunkOf(column: SchemaColumn, group: FileMetaData["row_groups"][number]) {
    const own = group.columns.find(({ meta_data: meta }) => meta?.path_in_schema[0] === column.name)?.meta_data;
    if (!own) throw new Error(`no values of column ${JSON.stringify(column.name)}`);
    const start = Number(own.dictionary_page_offset || own.data_page_offset);
    const end = start + Number(own.total_compressed_size);
    if (start < 4 || end > this.#bytes.length || end < start) throw new Error(`values from byte ${start} to ${end}`);
    return { codec: own.codec as string, bytes: this.#bytes.subarray(start, end), values: Number(own.num_values) };
  }

  /** Decompressors that hand out what was decompressed and checked, page by page. */
  async #checked(column: SchemaColumn, group: FileMetaData["row_groups"][number], rows: number) {
    const { codec, bytes, values } = this.#chunkOf(column, group);
    if (values !== rows) throw new Error(`${values} values in ${rows} rows`);
    const decode = this.#inflate(codec);
    const pages = await checkPages(bytes, {
      place: this.#place,
      values,
      isOptional: column.element.repetition_type === "OPTIONAL",
      type: column.element.type ?? "",
      isCompressed: codec !== uncompressed,
      inflate: async (page, length) => {
        this.#inflatedBytes += length;
        requireInflatedSize(this.#place, this.#inflatedBytes);
        return decode(page, length, this.#place);
      },
    });
    let next = 0;
    return {
      [codec]: (page: Uint8Array): Uint8Array => {
        const own = pages[next++];
        if (own?.length !== page.length) throw new Error("pages in another order");
        return own.page;
      },
    };
  }

  async readColumn(column: SchemaColumn, rowCount: number): Promise<Column> {
    const draft = new ColumnDraft(column.name);
    if (!isUsable(column)) {
      draft.fillNested(rowCount);
      return draft.finish();
    }
    const buffer = this.#bytes;
    const file = {
      byteLength: buffer.length,
      slice: (start: number, end?: number) => new Uint8Array(buffer.subarray(start, end)).buffer,
    };
    let from = 0;
    for (const group of this.#metadata.row_groups) {
      const rows = Number(group.num_rows);
      if (rows === 0) continue;
      const compressors = await this.#checked(column, group, rows);
      const metadata = { ...this.#metadata, row_groups: [group] };
      const chunks: DecodedArray[] = [];
      await parquetRead({
        file,
        metadata,
        columns: [column.name],
        compressors,
        geoparquet: false,
        onChunk: ({ columnData }) => chunks.push(columnData), // what it throws would be nobody's
      });
      for (const chunk of chunks) {
        await nextTask();
        if (draft.cells.length + chunk.length > from + rows) throw new Error("too many values");
        for (const value of chunk) draft.add(value, this.#place);
      }
      from += rows;
      if (draft.cells.length !== from) throw new Error(`${draft.cells.length} values in ${from} rows`);
    }
    return draft.finish();
  }
}

/**
 * Reads Parquet: flat columns of any type; lists, structs, bytes and JSON cannot be used. Compressed by Snappy, gzip, Zstandard or LZ4.
 * Dates and timestamps become texts such as 2024-05-01T12:00:00.000Z.
 * @throws BadFile on a damaged file, on other compressions and encodings, and on one that would fill memory
 */
export async function readParquet(bytes: Uint8Array, place: string): Promise<RawTable> {
  return reading(place, "Parquet", async () => {
    checkFooter(bytes, place);
    const metadata = parquetMetadata(bytes, { geoparquet: false });
    const schema = columnsOf(metadata);
    const rows = metadata.row_groups.reduce((sum, group) => sum + Math.max(0, Number(group.num_rows)), 0);
    if (metadata.row_groups.some((group) => Number(group.num_rows) < 0)) throw new Error("a group of negative rows");
    requireTableSize(place, rows, schema.length);
    requireNames(
      schema.map(({ name }) => name),
      place,
    );
    const file = new ParquetFile(bytes, place, metadata);
    const columns: Column[] = [];
    for (const column of schema) columns.push(await file.readColumn(column, rows));
    return rawTable("Parquet", columns, rows);
  });
}
