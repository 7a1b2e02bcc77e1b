// Where tensors could go wrong without a word: sizes of 0 and 1, operands that lie within others, sums of every length, values that
// are not finite, and loops that never wait.

import { expect, test } from "vitest";
import { commandQueueOf } from "../src/backend/webgpu/tensor/commandQueue.ts";
import type { Device } from "../src/backend/device.ts";
import { acquire, GpuLost } from "../src/index.ts";
import * as t from "../src/tensor.ts";
import { largestDifference, roundoff, sumBound } from "./support/compare.ts";
import { openDevice } from "./support/kernelRun.ts";
import { randomFloats } from "./support/random.ts";
import { shareDevice, shareWasm } from "./support/sharedDevice.ts";
import { edgeCases } from "./support/tensorEdges.ts";
import { inputsOn, type OperationCase, weighted } from "./support/tensorOperations.ts";

const shared = shareDevice();
const sharedWasm = shareWasm();
const empty = { buffers: 0, bytes: 0 };
const places = [
  { name: "device", open: async (): Promise<Device> => shared() },
  { name: "wasm", open: sharedWasm },
  { name: "cpu", open: () => acquire({ device: "reference" }) },
];

/** The same values as slices of a slice of something longer, whose other values are of another size altogether. */
const viewsOf = (inputs: readonly t.Tensor[]): t.Tensor[] =>
  t.tidy(() =>
    inputs.map((input) => {
      const around = t.tensor(input.device, [1e9, -1e9, 1e9]);
      const line = t.concat([around, t.reshape(input, [-1]), around]);
      return t.reshape(t.slice(t.slice(line, [1]), [2], [-3]), input.shape);
    }),
  );

/** An operation's values, and its gradients to the second order. All is recorded at once; nothing waits but what is read. */
async function resultsOf(one: OperationCase, inputs: readonly t.Tensor[]): Promise<number[][]> {
  const results = t.tidy(() => {
    const first = (all: t.Tensor[]): t.Tensor => weighted(one.apply(...all));
    const second = (all: t.Tensor[]): t.Tensor =>
      t
        .grad(first)(all)
        .map(weighted)
        .reduce((sum, value) => t.add(sum, value));
    const gradients = [t.grad(first)([...inputs]), t.grad(second)([...inputs])];
    for (const each of gradients) {
      expect(each.map(({ shape }) => shape)).toEqual(one.inputs.map(({ shape }) => shape));
    }
    const flat = (all: t.Tensor[]): t.Tensor => t.concat(all.map((each) => t.reshape(each, [each.size])));
    return [one.apply(...inputs), ...gradients.map(flat)];
  });
  t.dispose(inputs);
  const values = results.map((result) => result.read());
  t.dispose(results);
  return (await Promise.all(values)).map((each) => [...each]);
}

/** Devices in f32, which are compared with float64. */
const inFloats = places.filter(({ name }) => name !== "cpu");

test.each(inFloats)(
  "$name: sizes of 0 and 1 and operands within others: every operation and its gradients to the second order",
  async ({ open }) => {
    const [cpu, device] = [await acquire({ device: "reference" }), await open()];
    using keeper = t.ones(device, []); // buffers are taken again as long as a tensor lives
    const all = edgeCases.map((one) => {
      const [exact, own] = [inputsOn(cpu, one), inputsOn(device, one)];
      const [exactWithin, within] = [viewsOf(exact), viewsOf(own)];
      t.dispose(own);
      return Promise.all([resultsOf(one, exact), resultsOf(one, exactWithin), resultsOf(one, within)]);
    });
    let worst = 0;
    for (const [index, [wanted, exactWithin, own]] of (await Promise.all(all)).entries()) {
      const { name } = edgeCases[index]!;
      expect(exactWithin, name).toEqual(wanted);
      for (const [order, values] of wanted.entries()) {
        expect(own[order]!.length, name).toBe(values.length);
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        for (const [at, value] of values.entries()) {
          const error = Math.abs(own[order]![at]! - value) / (16 * roundoff * largest);
          worst = Math.max(worst, error);
          expect(error <= 1 ? "" : `${name}: order ${order}, value ${at} is ${own[order]![at]}, not ${value}`).toBe("");
        }
      }
    }
    keeper.dispose();
    expect([cpu.ledger, device.ledger]).toEqual([empty, empty]);
    console.log(`${edgeCases.length} operations: largest error ${worst.toFixed(3)} of its bound`);
  },
);

/** m, k, n and the transposes of a and b; test/matmul.test.ts has more. */
const sums: [number, number, number, boolean, boolean][] = [
  [5, 1, 6, false, false],
  [5, 3, 6, true, false],
  [5, 3, 6, false, true],
  [5, 127, 6, true, true],
  [2, 65_536, 3, true, false], // as gradients of weights are, by the slim kernel
  [5, 65_537, 6, false, true],
];

