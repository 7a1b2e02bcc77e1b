// Cross entropies and softmax of tensors where a probability is all but 1, to the fourth derivative, and where classes are masked.

import { expect, test } from "vitest";
import { sampleLoss } from "../src/backend/sampleLoss.ts";
import { largestAt, logSoftmax, softmax } from "../src/math/softmax.ts";
import type { Device } from "../src/backend/device.ts";
import { acquire } from "../src/index.ts";
import * as t from "../src/tensor.ts";
import { leastNormal, roundoff } from "./support/compare.ts";
import { type LogitRow, marginRows, margins, maskedRows } from "./support/crossEntropyCases.ts";
import { lossBound, slopeBounds } from "./support/lossBound.ts";
import { shareDevice, shareWasm } from "./support/sharedDevice.ts";

const shared = shareDevice();
const sharedWasm = shareWasm();
const infinity = Number.POSITIVE_INFINITY;
const places = [
  { name: "device", open: async (): Promise<Device> => shared(), unit: roundoff },
  { name: "wasm", open: sharedWasm, unit: roundoff },
  { name: "cpu", open: () => acquire({ device: "reference" }), unit: 2 ** -50 },
];

type Function = (a: t.Tensor) => t.Tensor;

/** A derivative of a function of rows that do not depend on each other: [rows, 1] to a scalar. */
function derivative(f: Function, order: number): Function {
  const next: Function = order === 1 ? f : (a) => t.sum(derivative(f, order - 1)(a));
  return t.grad(next);
}

/** Derivatives of log(1 + e^−m) by m: of both cross entropies of a class that leads by m. */
function wantedDerivatives(m: number): number[] {
  const far = Math.exp(-m) / (1 + Math.exp(-m));
  const density = far / (1 + Math.exp(-m));
  const h = Math.tanh(m / 2);
  return [-far, density, -density * h, density * (h * h - 2 * density)];
}

for (const { name, open, unit } of places) {
  test(`${name}: derivatives of the cross entropies to the fourth order, margins of 0 to 100`, async () => {
    const device = await open();
    const [rows, leads] = [margins.length, Float32Array.from(margins)];
    using margin = t.tensor(device, leads, [rows, 1]);
    using ones = t.ones(device, [rows, 1]);
    using targets = t.tensor(
      device,
      Float32Array.from({ length: 2 * rows }, (_, at) => 1 - (at % 2)),
      [rows, 2],
    );
    const functions: [string, Function][] = [
      ["softmax", (a) => t.multiply(t.softmaxCrossEntropy(t.pad(a, [0, 0], [0, 1]), targets), rows)],
      ["binary", (a) => t.multiply(t.binaryCrossEntropy(a, ones), rows)],
      ["logSoftmax", (a) => t.negate(t.sum(t.multiply(t.logSoftmax(t.pad(a, [0, 0], [0, 1])), targets)))],
    ];
    let worst = 0;
    for (const [text, f] of functions) {
      for (const order of [1, 2, 3, 4]) {
        const result = t.tidy(() => derivative(f, order)(margin));
        const values = await result.read();
        result.dispose();
        for (const [at, m] of leads.entries()) {
          const all = wantedDerivatives(m);
          const [wanted, size] = [all[order - 1]!, -all[0]!];
          const bound = order * (24 + 10 * Math.min(m, 87)) * unit * size + (name === "cpu" ? 0 : 4 * leastNormal);
          const error = Math.abs(values[at]! - wanted) / bound;
          worst = Math.max(worst, error);
          expect(
            error <= 1 ? "" : `${text}, order ${order}, margin ${m}: ${values[at]}, not ${wanted} ± ${bound}`,
          ).toBe("");
        }
      }
    }
    console.log(`${name}: derivatives, largest error ${worst.toFixed(3)} of its bound`);
  });

  test.each([3, 600])(`${name}: values and slopes of rows of %i, masked ones too, along both axes`, async (classes) => {
    const device = await open();
    for (const rows of [marginRows(classes), maskedRows(classes)]) {
      const logits = t.tensor(device, Float32Array.from(rows.flatMap((row) => [...row.logits])), [
        rows.length,
        classes,
      ]);
      const targets = t.tensor(device, Float32Array.from(rows.flatMap((row) => [...row.targets])), logits.shape);
      const results = t.tidy(() => {
        const { value, gradient } = t.valueAndGrad(t.softmaxCrossEntropy)(logits, targets);
        const across = t.transpose(logits);
        return [
          value,
          gradient,
          t.softmax(logits),
          t.logSoftmax(logits),
          t.transpose(t.softmax(across, 0)),
          t.transpose(t.logSoftmax(across, 0)),
        ];
      });
      const [value, slopes, shares, logs, sharesAcross, logsAcross] = await Promise.all(
        results.map((each) => each.read()),
      );
      expect([...sharesAcross!, ...logsAcross!]).toEqual([...shares!, ...logs!]);
      t.dispose([logits, targets, ...results]);
      const { total, bound } = holdRows(rows, { slopes: slopes!, shares: shares!, logs: logs! }, unit);
      expect(Math.abs(value![0]! * rows.length - total)).toBeLessThanOrEqual(bound + (rows.length + 4) * unit * total);
    }
  });

  test(`${name}: softmax of −∞ alone is NaN; an infinite logit is the limit of none`, async () => {
    const device = await open();
    const rows: [number[], number[]][] = [
      [
        [-infinity, -infinity],
        [Number.NaN, Number.NaN],
      ],
      [
        [infinity, 1],
        [Number.NaN, Number.NaN],
      ],
      [
        [Number.NaN, 1],
        [Number.NaN, Number.NaN],
      ],
      [
        [1, Number.NaN],
        [Number.NaN, Number.NaN],
      ],
      [
        [-infinity, 3],
        [0, 1],
      ],
    ];
    for (const [logits, wanted] of rows) {
      for (const length of [2, 600]) {
        const filled = [...logits, ...Array.from({ length: length - 2 }, () => -infinity)];
        using line = t.tensor(device, filled, [1, length]);
        using targets = t.tensor(
          device,
          filled.map((_, at) => (at === 1 ? 1 : 0)),
          [1, length],
        );
        const results = t.tidy(() => [t.softmax(line), t.logSoftmax(line), t.softmaxCrossEntropy(line, targets)]);
        const [shares, logs, loss] = await Promise.all(results.map((each) => each.read()));
        t.dispose(results);
        expect([...shares!].slice(0, 2), `softmax of ${logits}`).toEqual(wanted);
        expect(Number.isNaN(logs![1]!)).toBe(Number.isNaN(wanted[1]!));
        expect(Number.isNaN(loss![0]!)).toBe(Number.isNaN(wanted[1]!));
      }
    }
  });

  test(`${name}: binary cross entropy where a logit is −∞ or ∞; logSumExp keeps what is small`, async () => {
    const device = await open();
    using logits = t.tensor(device, [-infinity, infinity, 2]);
    using targets = t.tensor(device, [0, 1, 1]);
    const { value, gradient } = t.tidy(() => t.valueAndGrad(t.binaryCrossEntropy)(logits, targets));
    expect((await value.item()) * 3).toBeCloseTo(Math.log1p(Math.exp(-2)), 6);
    expect([...(await gradient.read())].slice(0, 2).map(Math.abs)).toEqual([0, 0]);
    t.dispose([value, gradient]);
    for (const count of [1, 5000]) {
      using line = t.tensor(device, [0, ...Array.from({ length: count }, () => -30)]);
      using sum = t.logSumExp(line);
      const wanted = Math.log1p(count * Math.exp(-30));
      expect(Math.abs((await sum.item()) / wanted - 1)).toBeLessThanOrEqual((200 + 10 * 30) * unit);
    }
  });
}

