// Where everything stands in the drawing: wide, and tall for narrow screens.

import { names, parameters } from "./numbers.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box {
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly name: "wide" | "tall";
  readonly size: Box;
  /** Centres of inputs, nodes, target and loss. */
  readonly places: Readonly<Record<string, Point>>;
  /** Centres of the labels of weights and biases. */
  readonly labels: Readonly<Record<string, Point>>;
  readonly radius: number;
  /** Of inputs, target and loss. */
  readonly box: Box;
  readonly label: Box;
}

const along = (from: Point, to: Point, share: number): Point => ({
  x: from.x + (to.x - from.x) * share,
  y: from.y + (to.y - from.y) * share,
});

export interface Link {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** All weights with the two ends of their links. */
export const links: readonly Link[] = parameters.flatMap(({ name, layer, from, to }) => {
  if (from === undefined) return [];
  return { name, from: (names.nodes[layer - 1] ?? names.inputs)[from]!, to: names.nodes[layer]![to]! };
});

/** All biases with their nodes. */
export const biases: readonly { name: string; to: string }[] = parameters
  .filter(({ from }) => from === undefined)
  .map(({ name, layer, to }) => ({ name, to: names.nodes[layer]![to]! }));

/**
 * Labels sit where no two links meet: on level links in the middle, on crossing ones near their source, an input (`near`) or a
 * node (`far`).
 */
function weightLabels(places: Readonly<Record<string, Point>>, shares: { level: number; near: number; far: number }) {
  const isLevel = ({ from, to }: Link): boolean =>
    places[from]!.x === places[to]!.x || places[from]!.y === places[to]!.y;
  const shareOf = (link: Link): number => {
    if (link.to === "y") return 0.48;
    if (isLevel(link)) return shares.level;
    return names.inputs.includes(link.from) ? shares.near : shares.far;
  };
  return Object.fromEntries(
    links.map((link) => [link.name, along(places[link.from]!, places[link.to]!, shareOf(link))]),
  );
}

const widePlaces = {
  x1: { x: 68, y: 163 },
  x2: { x: 68, y: 403 },
  h1: { x: 342, y: 163 },
  h2: { x: 342, y: 403 },
  g1: { x: 622, y: 163 },
  g2: { x: 622, y: 403 },
  y: { x: 870, y: 283 },
  L: { x: 870, y: 437 },
  t: { x: 870, y: 533 },
};

const wide: Layout = {
  name: "wide",
  size: { width: 940, height: 562 },
  places: widePlaces,
  labels: {
    ...weightLabels(widePlaces, { level: 0.5, near: 0.3, far: 0.345 }),
    b1: { x: 342, y: 29 },
    b2: { x: 342, y: 537 },
    b3: { x: 622, y: 29 },
    b4: { x: 622, y: 537 },
    b5: { x: 870, y: 151 },
  },
  radius: 62,
  box: { width: 118, height: 50 },
  label: { width: 120, height: 44 },
};

const tallPlaces = {
  x1: { x: 88, y: 28 },
  x2: { x: 282, y: 28 },
  h1: { x: 88, y: 218 },
  h2: { x: 282, y: 218 },
  g1: { x: 88, y: 442 },
  g2: { x: 282, y: 442 },
  y: { x: 185, y: 618 },
  L: { x: 316, y: 618 },
  t: { x: 316, y: 692 },
};

const tall: Layout = {
  name: "tall",
  size: { width: 370, height: 720 },
  places: tallPlaces,
  labels: {
    ...weightLabels(tallPlaces, { level: 0.53, near: 0.27, far: 0.28 }),
    b1: { x: 185, y: 198 },
    b2: { x: 185, y: 236 },
    b3: { x: 185, y: 422 },
    b4: { x: 185, y: 460 },
    b5: { x: 58, y: 618 },
  },
  radius: 47,
  box: { width: 98, height: 44 },
  label: { width: 83, height: 34 },
};

export const layouts = { wide, tall } as const;

/** Where a link from a place meets the edge of a circle around another. */
export function edgeOf(from: Point, to: Point, radius: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  return along(from, to, Math.max(0, 1 - radius / length));
}
