import { BadFile } from "../../errors.ts";
import { damaged } from "./cells.ts";

// LZ4: blocks (lz4_Block_format.md 2022) and frames around them (lz4_Frame_format.md 1.6.4), as Feather files of pyarrow have them.

function fault(place: string, got: string): BadFile {
  return new BadFile({ place, expected: "data compressed by LZ4", got, fix: damaged });
}

/** 15 stands for more: bytes are added until one is not 255. @returns length, and the place behind it */
function longLength(input: Uint8Array, from: number, start: number, most: number): [length: number, at: number] {
  let [length, at] = [start, from];
  if (start < 15) return [length, at];
  for (let byte = 255; byte === 255 && length <= most; at++) {
    byte = input[at] ?? 0;
    length += byte;
  }
  return [length, at];
}

/**
 * Decompresses a block into `output` from `start`.
 * @returns where its last byte ends
 * @throws BadFile where it reaches beyond the output, or refers to bytes in front of it
 */
export function lz4Block(input: Uint8Array, output: Uint8Array, start: number, place: string): number {
  let at = 0;
  let end = start;
  while (at < input.length) {
    const token = input[at++]!;
    let literals: number;
    [literals, at] = longLength(input, at, token >> 4, output.length);
    if (at + literals > input.length || end + literals > output.length) throw fault(place, "too many literals");
    output.set(input.subarray(at, at + literals), end);
    at += literals;
    end += literals;
    if (at >= input.length) return end; // the last sequence has literals only
    const offset = input[at]! | ((input[at + 1] ?? 0) << 8);
    at += 2;
    let copied: number;
    [copied, at] = longLength(input, at, token & 15, output.length);
    copied += 4;
    if (offset === 0 || offset > end) throw fault(place, `an offset of ${offset}`);
    if (end + copied > output.length) throw fault(place, "too many bytes");
    for (let index = 0; index < copied; index++, end++) output[end] = output[end - offset]!;
  }
  return end;
}

/** Bytes of a frame's header. @throws BadFile on one that is none, or needs a dictionary */
function frameHeader(view: DataView, place: string): number {
  if (view.byteLength < 7 || view.getUint32(0, true) !== 0x184d2204) throw fault(place, "no frame");
  const flags = view.getUint8(4);
  if (flags >> 6 !== 1 || flags & 1) throw fault(place, "another version, or a dictionary");
  return 7 + (flags & 8 ? 8 : 0);
}

/** Decompresses a frame to exactly `length` bytes. */
export function lz4Frame(input: Uint8Array, length: number, place: string): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const checksumBytes = view.byteLength > 4 && view.getUint8(4) & 16 ? 4 : 0;
  const output = new Uint8Array(length);
  let end = 0;
  for (let at = frameHeader(view, place); ;) {
    if (at + 4 > view.byteLength) throw fault(place, "no end");
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const size = word & 0x7fffffff;
    const block = input.subarray(at, at + size);
    if (block.length !== size) throw fault(place, "a block that is cut");
    if (word >>> 31) {
      if (end + size > length) throw fault(place, "too many bytes");
      output.set(block, end);
      end += size;
    } else end = lz4Block(block, output, end, place);
    at += size + checksumBytes;
  }
  if (end !== length) throw fault(place, `${end} bytes instead of ${length}`);
  return output;
}
