import type { NetworkOptions } from "../graph/network.ts";

/**
 * The example that thalweg started from: one step of gradient descent by hand on a 2-2-2-1 network of sigmoids, loss
 * ½(y − t)².
 */
export const workedExample = {
  network: {
    inputs: 2,
    layers: [
      { width: 2, activation: "sigmoid" },
      { width: 2, activation: "sigmoid" },
      { width: 1, activation: "sigmoid" },
    ],
    loss: "squaredError",
  } satisfies NetworkOptions,
  /** Flat layout of `network.ts`: per layer weights [fanIn, fanOut], then bias; so w1, w3, w2, w4, b1, b2 first. */
  // prettier-ignore
  parameters: Float64Array.of(
    0.1, 0.3, 0.2, 0.4, 0.25, 0.25,
    0.5, 0.7, 0.6, 0.8, 0.45, 0.45,
    0.9, 1, 0.24735018044859736,
  ),
  input: Float64Array.of(1, 0.5),
  target: Float64Array.of(0),
  learningRate: 0.5,
};
