import { type ActivationName, dense, type LossName, network, type BuiltInNetwork } from "../../src/graph/network.ts";
import { adam, type Optimizer, sgd } from "../../src/math/optimizer.ts";
import type { ProductForm, StepWorkload, Workload } from "./workload.ts";

/** One workload of a race. */
export interface PointPlan {
  readonly x: number;
  readonly description: string;
  readonly workload: Workload;
  /** Part of a race with few points. */
  readonly isQuick: boolean;
  /** Left out on the other kind of adapter. */
  readonly only?: "gpu" | "software";
}

export interface RacePlan {
  readonly name: string;
  readonly title: string;
  /** What x is; empty where the points are no sweep. */
  readonly axis: string;
  readonly points: readonly PointPlan[];
}

export interface NetOptions {
  readonly activation: ActivationName;
  readonly loss?: LossName;
}

/** @param widths `2-2-2-1`: inputs first; the last layer is `identity` before softmax */
export function netOf(widths: string, { activation, loss = "squaredError" }: NetOptions): BuiltInNetwork {
  const [inputs, ...hidden] = widths.split("-").map(Number) as [number, ...number[]];
  const outputs = hidden.pop()!;
  const last = loss === "softmaxCrossEntropy" ? "identity" : activation;
  return network({ inputs, layers: [...hidden.map((width) => dense(width, activation)), dense(outputs, last)], loss });
}

interface StepOptions extends NetOptions {
  readonly widths: string;
  readonly batchSize: number;
  readonly optimizer?: Optimizer;
  readonly members?: number;
}

/** A workload of training steps whose name tells its shape, members, batch and optimizer; plain gradient descent by default. */
export function stepOf({
  widths,
  batchSize,
  optimizer = sgd({ learningRate: 0.5 }),
  ...rest
}: StepOptions): StepWorkload {
  const { members = 1 } = rest;
  const many = members > 1 ? `-x${members}` : "";
  const name = `${widths}${many}-b${batchSize}-${optimizer.name}`;
  const net = netOf(widths, rest);
  return { kind: "step", name, network: net, optimizer, rows: batchSize, batchSize, members, data: "noise" };
}

const grouped = (count: number): string => count.toLocaleString("en");

const tiny: RacePlan = {
  name: "tiny",
  title: "One training step of 2-2-2-1 sigmoid, plain gradient descent",
  axis: "batch",
  points: [1, 4, 64, 1024, 16_384, 65_536, 2 ** 18, 2 ** 20].map((batchSize) => ({
    x: batchSize,
    description: `2-2-2-1 sigmoid, squared error, sgd, ${batchSize === 1 ? "1 sample" : `${grouped(batchSize)} samples`}`,
    workload: stepOf({ widths: "2-2-2-1", activation: "sigmoid", batchSize }),
    isQuick: batchSize === 4 || batchSize === 1024,
  })),
};

const widths: RacePlan = {
  name: "widths",
  title: "One training step of w-w-w-1 tanh, 64 samples",
  axis: "width",
  points: [2, 8, 16, 32, 64, 128, 512, 1024].map((width) => ({
    x: width,
    description: `${width}-${width}-${width}-1 tanh, squared error, sgd, 64 samples`,
    workload: stepOf({
      widths: `${width}-${width}-${width}-1`,
      activation: "tanh",
      batchSize: 64,
      optimizer: sgd({ learningRate: 0.05 }),
    }),
    isQuick: width === 8 || width === 128,
  })),
};

const populations: RacePlan = {
  name: "populations",
  title: "One training step of many 2-2-2-1 networks side by side, 4 samples",
  axis: "members",
  points: [1, 10, 100, 1000, 10_000, 100_000].map((members) => ({
    x: members,
    description: `${grouped(members)} networks 2-2-2-1 sigmoid, squared error, sgd, 4 shared samples`,
    // where a step takes long, a block of 100 ms would have too few of them for a dispatch to show what it can take at once
    workload: { ...stepOf({ widths: "2-2-2-1", activation: "sigmoid", batchSize: 4, members }), leastRounds: 32 },
    isQuick: members === 100,
  })),
};

