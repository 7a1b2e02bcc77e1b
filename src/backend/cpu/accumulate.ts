/** out += a. CPU reference of `shaders/accumulate.wgsl`. */
export function accumulate(a: Float64Array, out: Float64Array): void {
  for (let at = 0; at < out.length; at++) out[at]! += a[at]!;
}