test.each(inFloats)(
  "$name: products of sums of 1, 3, 127, 65,536 and 65,537 products, and their gradients",
  async ({ open }) => {
    const [cpu, own] = [await acquire({ device: "reference" }), await open()];
    for (const [m, k, n, transposeA, transposeB] of sums) {
      const shapes = [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]];
      const values = shapes.map((shape, at) => randomFloats(at + 1, shape[0]! * shape[1]!));
      const results = [cpu, own].map((device) => {
        const [a, b] = shapes.map((shape, at) => t.tensor(device, values[at]!, shape)) as [t.Tensor, t.Tensor];
        const product = (x: t.Tensor, y: t.Tensor): t.Tensor => t.matmul(x, y, { transposeA, transposeB });
        const all = [product(a, b), ...t.grad((x: t.Tensor, y: t.Tensor) => weighted(product(x, y)), [0, 1])(a, b)];
        t.dispose([a, b]);
        return all;
      });
      const [wanted, got] = await Promise.all(results.map((all) => Promise.all(all.map((each) => each.read()))));
      // Values within ± 1: k products of a sum, n or m of a gradient.
      for (const [at, bound] of [sumBound(k, k), sumBound(n, n), sumBound(m, m)].entries()) {
        const text = `${m} × ${k} × ${n} ${transposeA} ${transposeB}: ${["product", "dA", "dB"][at]}`;
        expect(largestDifference(got![at]!, wanted![at]!), text).toBeLessThanOrEqual(bound);
      }
      t.dispose(results);
    }
    expect(cpu.ledger).toEqual(empty);
  },
);

for (const { name, open } of places) {
  test(`${name}: infinite logits mask, and are what is largest`, async () => {
    const device = await open();
    const infinity = Number.POSITIVE_INFINITY;
    using logits = t.tensor(device, [-infinity, 1, 2, -infinity, 5, -infinity], [2, 3]);
    const masked = t.tidy(() => [t.softmax(logits), t.grad((a: t.Tensor) => weighted(t.softmax(a)))(logits)]);
    const [shares, slopes] = await Promise.all(masked.map((each) => each.read()));
    expect([...shares!].map((share) => +share.toFixed(5))).toEqual([0, 0.26894, 0.73106, 0, 1, 0]);
    expect([slopes![0], slopes![3], slopes![5], [...slopes!].every(Number.isFinite)]).toEqual([0, 0, 0, true]);
    const lines: [number[], number][] = [
      [[-infinity, -infinity], -infinity],
      [[infinity, 1], infinity],
      [[infinity, infinity], infinity],
      [[-infinity, 3], 3],
      [Array.from({ length: 5000 }, (_, at) => (at === 7 ? 3 : -infinity)), 3], // in slices, most of them all −∞
    ];
    for (const [values, wanted] of lines) {
      using line = t.tensor(device, values);
      using result = t.logSumExp(line);
      expect(await result.item(), `log Σ exp of ${values.slice(0, 8)}`).toBe(wanted);
    }
    t.dispose(masked);
  });

  test(`${name}: powers and logarithms where a logarithm has no sign`, async () => {
    const device = await open();
    const powers: [number, number, number][] = [
      [-1.01, 65, -(1.01 ** 65)],
      [-1.01, 66, 1.01 ** 66],
      [-1.01, -65, -(1.01 ** -65)],
      [-2, 7, -128],
      [0, 65, 0],
      [0, 0.5, 0],
      [4, 0.5, 2],
      [4, -0.5, 0.5],
    ];
    for (const [base, exponent, wanted] of powers) {
      using result = t.tidy(() => t.power(t.tensor(device, base), exponent));
      const error = Math.abs((await result.item()) - wanted);
      expect(error, `${base} to the ${exponent}`).toBeLessThanOrEqual(1e-5 * Math.abs(wanted));
    }
    using zero = t.tensor(device, [0, 1]);
    using logarithms = t.log(zero);
    expect([...(await logarithms.read())]).toEqual([Number.NEGATIVE_INFINITY, 0]);
  });

  test(`${name}: what a function that throws has made is freed, and the next one is recorded`, async () => {
    const device = await open();
    const a = t.tensor(device, [1, 2, 3, 4], [2, 2]);
    const fail = (x: t.Tensor): t.Tensor => {
      t.sum(t.exp(t.matmul(x, x)));
      throw new Error("planted");
    };
    const within = (x: t.Tensor): t.Tensor => t.sum(t.multiply(t.grad(fail)(x), x));
    const wrongBackward = (x: t.Tensor): t.Tensor => t.sum(t.add(t.square(x), t.reshape(x, [5])));
    for (const call of [
      () => t.grad(fail)(a),
      () => t.valueAndGrad(fail, [0])(a),
      () => t.tidy(() => fail(a)),
      () => t.grad(within)(a),
      () => t.grad((x: t.Tensor) => t.sum(t.grad(wrongBackward)(x)))(a),
    ]) {
      expect(call).toThrow(/planted|reshape/);
    }
    await expect(t.checkGradient(fail, [a])).rejects.toThrow("planted");
    // Asynchronous functions are refused; what they then stumble over reaches nobody.
    const later = async (): Promise<void> => {
      const made = t.exp(a);
      await made.read();
      t.square(made);
    };
    expect(() => t.tidy(later)).toThrow("asynchronous");
    await new Promise((resolve) => setTimeout(resolve, 20));
    using gradient = t.grad((x: t.Tensor) => t.sum(t.square(x)))(a);
    expect([...(await gradient.read())]).toEqual([2, 4, 6, 8]);
    gradient.dispose();
    a.dispose();
    expect(device.ledger).toEqual(empty);
  });
}

