import type * as tf from "@tensorflow/tfjs-core";

/** One way to compute the rounds of a workload with TensorFlow.js; everything it holds is on the backend. */
export interface Rounds {
  /** One round, handed to the backend. */
  round(): void;
  restart(): void;
  /** The first value of the state, shape [1], as a tensor of its own. */
  firstValue(): tf.Tensor;
  readState(): Promise<Float32Array>;
  dispose(): void;
}

/** A way with its name. Its constants and its state are uploaded when it is built. */
export interface Method {
  readonly name: string;
  readonly build: () => Rounds | Promise<Rounds>;
}

/** What can be tried for a workload. */
export interface Tunable {
  /** The first is the one that takes fewer kernels. */
  readonly methods: readonly [Method, ...Method[]];
  /** Bytes of the largest tensor of a round. */
  readonly largestBytes: number;
  /** Terms of the longest sum in a product of matrices; 0 where there is none. */
  readonly longestSum: number;
}

/** One flag of TensorFlow.js, and its values by their names: the first is what TensorFlow.js comes with. */
export interface Sweep {
  readonly setting: string;
  readonly flag: string;
  readonly values: ReadonlyMap<string | number, number>;
}

/** A backend that is open, and what it can and cannot do. */
export interface Backend {
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Flags to try for a workload, one after the other. */
  readonly sweepsFor: (tunable: Tunable) => {
    /** With the first method alone. */
    readonly beforeMethods: readonly Sweep[];
    /** With the fastest method. */
    readonly afterMethods: readonly Sweep[];
  };
  /** Matrices of one batched product: a WebGPU dispatch takes one workgroup for each, or more. */
  readonly mostMatrices: number;
  /** tf.fused.matMul adds a bias that is a matrix; the wasm backend takes vectors alone. */
  readonly fusesMatrixBias: boolean;
}
