// What the small maps of the drawing show.

/** Whether a neuron says the same everywhere: it is dead, or saturated. */
export function isConstant(values: Float32Array): boolean {
  let [least, largest] = [values[0]!, values[0]!];
  for (const value of values) {
    least = Math.min(least, value);
    largest = Math.max(largest, value);
  }
  return largest - least <= 1e-4 * Math.max(1, Math.abs(least));
}

/** Values over their largest size, so that every map shows its own pattern. */
export function normalized(values: Float32Array): Float32Array {
  let largest = 1e-9;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return values.map((value) => value / largest);
}
