import { activate, activateDerivative } from "../../../src/backend/cpu/activation.ts";
import type { ActivationName } from "../../../src/graph/network.ts";

// Activation functions over arrays: a loop each for the common ones, the library's float64 functions for the others.

export function sigmoids(values: Float32Array, count: number): void {
  for (let at = 0; at < count; at++) values[at] = 1 / (1 + Math.exp(-values[at]!));
}

/** By one exponential, faster than Math.tanh, and by two terms of the series where the difference would cancel. */
function tanhs(values: Float32Array, count: number): void {
  for (let at = 0; at < count; at++) {
    const z = values[at]!;
    values[at] = Math.abs(z) < 1e-3 ? z * (1 - (z * z) / 3) : 1 - 2 / (Math.exp(2 * z) + 1);
  }
}

function relus(values: Float32Array, count: number): void {
  for (let at = 0; at < count; at++) if (values[at]! < 0) values[at] = 0;
}

/** The first `count` values, replaced by the activation at them. */
export function activateAll(name: ActivationName, values: Float32Array, count: number): void {
  if (name === "sigmoid") sigmoids(values, count);
  else if (name === "tanh") tanhs(values, count);
  else if (name === "relu") relus(values, count);
  else if (name !== "identity") for (let at = 0; at < count; at++) values[at] = activate(name, values[at]!);
}

function sigmoidSlopes(gradients: Float32Array, saved: Float32Array, count: number): void {
  for (let at = 0; at < count; at++) gradients[at]! *= saved[at]! * (1 - saved[at]!);
}

function tanhSlopes(gradients: Float32Array, saved: Float32Array, count: number): void {
  for (let at = 0; at < count; at++) gradients[at]! *= (1 - saved[at]!) * (1 + saved[at]!);
}

function reluSlopes(gradients: Float32Array, saved: Float32Array, count: number): void {
  for (let at = 0; at < count; at++) if (saved[at]! <= 0) gradients[at] = 0;
}

/** The first `count` gradients times the slope at what forward has saved. */
export function multiplySlopes(
  name: ActivationName,
  gradients: Float32Array,
  saved: Float32Array,
  count: number,
): void {
  if (name === "sigmoid") sigmoidSlopes(gradients, saved, count);
  else if (name === "tanh") tanhSlopes(gradients, saved, count);
  else if (name === "relu") reluSlopes(gradients, saved, count);
  else if (name !== "identity") {
    for (let at = 0; at < count; at++) gradients[at]! *= activateDerivative(name, saved[at]!);
  }
}