const small: RacePlan = {
  name: "small",
  title: "One training step of small networks: populations and batches",
  axis: "",
  points: [
    { widths: "8-16-16-1", members: 1024, batchSize: 32 } as const,
    { widths: "64-64-64-1", members: 1, batchSize: 1024 } as const,
  ].map(({ widths: shape, members, batchSize }) => ({
    x: batchSize,
    description:
      `${members > 1 ? `${grouped(members)} networks ` : ""}${shape} sigmoid, squared error, sgd, ` +
      `${grouped(batchSize)}${members > 1 ? " shared" : ""} samples`,
    workload: stepOf({ widths: shape, activation: "sigmoid", batchSize, members }),
    isQuick: members > 1,
  })),
};

const growth: RacePlan = {
  name: "growth",
  title: "One training step of w-w-w-1 sigmoid, 1,024 samples",
  axis: "width",
  points: [2, 4, 8, 16, 32, 64, 128].map((width) => ({
    x: width,
    description: `${width}-${width}-${width}-1 sigmoid, squared error, sgd, 1,024 samples`,
    workload: stepOf({ widths: `${width}-${width}-${width}-1`, activation: "sigmoid", batchSize: 1024 }),
    isQuick: width === 16,
  })),
};

function widePoint(optimizer: Optimizer, batchSize: number) {
  const shape = { widths: "784-512-512-10", activation: "relu", loss: "softmaxCrossEntropy" } as const;
  return {
    x: batchSize,
    description: `784-512-512-10 relu, softmax cross entropy, ${optimizer.name}, ${grouped(batchSize)} samples`,
    workload: stepOf({ ...shape, batchSize, optimizer }),
    isQuick: false,
  };
}

const wide: RacePlan = {
  name: "wide",
  title: "One training step of wide networks",
  axis: "",
  points: [
    {
      x: 256,
      description: "784-128-64-10 relu, softmax cross entropy, sgd, 256 samples",
      workload: stepOf({
        widths: "784-128-64-10",
        activation: "relu",
        loss: "softmaxCrossEntropy",
        batchSize: 256,
        optimizer: sgd({ learningRate: 0.05 }),
      }),
      isQuick: true,
    },
    widePoint(sgd({ learningRate: 0.05 }), 128),
    widePoint(sgd({ learningRate: 0.05 }), 1024),
    widePoint(adam({ learningRate: 0.001 }), 1024),
  ],
};

const forms: readonly ProductForm[] = ["NN", "NT", "TN", "TT"];
const formula = { NN: "c ← a·c", NT: "c ← a·cᵀ", TN: "c ← aᵀ·c", TT: "c ← aᵀ·cᵀ" } as const;

const productOf = (form: ProductForm, size: number, batch: number) => ({
  description: `${formula[form]}, ${batch > 1 ? `${grouped(batch)} × ` : ""}${size} × ${size}, chained`,
  workload: { kind: "product", name: `${form}-${size}${batch > 1 ? `-x${batch}` : ""}`, form, size, batch } as const,
});

const products: RacePlan = {
  name: "products",
  title: "Chained products of square matrices",
  axis: "size",
  points: [64, 128, 256, 512, 1024].map((size) => ({ x: size, ...productOf("NN", size, 1), isQuick: size === 128 })),
};

const transposes: RacePlan = {
  name: "transposes",
  title: "Chained products of 256 × 256 matrices, transposed and not",
  axis: "",
  points: forms.map((form) => ({ x: 256, ...productOf(form, 256, 1), isQuick: form === "NT" })),
};

const batched: RacePlan = {
  name: "batched",
  title: "Chained batched products, 4,096 of 16 × 16",
  axis: "",
  points: forms.map((form) => ({ x: 4096, ...productOf(form, 16, 4096), isQuick: form === "TN" })),
};