interface Read {
  readonly slopes: ArrayLike<number>;
  readonly shares: ArrayLike<number>;
  readonly logs: ArrayLike<number>;
}

/** Holds what was read against float64. @returns the sum of losses and its bound */
function holdRows(rows: readonly LogitRow[], { slopes, shares, logs }: Read, unit: number) {
  let [total, bound] = [0, 0];
  const ratio = unit / roundoff;
  for (const [index, row] of rows.entries()) {
    const classes = row.logits.length;
    const sample = { outputs: Float64Array.from(row.logits), targets: Float64Array.from(row.targets) };
    const wanted = new Float64Array(classes);
    total += sampleLoss("softmaxCrossEntropy", sample.outputs, sample.targets, wanted);
    bound += lossBound("softmaxCrossEntropy", sample) * ratio;
    const bounds = slopeBounds("softmaxCrossEntropy", sample);
    const [probabilities, logarithms] = [softmax(sample.outputs), logSoftmax(sample.outputs)];
    const largest = largestAt(sample.outputs);
    const alone = { ...sample, targets: sample.outputs.map((_, at) => (at === largest ? 1 : 0)) };
    const ofLargest = lossBound("softmaxCrossEntropy", alone) * ratio + 4 * leastNormal;
    for (let at = 0; at < classes; at++) {
      const place = index * classes + at;
      const distance = sample.outputs[largest]! - sample.outputs[at]!;
      const logBound = distance === infinity ? 0 : ofLargest + (classes + 4) * unit * distance;
      const errors = [
        Math.abs(slopes[place]! * rows.length - wanted[at]!) -
          (bounds[at]! * ratio + 6 * unit * Math.abs(wanted[at]!) + rows.length * leastNormal),
        Math.abs(shares[place]! - probabilities[at]!) -
          (2 * classes + 20 + 10 * 87) * unit * probabilities[at]! -
          4 * leastNormal,
        logs[place] === logarithms[at] ? 0 : Math.abs(logs[place]! - logarithms[at]!) - logBound,
      ];
      if (errors.every((error) => error <= 0)) continue;
      throw new Error(
        `logits ${row.logits.slice(0, 8)}, targets ${row.targets.slice(0, 8)}, class ${at}: ${errors} beyond the bounds`,
      );
    }
  }
  return { total, bound };
}
