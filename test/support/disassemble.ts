// Disassembles WebAssembly modules, by the tables of the specification and without the encoder's own: for tests of the encoder.

const plain: Readonly<Record<number, string>> = {
  0x02: "block", 0x03: "loop", 0x04: "if", 0x05: "else", 0x0b: "end", 0x0c: "br", 0x0d: "br_if", 0x10: "call",
  0x1b: "select", 0x1c: "select_t", 0x20: "local.get", 0x21: "local.set", 0x28: "i32.load", 0x2a: "f32.load", 0x36: "i32.store",
  0x38: "f32.store", 0x41: "i32.const", 0x43: "f32.const", 0x45: "i32.eqz", 0x67: "i32.clz", 0x46: "i32.eq", 0x47: "i32.ne", 0x48: "i32.lt_s",
  0x49: "i32.lt_u", 0x4a: "i32.gt_s", 0x4b: "i32.gt_u", 0x4c: "i32.le_s", 0x4d: "i32.le_u", 0x4e: "i32.ge_s", 0x4f: "i32.ge_u",
  0x5b: "f32.eq", 0x5c: "f32.ne", 0x5d: "f32.lt", 0x5e: "f32.gt", 0x5f: "f32.le", 0x60: "f32.ge", 0x6a: "i32.add",
  0x6b: "i32.sub", 0x6c: "i32.mul", 0x6e: "i32.div_u", 0x70: "i32.rem_u", 0x71: "i32.and", 0x72: "i32.or", 0x73: "i32.xor",
  0x74: "i32.shl", 0x75: "i32.shr_s", 0x76: "i32.shr_u", 0x77: "i32.rotl", 0x8b: "f32.abs", 0x8c: "f32.neg", 0x91: "f32.sqrt",
  0x92: "f32.add", 0x93: "f32.sub", 0x94: "f32.mul", 0x95: "f32.div", 0x96: "f32.min", 0x97: "f32.max",
  0xb2: "f32.convert_i32_s", 0xb3: "f32.convert_i32_u", 0xbc: "i32.reinterpret_f32", 0xbe: "f32.reinterpret_i32",
}; // prettier-ignore

const vectors: Readonly<Record<number, string>> = {
  0x00: "v128.load", 0x09: "v128.load32_splat", 0x0b: "v128.store", 0x0c: "v128.const", 0x0d: "i8x16.shuffle",
  0x11: "i32x4.splat", 0x13: "f32x4.splat", 0x1b: "i32x4.extract_lane", 0x1c: "i32x4.replace_lane", 0x1f: "f32x4.extract_lane",
  0x20: "f32x4.replace_lane", 0x37: "i32x4.eq", 0x39: "i32x4.lt_s", 0x3b: "i32x4.gt_s", 0x3c: "i32x4.gt_u", 0x41: "f32x4.eq",
  0x42: "f32x4.ne", 0x43: "f32x4.lt", 0x44: "f32x4.gt", 0x45: "f32x4.le", 0x46: "f32x4.ge", 0x4d: "v128.not", 0x4e: "v128.and",
  0x4f: "v128.andnot", 0x50: "v128.or", 0x51: "v128.xor", 0x52: "v128.bitselect", 0x53: "v128.any_true",
  0x56: "v128.load32_lane", 0x5a: "v128.store32_lane", 0x67: "f32x4.ceil", 0x68: "f32x4.floor", 0x69: "f32x4.trunc", 0x6a: "f32x4.nearest",
  0xa3: "i32x4.all_true", 0xa4: "i32x4.bitmask", 0xab: "i32x4.shl", 0xac: "i32x4.shr_s", 0xad: "i32x4.shr_u", 0xae: "i32x4.add",
  0xb1: "i32x4.sub", 0xb5: "i32x4.mul", 0xb6: "i32x4.min_s", 0xb8: "i32x4.max_s", 0xde: "i64x2.extmul_low_i32x4_u", 0xdf: "i64x2.extmul_high_i32x4_u", 0xe0: "f32x4.abs", 0xe1: "f32x4.neg",
  0xe3: "f32x4.sqrt", 0xe4: "f32x4.add", 0xe5: "f32x4.sub", 0xe6: "f32x4.mul", 0xe7: "f32x4.div", 0xe8: "f32x4.min",
  0xe9: "f32x4.max", 0xea: "f32x4.pmin", 0xeb: "f32x4.pmax", 0xf8: "i32x4.trunc_sat_f32x4_s", 0xfa: "f32x4.convert_i32x4_s",
  0x105: "f32x4.relaxed_madd", 0x106: "f32x4.relaxed_nmadd",
}; // prettier-ignore

const saturating: Readonly<Record<number, string>> = { 0x00: "i32.trunc_sat_f32_s" };

