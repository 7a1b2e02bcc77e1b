import type { StrategyName } from "../../src/backend/executor.ts";
import type { MatmulShape } from "../products/shapes.ts";
import type { Sweep } from "../sweeps/measureSweeps.ts";
import type { Ablation } from "./edits.ts";
import { networkAblations } from "./networkEdits.ts";
import { slimAblations } from "./slimEdits.ts";
import { layerAblations, productAblations } from "./tileEdits.ts";

/** Training steps on one strategy. */
export interface TrainingSubject {
  readonly kind: "training";
  readonly widths: string;
  readonly batchSize: number;
  readonly members: number;
  readonly strategy: StrategyName;
  /** Steps of one call of `execute`; undefined: as many as a block takes. */
  readonly atOnce?: number;
}

/** Products of tensors, as the library takes them. */
export interface ProductSubject {
  readonly kind: "product";
  readonly shape: MatmulShape;
}

export type Subject = TrainingSubject | ProductSubject;

/** One piece of work, and what is left out of its kernels. */
export interface PointPlan {
  readonly x: number;
  readonly name: string;
  readonly description: string;
  readonly subject: Subject;
  readonly ablations: readonly Ablation[];
  /** Part of a run with few points. */
  readonly isQuick: boolean;
}

export type CasePlan = Sweep<PointPlan>;

const whole = (value: number): string => value.toLocaleString("en-US");

const networksAt = (members: number, isQuick: boolean): PointPlan => ({
  x: members,
  name: `2-2-2-1-x${members}`,
  description: `a training step of ${whole(members)} networks 2-2-2-1 sigmoid, squared error, sgd, 4 shared samples`,
  subject: { kind: "training", widths: "2-2-2-1", batchSize: 4, members, strategy: "members", atOnce: 32 },
  ablations: networkAblations,
  isQuick,
});

const productAt = (size: number, isQuick: boolean): PointPlan => ({
  x: size,
  name: `nn-${size}`,
  description: `a product ${whole(size)} × ${whole(size)} · ${whole(size)} × ${whole(size)}`,
  subject: { kind: "product", shape: { m: size, n: size, k: size, transposeA: false, transposeB: false } },
  ablations: productAblations,
  isQuick,
});

const slimAt = (rows: number): PointPlan => ({
  x: rows,
  name: `tn-2x2x${rows}`,
  description: `a product (${whole(rows)} × 2)ᵀ · ${whole(rows)} × 2`,
  subject: { kind: "product", shape: { m: 2, n: 2, k: rows, transposeA: true, transposeB: false } },
  ablations: slimAblations,
  isQuick: true,
});

const layerAt = (width: number): PointPlan => ({
  x: width,
  name: `${width}-${width}-${width}-1-b1024`,
  description: `a training step of ${width}-${width}-${width}-1 sigmoid, squared error, sgd, 1,024 samples, layer by layer`,
  subject: {
    kind: "training",
    widths: `${width}-${width}-${width}-1`,
    batchSize: 1024,
    members: 1,
    strategy: "layered",
  },
  ablations: layerAblations,
  isQuick: true,
});

export const cases: readonly CasePlan[] = [
  {
    name: "networks",
    title: "Many tiny networks, one an invocation",
    axis: "networks",
    points: [networksAt(10_000, true), networksAt(100_000, false)],
  },
  {
    name: "products",
    title: "Square products",
    axis: "size",
    points: [productAt(512, true), productAt(1024, false)],
  },
  { name: "slim", title: "Gradients of 2 × 2 weights: long sums over rows", axis: "rows", points: [slimAt(2 ** 20)] },
  { name: "layer", title: "The three products of a layer", axis: "width", points: [layerAt(64)] },
];
