// Floats of 16 bits. f16: 1 bit of sign, 5 of exponent, 10 of fraction (IEEE 754 binary16). bf16: the upper half of an f32.

const word = new DataView(new ArrayBuffer(4));

/** The bits of the f16 next to a value, the even one of two; beyond 65,504 infinity. */
function halfBits(value: number): number {
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  if (Number.isNaN(value)) return sign | 0x7e00;
  const magnitude = Math.abs(Math.fround(value));
  if (magnitude >= 65_520) return sign | 0x7c00;
  // Units of the last place: 2⁻²⁴ below the least normal value 2⁻¹⁴, else 2⁻¹⁰ of the power of two below.
  const exponent = Math.max(-14, ((bits >>> 23) & 0xff) - 127);
  const units = magnitude * 2 ** (10 - exponent);
  const floor = Math.floor(units);
  const rest = units - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A fraction that is rounded up to 2¹¹ carries into the exponent by itself.
  return sign | ((exponent + 14) * 1024 + rounded);
}

function halfValue(bits: number): number {
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Values as f16 in words of two, the last one filled up with 0. */
export function toHalfFloats(values: ArrayLike<number>): Uint32Array {
  const words = new Uint32Array(Math.ceil(values.length / 2));
  const halves = new Uint16Array(words.buffer);
  for (let at = 0; at < values.length; at++) halves[at] = halfBits(values[at]!);
  return words;
}

export const fromHalfFloats = (halves: Uint16Array): Float32Array => Float32Array.from(halves, halfValue);

/** bf16 as the f32 of the same value. */
export function fromBrainFloats(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}
