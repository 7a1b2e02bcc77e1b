// The classic data sets of the plane, as TensorFlow Playground (Smilkov, Carter and others, 2016) draws them, and a truth table.

import { extent, type Point } from "./points.ts";
import { createRandom, type Random } from "./random.ts";

export type Task = "classification" | "regression";

/** Draws `count` points; `noise` from 0 to 0.5. */
type Draw = (random: Random, count: number, noise: number) => Point[];

const times = (count: number, draw: (index: number) => Point): Point[] =>
  Array.from({ length: count }, (_, index) => draw(index));

const radius = 5;

const circle: Draw = (random, count, noise) =>
  times(count, (index) => {
    const inner = index < count / 2;
    const distance = inner ? random.uniform(0, 0.5 * radius) : random.uniform(0.7 * radius, radius);
    const angle = random.uniform(0, 2 * Math.PI);
    const [x1, x2] = [distance * Math.sin(angle), distance * Math.cos(angle)];
    const [noise1, noise2] = [random.uniform(-radius, radius) * noise, random.uniform(-radius, radius) * noise];
    return { x1, x2, value: Math.hypot(x1 + noise1, x2 + noise2) < 0.5 * radius ? 1 : -1 };
  });

const xor: Draw = (random, count, noise) =>
  times(count, () => {
    const gap = (x: number): number => x + (x > 0 ? 0.3 : -0.3);
    const [x1, x2] = [gap(random.uniform(-radius, radius)), gap(random.uniform(-radius, radius))];
    const [noise1, noise2] = [random.uniform(-radius, radius) * noise, random.uniform(-radius, radius) * noise];
    return { x1, x2, value: (x1 + noise1) * (x2 + noise2) >= 0 ? 1 : -1 };
  });

const corner = 3;

/** The four rows of the truth table of exclusive or, over and over; noise spreads each of them. */
const xorTable: Draw = (random, count, noise) =>
  times(count, (index) => {
    const [sign1, sign2] = [index % 2 === 0 ? 1 : -1, index % 4 < 2 ? 1 : -1];
    const [noise1, noise2] = [random.uniform(-radius, radius) * noise, random.uniform(-radius, radius) * noise];
    return { x1: corner * sign1 + noise1, x2: corner * sign2 + noise2, value: sign1 * sign2 };
  });

const gauss: Draw = (random, count, noise) =>
  times(count, (index) => {
    const value = index < count / 2 ? 1 : -1;
    const deviation = Math.sqrt(0.5 + 7 * noise);
    return { x1: random.normal(2 * value, deviation), x2: random.normal(2 * value, deviation), value };
  });

const spiral: Draw = (random, count, noise) =>
  times(count, (index) => {
    const value = index < count / 2 ? 1 : -1;
    const along = (index % Math.ceil(count / 2)) / (count / 2);
    const angle = 1.75 * along * 2 * Math.PI + (value === 1 ? 0 : Math.PI);
    const x1 = radius * along * Math.sin(angle) + random.uniform(-1, 1) * noise;
    return { x1, x2: radius * along * Math.cos(angle) + random.uniform(-1, 1) * noise, value };
  });

const plane: Draw = (random, count, noise) =>
  times(count, () => {
    const [x1, x2] = [random.uniform(-extent, extent), random.uniform(-extent, extent)];
    const [noise1, noise2] = [random.uniform(-extent, extent) * noise, random.uniform(-extent, extent) * noise];
    return { x1, x2, value: (x1 + noise1 + x2 + noise2) / 10 };
  });

const hills = [
  [-4, 2.5, 1],
  [0, 2.5, -1],
  [4, 2.5, 1],
  [-4, -2.5, -1],
  [0, -2.5, 1],
  [4, -2.5, -1],
] as const;

/** The hill that is highest here. */
function height(x1: number, x2: number): number {
  let highest = 0;
  for (const [centre1, centre2, sign] of hills) {
    const own = sign * Math.max(0, 1 - Math.hypot(x1 - centre1, x2 - centre2) / 2);
    if (Math.abs(own) > Math.abs(highest)) highest = own;
  }
  return highest;
}

const hillsDraw: Draw = (random, count, noise) =>
  times(count, () => {
    const [x1, x2] = [random.uniform(-extent, extent), random.uniform(-extent, extent)];
    const [noise1, noise2] = [random.uniform(-extent, extent) * noise, random.uniform(-extent, extent) * noise];
    return { x1, x2, value: height(x1 + noise1, x2 + noise2) };
  });

interface Family {
  readonly label: string;
  readonly task: Task;
  readonly draw: Draw;
}

const families = {
  circle: { label: "Circle", task: "classification", draw: circle },
  xor: { label: "XOR", task: "classification", draw: xor },
  xorTable: { label: "XOR table", task: "classification", draw: xorTable },
  gauss: { label: "Clouds", task: "classification", draw: gauss },
  spiral: { label: "Spiral", task: "classification", draw: spiral },
  plane: { label: "Plane", task: "regression", draw: plane },
  hills: { label: "Hills", task: "regression", draw: hillsDraw },
} as const satisfies Record<string, Family>;

export type DatasetName = keyof typeof families;
export const datasetNames = Object.keys(families) as readonly DatasetName[];

export const labelOf = (name: DatasetName): string => families[name].label;
export const taskOf = (name: DatasetName): Task => families[name].task;

/** Points drawn of a classic set. */
const pointCount = 500;

const rounded = ({ x1, x2, value }: Point): Point => {
  const three = (x: number): number => Math.round(1000 * x) / 1000 + 0;
  return { x1: three(x1), x2: three(x2), value: Math.max(-1, Math.min(1, three(value))) };
};

/**
 * A classic data set; the same points for the same arguments. Coordinates have three decimals, so that a program with these
 * points in it has all of them.
 * @param noise from 0 to 50, in percent
 */
export function drawDataset(name: DatasetName, seed: number, noise: number, count = pointCount): Point[] {
  return families[name].draw(createRandom(seed), count, noise / 100).map(rounded);
}

/** Points to learn from and points to be tested on. */
export interface Split {
  readonly training: readonly Point[];
  readonly test: readonly Point[];
}

/**
 * Shuffles and splits by the seed.
 * @param share of the points to learn from, in percent; at least one point is left for either where there are two
 */
export function splitPoints(points: readonly Point[], seed: number, share: number): Split {
  const random = createRandom(seed ^ 0x5bd1e995);
  const order = points.slice();
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random.uniform(0, last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  const wanted = Math.round((order.length * share) / 100);
  const count = Math.min(Math.max(1, wanted), Math.max(1, order.length - 1));
  return { training: order.slice(0, count), test: order.slice(count) };
}
