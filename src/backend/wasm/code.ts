// Bytes of the WebAssembly binary format (core specification 2.0, section 5.1 and 5.2).

/** Bytes, and the locals that code names, in nested parts: joining costs nothing. */
export type Code = readonly (number | Uint8Array | LocalReference | LoopMark | Code)[];

/** A local of a function: its number is found when all of the code is there (locals.ts). */
export class LocalReference {
  /** Byte of its type. */
  readonly type: number;

  constructor(type: number) {
    this.type = type;
  }
}

/** Where a loop begins or ends; no bytes. */
export class LoopMark {
  readonly isStart: boolean;

  constructor(isStart: boolean) {
    this.isStart = isStart;
  }
}

/** Visits everything in nested parts in order, however deep they are. */
export function visit(code: Code, take: (part: number | Uint8Array | LocalReference | LoopMark) => void): void {
  const open: Code[] = [code];
  const places = [0];
  while (open.length > 0) {
    const top = open.length - 1;
    const parts = open[top]!;
    const at = places[top]!++;
    if (at === parts.length) {
      open.pop();
      places.pop();
      continue;
    }
    const part = parts[at]!;
    if (typeof part === "object" && "length" in part && !(part instanceof Uint8Array)) {
      open.push(part);
      places.push(0);
    } else take(part);
  }
}

/** Bytes that are added one by one. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  push(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  append(bytes: Uint8Array | readonly number[]): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}

/** All bytes of nested parts that name no local. */
export function flatten(code: Code): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  visit(code, (part) => {
    if (typeof part === "number") writer.push(part);
    else if (part instanceof Uint8Array) writer.append(part);
    else throw new Error("wasm: a local outside a function");
  });
  return writer.bytes;
}

/** An unsigned 32-bit integer as LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

/** A signed 32-bit integer as LEB128. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (; rest < -0x40 || rest >= 0x40; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest & 0x7f];
}

/** The four bytes of an f32. */
export const float32 = (value: number): Uint8Array => new Uint8Array(Float32Array.of(value).buffer);

/** The four bytes of a 32-bit integer. */
export const int32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);

/** A name: its length in bytes, then UTF-8. */
export function nameBytes(name: string): Code {
  const bytes = new TextEncoder().encode(name);
  return [unsigned(bytes.length), bytes];
}

/** A vector: its length, then its elements. */
export const vector = (elements: readonly Code[]): Code => [unsigned(elements.length), elements];

/** A section, or a function's body: its size in bytes, then its content. */
export function sized(content: Code): Code {
  const bytes = flatten(content);
  return [unsigned(bytes.length), bytes];
}

/** What loads and stores are followed by: an alignment of 4 bytes, and an offset in bytes that is added to the address. */
export const memoryArgument = (offset: number): Code => [2, unsigned(offset)];
