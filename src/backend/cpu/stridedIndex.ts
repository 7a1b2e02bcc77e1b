/** Where the value of a running index lies in an array with strides. */
export function placeOf(index: number, sizes: readonly number[], strides: readonly number[]): number {
  let rest = index;
  let at = 0;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = sizes[axis]!;
    at += (rest % size) * strides[axis]!;
    rest = Math.floor(rest / size);
  }
  return at;
}
