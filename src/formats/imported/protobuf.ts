import { BadFile } from "../../errors.ts";

// Protocol buffers, as far as ONNX needs them: fields by number, in the order of the file.

const damagedFix = "the file is damaged or no ONNX file: export it again";

/** A field: a number, or bytes. */
export interface Field {
  readonly field: number;
  readonly number: bigint;
  readonly bytes: Uint8Array;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #place: string;
  at = 0;

  constructor(bytes: Uint8Array, place: string) {
    this.#bytes = bytes;
    this.#place = place;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  fault(got: string): BadFile {
    return new BadFile({ place: this.#place, expected: "a whole ONNX file", got, fix: damagedFix });
  }

  varint(): bigint {
    let value = 0n;
    for (let index = 0n; index < 10n; index++) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw this.fault("the end in the middle");
      value |= BigInt(byte & 0x7f) << (7n * index);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw this.fault("a number of more than 10 bytes");
  }

  take(count: number): Uint8Array {
    if (this.at + count > this.#bytes.length) throw this.fault(`a field of ${count} bytes`);
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }
}

const none = new Uint8Array();

/** The fields of a message. @throws BadFile where it is cut */
export function readMessage(bytes: Uint8Array, place: string): Field[] {
  const reader = new Reader(bytes, place);
  const fields: Field[] = [];
  while (!reader.done) {
    const tag = Number(reader.varint());
    const [field, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) fields.push({ field, number: reader.varint(), bytes: none });
    else if (type === 2) fields.push({ field, number: 0n, bytes: reader.take(Number(reader.varint())) });
    else if (type === 5 || type === 1) fields.push({ field, number: 0n, bytes: reader.take(type === 5 ? 4 : 8) });
    else throw reader.fault(`a field of type ${type}`);
  }
  return fields;
}

/** Repeated whole numbers, packed or one by one. */
export function integersOf(fields: readonly Field[], field: number, place: string): number[] {
  return fields
    .filter((each) => each.field === field)
    .flatMap(({ number, bytes }) => {
      if (bytes.length === 0) return [Number(BigInt.asIntN(64, number))];
      const reader = new Reader(bytes, place);
      const packed: number[] = [];
      while (!reader.done) packed.push(Number(BigInt.asIntN(64, reader.varint())));
      return packed;
    });
}

const decoder = new TextDecoder();
export const textsOf = (fields: readonly Field[], field: number): string[] =>
  fields.filter((each) => each.field === field).map(({ bytes }) => decoder.decode(bytes));
export const messagesOf = (fields: readonly Field[], field: number, place: string): Field[][] =>
  fields.filter((each) => each.field === field).map(({ bytes }) => readMessage(bytes, place));