test.each(places.filter(({ name }) => name !== "device"))(
  "$name: not a number stays one on the CPU",
  async ({ open }) => {
    const device = await open();
    using a = t.tensor(device, [Number.NaN, 1]);
    const results = t.tidy(() => [
      t.max(a),
      t.sum(a),
      t.logSumExp(a),
      t.relu(a),
      t.maximum(a, 0),
      t.minimum(a, 2),
      t.multiply(t.tensor(device, [Number.POSITIVE_INFINITY]), 0),
      t.softmax(a),
      t.power(t.tensor(device, [-1]), 0.5),
    ]);
    for (const result of results) expect((await result.read())[0], result.label).toBe(Number.NaN);
    t.dispose(results);
  },
);

test("a loop that never waits holds no more buffers the longer it is", async () => {
  const device = shared();
  using a = t.ones(device, [8, 8]);
  const before = commandQueueOf(device).submits;
  for (let step = 0; step < 1000; step++) {
    t.tidy(() => {
      t.matmul(a, a);
    });
  }
  expect(commandQueueOf(device).submits - before).toBeLessThanOrEqual(8); // 1000 of 128 dispatches each
  expect(device.ledger.buffers).toBeLessThan(8);
});

test("uploads in a loop take the same buffers again, whether anything is computed or not", async () => {
  const device = shared();
  using a = t.ones(device, [1]);
  const large = new Float32Array(2 ** 18);
  for (const compute of [undefined, t.sum]) {
    for (let step = 0; step < 20; step++) {
      t.tidy(() => {
        const data = t.tensor(device, large.fill(step));
        compute?.(data);
      });
    }
    expect(device.ledger.bytes).toBeLessThan(4 * large.byteLength);
  }
  // What was written before a submit is what its commands read.
  const sums = t.tidy(() =>
    Array.from({ length: 5 }, (_, step) => {
      using data = t.tensor(device, large.fill(step));
      return t.mean(data);
    }),
  );
  expect(await Promise.all(sums.map((sum) => sum.item()))).toEqual([0, 1, 2, 3, 4]);
  t.dispose(sums);
  // Buffers of many sizes that nobody takes again are given back.
  for (let size = 0; size < 24; size++) {
    t.tidy(() => {
      t.broadcastTo(a, [2 ** 22 + 64 * size]);
    });
  }
  expect(device.ledger.bytes).toBeLessThan(2 ** 28 + 2 ** 25);
});

test("a device that is lost while a gradient is computed", async () => {
  const device = await openDevice();
  const a = t.ones(device, [4]);
  const gradient = t.grad((x: t.Tensor) => {
    const value = t.sum(t.square(x));
    device.gpu.destroy();
    return value;
  })(a);
  await expect(gradient.read()).rejects.toBeInstanceOf(GpuLost);
  await expect(t.checkGradient((x: t.Tensor) => t.sum(x), [a])).rejects.toBeInstanceOf(GpuLost);
  t.dispose([a, gradient]);
  expect(device.ledger).toEqual(empty);
});

for (const { name, open } of places) {
  test(`${name}: powers of 0, rows of −∞ alone, and logarithms of small probabilities`, async () => {
    const device = await open();
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const cases: [string, (a: t.Tensor) => t.Tensor, number[], number[]][] = [
      ["power −0.5", (a) => t.power(a, -0.5), [0, -0, 4], [infinity, infinity, 0.5]],
      ["power 0.5", (a) => t.power(a, 0.5), [0, 4], [0, 2]],
      ["power −3", (a) => t.power(a, -3), [0, 2], [infinity, 0.125]],
      ["softmax", (a) => t.softmax(a), [-infinity, -infinity], [nan, nan]],
      ["logSoftmax", (a) => t.logSoftmax(a), [-infinity, -infinity], [nan, nan]],
      ["exp", t.exp, [nan, -infinity, infinity, 0], [nan, 0, infinity, 1]],
      ["sine", t.sine, [infinity, -infinity, nan, 0], [nan, nan, nan, 0]],
      ["log of sigmoid", (a) => t.log(t.sigmoid(a)), [-85, -80, -87.25, 0], [-85, -80, -87.25, -Math.LN2]],
    ];
    for (const [text, f, values, wanted] of cases) {
      const result = t.tidy(() => f(t.tensor(device, values)));
      const own = await result.read();
      result.dispose();
      for (const [at, value] of wanted.entries()) {
        const isSame = Object.is(own[at], value) || Math.abs(own[at]! - value) <= 1e-6 * Math.abs(value);
        expect(isSame, `${text} of ${values[at]} is ${own[at]}, not ${value}`).toBe(true);
      }
    }
  });
}
