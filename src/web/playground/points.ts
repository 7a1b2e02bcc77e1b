// Points of the plane with a target, and how they travel in an address.

/** x1 and x2 lie in [−extent, extent]. */
export const extent = 6;
/** Points of one's own: more would make the address too long. */
export const mostOwnPoints = 1500;

export interface Point {
  readonly x1: number;
  readonly x2: number;
  /** −1 or 1 for a class, from −1 to 1 for a number. */
  readonly value: number;
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const charactersEach = 6;

/** To so many parts of one; + 0 makes −0 a plain zero. */
const round = (value: number, parts: number): number => Math.round(parts * value) / parts + 0;
const clamp = (value: number, bound: number): number => Math.min(bound, Math.max(-bound, value));

/** Coordinates in hundredths, values in thousandths: such points come back from an address as they went in. */
export const roundPoint = ({ x1, x2, value }: Point): Point => ({
  x1: round(clamp(x1, extent), 100),
  x2: round(clamp(x2, extent), 100),
  value: round(clamp(value, 1), 1000),
});

const write = (whole: number): string => digits[whole >> 6]! + digits[whole & 63]!;

/** Six characters a point, all of which stand in addresses as they are. */
export const encodePoints = (points: readonly Point[]): string =>
  points
    .map((point) => {
      const { x1, x2, value } = roundPoint(point);
      const whole = [100 * (x1 + extent), 100 * (x2 + extent), 1000 * (value + 1)];
      return whole.map((number) => write(Math.round(number))).join("");
    })
    .join("");

/** @returns undefined where the text is no list of points */
export function decodePoints(text: string): Point[] | undefined {
  if (!/^[\w-]*$/.test(text)) return undefined;
  if (text.length % charactersEach !== 0 || text.length > charactersEach * mostOwnPoints) return undefined;
  const points: Point[] = [];
  for (let at = 0; at < text.length; at += charactersEach) {
    const read = (offset: number): number =>
      64 * digits.indexOf(text[at + offset]!) + digits.indexOf(text[at + offset + 1]!);
    const [first, second, third] = [read(0), read(2), read(4)];
    if (first > 200 * extent || second > 200 * extent || third > 2000) return undefined;
    points.push({ x1: first / 100 - extent, x2: second / 100 - extent, value: third / 1000 - 1 });
  }
  return points.map(roundPoint);
}

/** One of each kind is left of all: without any there is nothing to learn. */
export const firstPoints: readonly Point[] = [
  { x1: -3, x2: -3, value: -1 },
  { x1: 3, x2: 3, value: 1 },
];