function gradientOf(fanIn: number, fanOut: number, rows: number) {
  const name = `${fanIn}x${fanOut}-b${rows}`;
  return {
    x: rows,
    description: `c ← aᵀ·b + c / 2, a [${grouped(rows)}, ${fanIn}], b [${grouped(rows)}, ${fanOut}]`,
    workload: { kind: "gradient", name, rows, fanIn, fanOut } as const,
    isQuick: fanIn === 2,
  };
}

const gradients: RacePlan = {
  name: "gradients",
  title: "Gradients of weights: sums over a large batch",
  axis: "",
  points: [
    gradientOf(784, 128, 256),
    gradientOf(512, 512, 1024),
    gradientOf(784, 512, 8192),
    gradientOf(64, 64, 65_536),
    gradientOf(2, 2, 2 ** 20),
  ],
};

function trainingOf(data: "penguins" | "flights", options: Omit<StepWorkload, "kind" | "name" | "data" | "members">) {
  const { network: net, rows, goal } = options;
  const loss = `until the loss over ${grouped(rows)} rows is at most ${goal!.loss}`;
  const workload: StepWorkload = { kind: "step", name: data, data, members: 1, ...options };
  const hidden = net.layers.map(({ fanOut }) => fanOut).join("-");
  const how = `${options.optimizer.name}, batches of ${options.batchSize}`;
  return {
    x: rows,
    description: `${data}: ${net.inputs}-${hidden}, ${how}, ${loss}`,
    workload,
    isQuick: data === "penguins",
  };
}

const training: RacePlan = {
  name: "training",
  title: "A whole training, from the first step to a given loss",
  axis: "",
  points: [
    trainingOf("penguins", {
      network: netOf("10-16-3", { activation: "tanh", loss: "softmaxCrossEntropy" }),
      optimizer: adam({ learningRate: 0.01 }),
      rows: 320,
      batchSize: 32,
      goal: { loss: 0.01, everySteps: 50, maxSteps: 5000 },
    }),
    trainingOf("flights", {
      network: netOf("80-32-32-1", { activation: "tanh", loss: "meanSquaredError" }),
      optimizer: adam({ learningRate: 0.003 }),
      rows: 4096,
      batchSize: 256,
      goal: { loss: 0.3, everySteps: 80, maxSteps: 4000 },
    }),
  ],
};

const forward: RacePlan = {
  name: "forward",
  title: "Forward passes that feed on each other",
  axis: "",
  points: [
    { widths: "16-16-16-16", activation: "tanh", batchSize: 256 } as const,
    { widths: "64-64-64-64", activation: "sigmoid", batchSize: 1024 } as const,
    { widths: "512-512-512", activation: "relu", batchSize: 256 } as const,
  ].map(({ widths: shape, activation, batchSize }) => ({
    x: batchSize,
    description: `${shape} ${activation}, ${grouped(batchSize)} samples`,
    workload: {
      kind: "forward",
      name: `${shape}-b${batchSize}`,
      network: netOf(shape, { activation }),
      batchSize,
    } as const,
    isQuick: shape.startsWith("64"),
  })),
};

const elements: RacePlan = {
  name: "elements",
  title: "The sigmoid and its derivative by themselves, 1,048,576 values",
  axis: "",
  points: (["sigmoid", "sigmoidDerivative"] as const).map((operation) => ({
    x: 2 ** 20,
    description: operation === "sigmoid" ? "x ← sigmoid(x)" : "x ← 2 · x · (1 − x)",
    workload: { kind: "element", name: operation, operation, count: 2 ** 20 } as const,
    isQuick: operation === "sigmoid",
  })),
};

/** All races but the load of a page, which runs outside of one. */
export const races: readonly RacePlan[] = [
  tiny,
  widths,
  populations,
  small,
  growth,
  wide,
  products,
  transposes,
  batched,
  gradients,
  training,
  forward,
  elements,
];
