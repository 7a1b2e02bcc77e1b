import { stepOf } from "../race/races.ts";
import type { StepWorkload } from "../race/workload.ts";
import type { Sweep } from "../sweeps/measureSweeps.ts";

/** One workload, which every strategy that can take it is timed on. */
export interface PointPlan {
  readonly x: number;
  readonly name: string;
  readonly description: string;
  readonly workload: StepWorkload;
  /** Steps of one call of `execute`; undefined: as many as a block takes. */
  readonly handOver?: number;
  /** Part of a run with few points. */
  readonly isQuick: boolean;
}

export type SweepPlan = Sweep<PointPlan>;

interface Shape {
  readonly widths: string;
  readonly batchSize: number;
  readonly members?: number;
  readonly handOver?: number;
}

const grouped = (count: number, one: string, many: string): string =>
  count === 1 ? `1 ${one}` : `${count.toLocaleString("en-US")} ${many}`;

function pointOf(x: number, { widths, batchSize, members = 1, handOver }: Shape, isQuick: boolean): PointPlan {
  const workload = stepOf({ widths, activation: "sigmoid", batchSize, members });
  const many = members === 1 ? "" : `${grouped(members, "network", "networks")} `;
  const steps = handOver === undefined ? "" : `, ${grouped(handOver, "step", "steps")} handed over at once`;
  return {
    x,
    name: `${workload.name}${handOver === undefined ? "" : `-k${handOver}`}`,
    description: `${many}${widths} sigmoid, squared error, sgd, ${grouped(batchSize, "sample", "samples")}${steps}`,
    workload,
    ...(handOver !== undefined && { handOver }),
    isQuick,
  };
}

interface Family {
  readonly name: string;
  readonly title: string;
  readonly axis: string;
  readonly xs: readonly number[];
  /** Of a run with few points. */
  readonly quick: readonly number[];
  readonly shapeAt: (x: number) => Shape;
}

const sweepOf = ({ name, title, axis, xs, quick, shapeAt }: Family): SweepPlan => ({
  name,
  title,
  axis,
  points: xs.map((x) => pointOf(x, shapeAt(x), quick.includes(x))),
});

const widthsFrom2 = (most: number): number[] => Array.from({ length: Math.log2(most) }, (_, power) => 2 ** (power + 1));
const handedOver = [1, 3, 10, 30, 100, 300, 1000];

export const sweeps: readonly SweepPlan[] = [
  sweepOf({
    name: "batch",
    title: "One training step of 2-2-2-1 sigmoid by the size of the batch",
    axis: "batch",
    xs: Array.from({ length: 11 }, (_, power) => 4 ** power),
    quick: [4, 1024],
    shapeAt: (batchSize) => ({ widths: "2-2-2-1", batchSize }),
  }),
  sweepOf({
    name: "width",
    title: "One training step of w-w-w-1 sigmoid, 1,024 samples, by the width",
    axis: "width",
    xs: widthsFrom2(128),
    quick: [4, 32],
    shapeAt: (width) => ({ widths: `${width}-${width}-${width}-1`, batchSize: 1024 }),
  }),
  sweepOf({
    name: "widthMembers",
    title: "One training step of 256 networks w-w-1 sigmoid, 32 samples, by the width",
    axis: "width",
    xs: widthsFrom2(64),
    quick: [4],
    shapeAt: (width) => ({ widths: `${width}-${width}-1`, batchSize: 32, members: 256 }),
  }),
  sweepOf({
    name: "members",
    title: "One training step of many 2-2-2-1 sigmoid, 4 samples, by their number",
    axis: "members",
    xs: Array.from({ length: 7 }, (_, power) => 10 ** power),
    quick: [100],
    shapeAt: (members) => ({ widths: "2-2-2-1", batchSize: 4, members }),
  }),
  sweepOf({
    name: "steps",
    title: "One training step of 2-2-2-1 sigmoid, 4 samples, by the steps handed over at once",
    axis: "steps",
    xs: handedOver,
    quick: [1, 300],
    shapeAt: (handOver) => ({ widths: "2-2-2-1", batchSize: 4, handOver }),
  }),
  sweepOf({
    name: "stepsMembers",
    title: "One training step of 1,000 networks 2-2-2-1 sigmoid, 4 samples, by the steps handed over at once",
    axis: "steps",
    xs: handedOver,
    quick: [30],
    shapeAt: (handOver) => ({ widths: "2-2-2-1", batchSize: 4, members: 1000, handOver }),
  }),
];