const typeNames: Readonly<Record<number, string>> = { 0x7f: "i32", 0x7d: "f32", 0x7b: "v128", 0x40: "" };

class Reader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    [this.bytes, this.at, this.end] = [bytes, at, end];
  }

  byte(): number {
    if (this.at >= this.end) throw new Error(`disassemble: nothing is left at ${this.at}`);
    return this.bytes[this.at++]!;
  }

  /** LEB128; sign-extended where `isSigned`. */
  integer(isSigned = false): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(this.byte());
      value |= (byte & 0x7fn) << shift;
      if ((byte & 0x80n) === 0n) return Number(isSigned ? BigInt.asIntN(Number(shift + 7n), value) : value);
    }
  }

  float(): number {
    this.at += 4;
    return new DataView(this.bytes.buffer, this.bytes.byteOffset).getFloat32(this.at - 4, true);
  }

  name(): string {
    const length = this.integer();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.integer() }, read);
  }

  part(): Reader {
    const length = this.integer();
    this.at += length;
    return new Reader(this.bytes, this.at - length, this.at);
  }
}

const memory = (reader: Reader): (string | number)[] => [
  `align=${2 ** reader.integer()}`,
  `offset=${reader.integer()}`,
];

function immediates(name: string, reader: Reader): (string | number)[] {
  if (["block", "loop", "if"].includes(name)) return [typeNames[reader.byte()]!].filter((type) => type !== "");
  if (name === "select_t") return reader.list(() => typeNames[reader.byte()]!);
  if (/^(br|br_if|call|local\.[gs]et)$/.test(name)) return [reader.integer()];
  if (name === "i32.const") return [reader.integer(true)];
  if (name === "f32.const") return [reader.float()];
  if (name === "v128.const") return [reader.float(), reader.float(), reader.float(), reader.float()];
  if (name === "i8x16.shuffle") return Array.from({ length: 16 }, () => reader.byte());
  if (name === "v128.store32_lane" || name === "v128.load32_lane") return [...memory(reader), reader.byte()];
  if (name.endsWith("_lane")) return [reader.byte()];
  return /\.(load|store)/.test(name) ? memory(reader) : [];
}

function instruction(reader: Reader): string {
  const opcode = reader.byte();
  const place = reader.at - 1;
  const name =
    opcode === 0xfd ? vectors[reader.integer()] : opcode === 0xfc ? saturating[reader.integer()] : plain[opcode];
  if (name === undefined) throw new Error(`disassemble: no instruction at ${place}`);
  return [name, ...immediates(name, reader)].join(" ");
}

export interface Disassembly {
  /** Signatures, as `i32 v128 → f32`. */
  readonly types: readonly string[];
  /** As `module.name 1 65536 shared`. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** Of each function: the place of its type, its locals and its instructions. */
  readonly functions: readonly {
    readonly type: number;
    readonly locals: readonly string[];
    readonly code: readonly string[];
  }[];
}

function readCode(reader: Reader): { locals: string[]; code: string[] } {
  const locals = reader.list(() => `${reader.integer()} ${typeNames[reader.byte()]}`);
  const code: string[] = [];
  while (reader.at < reader.end) code.push(instruction(reader));
  return { locals, code };
}

function readImport(reader: Reader): string {
  const place = `${reader.name()}.${reader.name()}`;
  if (reader.byte() !== 2) throw new Error(`disassemble: ${place} is no memory`);
  const flags = reader.byte();
  const limits = [reader.integer(), ...(flags & 1 ? [reader.integer()] : [])];
  return [place, ...limits, ...(flags & 2 ? ["shared"] : [])].join(" ");
}

/** A module as text. */
export function disassemble(bytes: Uint8Array): Disassembly {
  const reader = new Reader(bytes, 8);
  const parts = new Map<number, Reader>();
  while (reader.at < bytes.length) parts.set(reader.byte(), reader.part());
  const section = <T>(id: number, read: (part: Reader) => T): T[] => {
    const part = parts.get(id);
    return part ? part.list(() => read(part)) : [];
  };
  const valueTypes = (part: Reader): string => part.list(() => typeNames[part.byte()]!).join(" ");
  const types = section(1, (part) => {
    part.byte();
    return `${valueTypes(part)} → ${valueTypes(part)}`;
  });
  const functionTypes = section(3, (part) => part.integer());
  const codes = section(10, (part) => readCode(part.part()));
  return {
    types,
    imports: section(2, readImport),
    exports: section(7, (part) => `${part.name()} ${part.byte()} ${part.integer()}`),
    functions: codes.map((own, at) => ({ type: functionTypes[at]!, ...own })),
  };
}
