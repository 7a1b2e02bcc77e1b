import { describe, expect, test } from "vitest";
import { latinHypercube } from "../src/index.ts";
import { faultOf } from "./support/fault.ts";

const counts = [1, 2, 3, 17, 256, 1000];

describe("latinHypercube", () => {
  test.each(counts)("%i points: each stratum of each axis holds one, at its centre", (count) => {
    for (const axis of latinHypercube(count, 3, 7)) {
      const strata = axis.map((value) => value * count).sort();
      for (const [stratum, place] of strata.entries()) expect(place).toBeCloseTo(stratum + 0.5, 9);
    }
  });

  test("axes do not run in parallel", () => {
    const count = 1000;
    const axes = latinHypercube(count, 5, 1);
    for (const [i, a] of axes.entries()) {
      for (const b of axes.slice(0, i)) {
        const covariance = a.reduce((sum, value, k) => sum + (value - 0.5) * (b[k]! - 0.5), 0) / count;
        // The variance of both is 1/12; the correlation of two random orders has deviation 1/√(count − 1).
        expect(Math.abs(covariance * 12)).toBeLessThan(4 / Math.sqrt(count - 1));
      }
    }
  });

  test("the seed decides the order", () => {
    expect(latinHypercube(64, 2, 3)).toEqual(latinHypercube(64, 2, 3));
    expect(latinHypercube(64, 2, 3)).not.toEqual(latinHypercube(64, 2, 4));
    expect(latinHypercube(64, 2)).toEqual(latinHypercube(64, 2, 0));
    expect(latinHypercube(64, 3, 3).slice(0, 2)).toEqual(latinHypercube(64, 2, 3));
  });

  test("wrong arguments are reported", () => {
    for (const action of [
      () => latinHypercube(0, 1),
      () => latinHypercube(2 ** 20 + 1, 1),
      () => latinHypercube(4, -1),
      () => latinHypercube(4, 1, 0.5),
    ]) {
      expect(faultOf(action)).toMatchObject({ code: "INVALID_INPUT" });
    }
  });
});
