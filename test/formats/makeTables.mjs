// @ts-nocheck: run once by hand; its output is checked by test/tableFormats.test.ts
// Writes test/formats/tables.json: small tables by other programs' writers, in base64. Run once, from the folder of the project:
// `node test/formats/makeTables.mjs` (needs the commands zstd and lz4), then `python3 test/formats/makeArrays.py` (needs numpy).

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as arrow from "@uwdata/flechette";
import { zipSync } from "fflate";
import { parquetWriteBuffer } from "hyparquet-writer";

/** @param {string} command @param {Uint8Array} bytes @param {string[]} options */
const pipe = (command, bytes, ...options) => new Uint8Array(execFileSync(command, options, { input: bytes }));

const nulls = (values, every) => values.map((value, row) => (row % every === every - 1 ? null : value));
const rows = 40;
const count = Array.from({ length: rows }, (_, row) => row);
const values = {
  byte: count.map((row) => row - 20),
  long: nulls(
    count.map((row) => BigInt(row) * 1_000_000_007n),
    5,
  ),
  huge: count.map((row) => 9_007_199_254_740_993n + BigInt(row)),
  half: nulls(
    count.map((row) => row / 8),
    7,
  ),
  float: count.map((row) => Math.fround(row / 3)),
  double: nulls(
    count.map((row) => Math.sin(row)),
    3,
  ),
  flag: nulls(
    count.map((row) => row % 3 === 0),
    11,
  ),
  kind: count.map((row) => ["oak", "ash", "Fähre ☂"][row % 3]),
  note: nulls(
    count.map((row) => `row ${row * row}`),
    4,
  ),
  day: nulls(
    count.map((row) => new Date(Date.UTC(2024, 1, 1 + row))),
    6,
  ),
  time: count.map((row) => new Date(Date.UTC(2024, 1, 1, 0, 0, row, 250))),
};

const parquetTypes = { byte: "INT32", long: "INT64", huge: "INT64", float: "FLOAT", double: "DOUBLE", flag: "BOOLEAN", kind: "STRING", note: "STRING", time: "TIMESTAMP" }; // prettier-ignore

const schemaOf = (names) => [
  { name: "root", num_children: names.length },
  ...names.map((name) => {
    const repetition_type = values[name].includes(null) ? "OPTIONAL" : "REQUIRED";
    if (name === "day") return { name, type: "INT32", converted_type: "DATE", repetition_type };
    if (name === "half") return { name, type: "FIXED_LEN_BYTE_ARRAY", type_length: 2, logical_type: { type: "FLOAT16" }, repetition_type }; // prettier-ignore
    if (name === "time") return { name, type: "INT64", converted_type: "TIMESTAMP_MILLIS", repetition_type };
    if (/STRING/.test(parquetTypes[name])) return { name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type };
    return { name, type: parquetTypes[name], repetition_type };
  }),
];

function parquet(codec, compress, encodings = {}) {
  const names = Object.keys(values);
  const columnData = names.map((name) => ({
    name,
    data: values[name],
    ...(encodings[name] && { encoding: encodings[name] }),
  }));
  const compressors = compress ? { [codec]: compress } : undefined;
  return parquetWriteBuffer({
    columnData,
    schema: schemaOf(names),
    codec,
    compressors,
    rowGroupSize: 25,
    pageSize: 90,
  });
}

function lz4Block(bytes) {
  const frame = pipe("lz4", bytes, "-c");
  const size = new DataView(frame.buffer, frame.byteOffset).getUint32(7, true); // behind magic, flags and a checksum
  return frame.subarray(11, 11 + size);
}

function arrowTable() {
  const types = {
    byte: arrow.int8(), long: arrow.int64(), huge: arrow.int64(), half: arrow.float16(), float: arrow.float32(), double: arrow.float64(),
    flag: arrow.bool(), kind: arrow.dictionary(arrow.utf8(), arrow.int8()), note: arrow.utf8(), day: arrow.dateDay(),
    time: arrow.timestamp(arrow.TimeUnit.MICROSECOND),
  }; // prettier-ignore
  return arrow.tableFromArrays(values, { types, useBigInt: true, maxBatchRows: 25 });
}

const codec = (name) => ({
  encode: (bytes) => pipe(name, bytes, "-c"),
  decode: () => new Uint8Array(),
});
arrow.setCompressionCodec(arrow.CompressionType.LZ4_FRAME, codec("lz4"));
arrow.setCompressionCodec(arrow.CompressionType.ZSTD, codec("zstd"));
const ipc = (options) => arrow.tableToIPC(arrowTable(), options);

/** IDX as MNIST has it: 3 images of 2 × 2, and their labels. */
const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9);
const csv = new TextEncoder().encode("a,b\n1,x\n2,y\n3,x\n");

const delta = { byte: "DELTA_BINARY_PACKED", long: "DELTA_BINARY_PACKED", note: "DELTA_LENGTH_BYTE_ARRAY", double: "BYTE_STREAM_SPLIT", flag: "RLE" }; // prettier-ignore
const files = {
  "plain.parquet": new Uint8Array(parquet("UNCOMPRESSED")),
  "snappy.parquet": new Uint8Array(parquet("SNAPPY")),
  "gzip.parquet": new Uint8Array(parquet("GZIP", (bytes) => gzipSync(bytes))),
  "zstd.parquet": new Uint8Array(parquet("ZSTD", (bytes) => pipe("zstd", bytes, "-c"))),
  "encodings.parquet": new Uint8Array(parquet("SNAPPY", undefined, delta)),
  "file.arrow": ipc({ format: "file" }),
  "stream.arrow": ipc({ format: "stream" }),
  "lz4.feather": ipc({ format: "file", codec: arrow.CompressionType.LZ4_FRAME }),
  "zstd.feather": ipc({ format: "file", codec: arrow.CompressionType.ZSTD }),
  "images-idx3-ubyte": images,
  "labels-idx1-ubyte": labels,
  "images-idx3-ubyte.gz": gzipSync(images),
  "table.csv.gz": gzipSync(csv),
  "sheet.xlsx": zipSync({ "[Content_Types].xml": csv, "xl/workbook.xml": csv }),
  "block.lz4": lz4Block(new TextEncoder().encode("abcabcabcabc".repeat(40) + "xyz".repeat(200))),
};

const plain = (value) => (typeof value === "bigint" ? (Number.isSafeInteger(Number(value)) ? Number(value) : String(value)) : value instanceof Date ? value.toISOString() : value); // prettier-ignore
const tables = {
  files: Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]),
  ),
  values: Object.fromEntries(Object.entries(values).map(([name, column]) => [name, column.map(plain)])),
};
writeFileSync(join(import.meta.dirname, "tables.json"), `${JSON.stringify(tables)}\n`);
for (const [name, bytes] of Object.entries(files)) console.log(name, bytes.length);
