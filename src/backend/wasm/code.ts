// Bytes of the WebAssembly binary format (core specification 2.0, section 5.1 and 5.2).

/** Bytes in nested parts, so that joining costs nothing. */
export type Code = readonly (number | Code)[];

/** Appends all bytes of nested parts. Depth is bounded by the nesting of expressions, so this may not recurse. */
export function flatten(code: Code): number[] {
  const bytes: number[] = [];
  const open: { readonly parts: Code; at: number }[] = [{ parts: code, at: 0 }];
  while (open.length > 0) {
    const top = open[open.length - 1]!;
    const part = top.parts[top.at++];
    if (part === undefined) open.pop();
    else if (typeof part === "number") bytes.push(part);
    else open.push({ parts: part, at: 0 });
  }
  return bytes;
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
export const float32 = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];

/** The four bytes of a 32-bit integer. */
export const int32 = (value: number): number[] => [...new Uint8Array(Int32Array.of(value).buffer)];

/** A name: its length in bytes, then UTF-8. */
export function nameBytes(name: string): Code {
  const bytes = [...new TextEncoder().encode(name)];
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
