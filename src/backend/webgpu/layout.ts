/** Where the fields of a struct of WGSL lie, in bytes, as vite.shaders.ts reads it: those of integers, and those of floats. */
export interface Layout {
  /** Distance of two of them in an array. */
  readonly bytes: number;
  readonly u32: Readonly<Record<string, number>>;
  readonly f32: Readonly<Record<string, number>>;
}

/** A value for each field: a number, or those of a vector or an array, of which the last may be missing. */
export type Values = Readonly<Record<string, number | readonly number[]>>;

/** Offsets of all fields. @throws Error unless the names are exactly those of the struct */
export function placesOf<Name extends string>({ u32, f32 }: Layout, ...names: readonly Name[]): Record<Name, number> {
  const places = { ...u32, ...f32 };
  const other =
    names.find((name) => !(name in places)) ?? Object.keys(places).find((name) => !names.includes(name as Name));
  if (other) throw new Error(`either the struct has no field ${other}, or it is not named`);
  return places as Record<Name, number>;
}

/** Writes a struct. @throws Error unless there is a value for each field, and no other */
export function writeStruct(view: DataView, start: number, { u32, f32 }: Layout, values: Values): void {
  const missing = [...Object.keys(u32), ...Object.keys(f32)].find((name) => !(name in values));
  if (missing) throw new Error(`the field ${missing} has no value`);
  for (const name in values) {
    const value = values[name]!;
    const words = typeof value === "number" ? [value] : value;
    for (let word = 0; word < words.length; word++) {
      if (name in u32) view.setUint32(start + u32[name]! + 4 * word, words[word]!, true);
      else if (name in f32) view.setFloat32(start + f32[name]! + 4 * word, words[word]!, true);
      else throw new Error(`the struct has no field ${name}`);
    }
  }
}

/** A uniform of one struct. */
export function blockOf(layout: Layout, values: Values): ArrayBuffer {
  const buffer = new ArrayBuffer(Math.ceil(layout.bytes / 16) * 16);
  writeStruct(new DataView(buffer), 0, layout, values);
  return buffer;
}
