// Tensors as things: made, read, viewed, disposed of; what they say when something is wrong; what is alive.

import { expect, test } from "vitest";
import { commandQueueOf } from "../src/backend/webgpu/tensor/commandQueue.ts";
import type { Device } from "../src/backend/device.ts";
import { acquire, Disposed, GpuLost, InvalidInput, LimitExceeded, type ThalwegError } from "../src/index.ts";
import * as t from "../src/tensor.ts";
import { hashOf } from "./support/compare.ts";
import { openDevice } from "./support/kernelRun.ts";
import { shareDevice, shareWasm } from "./support/sharedDevice.ts";
import { inputsOn, operationCases, weighted } from "./support/tensorOperations.ts";

const shared = shareDevice();
const sharedWasm = shareWasm();
const places = [
  { name: "device", open: async (): Promise<Device> => shared() },
  { name: "wasm", open: sharedWasm },
  { name: "cpu", open: () => acquire({ device: "reference" }) },
];
const empty = { buffers: 0, bytes: 0 };

/** The error that a call throws, or undefined. */
function thrownBy(call: () => unknown): ThalwegError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error as ThalwegError;
  }
}

for (const { name, open } of places) {
  test(`${name}: values, shape and label come back`, async () => {
    const device = await open();
    using a = t.tensor(device, [1, 2, 3, 4, 5, 6], [2, 3], { label: "a" });
    expect([a.shape, a.size, a.dtype, a.label, a.device]).toEqual([[2, 3], 6, "f32", "a", device]);
    expect([...(await a.read())]).toEqual([1, 2, 3, 4, 5, 6]);
    using scalar = t.tensor(device, 7);
    expect([scalar.shape, await scalar.item()]).toEqual([[], 7]);
    using none = t.zeros(device, [3, 0]);
    expect([none.size, (await none.read()).length]).toEqual([0, 0]);
    using one = t.ones(device, [2]);
    expect([...(await one.read())]).toEqual([1, 1]);
  });

  test(`${name}: views share values and keep them`, async () => {
    const device = await open();
    const a = t.tensor(device, [1, 2, 3, 4, 5, 6], [3, 2]);
    const before = { ...device.ledger };
    const rows = t.slice(a, [1]);
    const flat = t.reshape(rows, [4]);
    expect(device.ledger).toEqual(before);
    a.dispose();
    rows.dispose();
    expect([...(await flat.read())]).toEqual([3, 4, 5, 6]);
    using last = t.slice(flat, [-1]);
    flat.dispose();
    expect([...(await last.read())]).toEqual([6]);
    last.dispose();
    expect(device.ledger).toEqual(empty);
  });

  test(`${name}: use after dispose is reported, by name`, async () => {
    const device = await open();
    const a = t.tensor(device, [1, 2, 3, 4], [2, 2], { label: "weights" });
    a.dispose();
    a.dispose();
    for (const call of [
      () => t.exp(a),
      () => t.add(a, 1),
      () => t.matmul(a, a),
      () => t.reshape(a, [1, 4]),
      () => t.sum(a),
    ]) {
      const error = thrownBy(call);
      expect(error).toBeInstanceOf(Disposed);
      expect(error!.message).toContain("weights [2, 2]");
    }
    await expect(a.read()).rejects.toBeInstanceOf(Disposed);
    expect(device.ledger).toEqual(empty);
  });

  test(`${name}: errors give both shapes, and nothing is left behind`, async () => {
    const device = await open();
    const other = await acquire({ device: "reference" });
    const a = t.tensor(device, new Float32Array(6), [2, 3]);
    const b = t.tensor(device, new Float32Array(8), [2, 4]);
    const elsewhere = t.tensor(other, [1]);
    const wrong: [() => unknown, ...string[]][] = [
      [() => t.add(a, b), "add", "[2, 3] and [2, 4]"],
      [() => t.matmul(a, b), "matmul", "[2, 3] and [2, 4]", "[..., m, k]"],
      [() => t.matmul(a, b, { transposeB: true }), "[2, 3] and [2, 4] transposed"],
      [() => t.matmul(a, t.reshape(b, [8])), "[2, 3] and [8]", "reshape a vector"],
      [() => t.squaredError(a, b), "squaredError", "[2, 3]", "[2, 4]"],
      [() => t.concat([a, b]), "concat", "[2, 3] and [2, 4]"],
      [() => t.stack([a, b]), "concat", "[1, 2, 3] and [1, 2, 4]"],
      [() => t.split(a, 2, 1), "split: parts", "axis 1 of [2, 3]"],
      [() => t.reshape(a, [4]), "[2, 3]", "[4]"],
      [() => t.reshape(a, [-1, -1]), "[2, 3]"],
      [() => t.reshape(a, [-1, 4]), "[2, 3]", "[-1, 4]"],
      [() => t.transpose(a, [0]), "[2, 3]", "[0]"],
      [() => t.sum(a, 2), "[2, 3]", "[2]"],
      [() => t.sum(a, [0, -2]), "[2, 3]"],
      [() => t.slice(a, [0, 3], [2, 2]), "begin [0, 3]"],
      [() => t.broadcastTo(a, [2, 1]), "[2, 3]", "[2, 1]"],
      [() => t.add(a, elsewhere), "[2, 3]", "[1]", "one device"],
      [() => t.add(1, 2), "numbers only"],
      [() => t.add(a, "1" as never), "string"],
      [() => t.tensor(device, [1, 2], [3]), "3 values", "2 values"],
      [() => t.tensor(device, [1], [1, 1, 1, 1, 1, 1, 1, 1, 1]), "number of dimensions"],
      [() => t.tensor(device, [1], [1], { dtype: "f64" as never }), "f32, f16"],
      [() => t.activate("swish" as never, a), "swish"],
      [() => t.grad((x: t.Tensor) => t.exp(x))(a), "[2, 3]", "one value"],
      [() => t.grad((x: t.Tensor) => Promise.resolve(x) as never)(a), "promise"],
      [() => t.grad((x: { a: t.Tensor }) => x.a)({ a: "no" as never }), "string"],
      [() => t.tidy(async () => t.exp(a)), "promise"],
      [() => t.power(a, Number.NaN), "finite"],
      [() => t.add(a, undefined as never), "add", "undefined"],
      [() => t.matmul(a, 2 as never), "matmul", "number"],
      [() => t.matmul(a, a, { transpose_b: true } as never), "matmul", "transpose_b"],
      [() => t.sum(2 as never), "sum", "number"],
      [() => t.sum(a, 0, { keepdims: true } as never), "sum", "keepdims"],
      [() => t.sum(a, { keepDims: true } as never), "sum: axes", "array of numbers"],
      [() => t.softmax([1, 2] as never), "softmax", "an array"],
      [() => t.concat([a, 3 as never]), "concat", "number"],
      [() => t.concat([]), "concat", "none"],
      [() => t.reshape(a, 6 as never), "reshape: shape", "number"],
      [() => t.reshape(a, [1, 1, 1, 1, 1, 1, 1, 2, 3]), "reshape", "number of dimensions"],
      [() => t.broadcastTo(a, [1, 1, 1, 1, 1, 1, 1, 2, 3]), "broadcastTo", "number of dimensions"],
      [() => t.transpose(null as never), "transpose", "null"],
      [() => t.slice(a, 1 as never), "slice: begin", "number"],
      [() => t.pad(a, 1 as never, [1, 1]), "pad: before", "number"],
      [() => t.squaredError(a, [1] as never), "squaredError", "an array"],
      [() => t.activate("identity", 2 as never), "identity", "number"],
      [() => t.cast(a, "f64" as never), "cast: dtype", "f32, f16"],
      [() => t.tensor(device, [[1, 2]] as never), "nested arrays", "values.flat()"],
      [() => t.tensor(device, ["1"] as never), "string at 0"],
      [() => t.tensor(device, "12" as never), "got string"],
      [() => t.tensor(device, [1, 2], 2 as never), "tensor: shape", "[value]"],
      [() => t.zeros([3] as never, device as never), "zeros: device"],
      [() => t.ones(device, [2], { type: "f32" } as never), "ones", "type"],
    ];
    for (const [call, ...parts] of wrong) {
      const error = thrownBy(() => t.tidy(call));
      expect(error, String(call)).toBeInstanceOf(InvalidInput);
      for (const part of parts) expect(error!.message).toContain(part);
    }
    t.dispose([a, b, elsewhere]);
    expect([device.ledger, other.ledger]).toEqual([empty, empty]);
  });

  test(`${name}: tidy frees what was made in it and keeps what it returns`, async () => {
    const device = await open();
    const a = t.tensor(device, [1, 2]);
    const kept = t.tidy(() => {
      const inner = t.tidy(() => [t.exp(a), { twice: t.multiply(a, 2) }] as const);
      t.add(inner[0], 1);
      return { sum: t.sum(inner[1].twice), list: [inner[1].twice] };
    });
    expect(await kept.sum.item()).toBe(6);
    t.dispose([a, kept]);
    expect(device.ledger).toEqual(empty);
    expect(thrownBy(() => t.tidy((): unknown => t.tidy(() => t.reshape(t.ones(device, [2]), [3]))))).toBeInstanceOf(
      InvalidInput,
    );
    expect(device.ledger).toEqual(empty);
  });

  test(`${name}: gradients leave nothing but themselves, also of tensors that were disposed of within`, async () => {
    const device = await open();
    const a = t.tensor(device, [0.5, -0.25, 2]);
    const before = { ...device.ledger };
    const f = (x: t.Tensor): t.Tensor => {
      using squared = t.square(x);
      const both = t.tidy(() =>
        t.multiply(
          t.exp(squared),
          t.tidy(() => t.sine(x)),
        ),
      );
      return t.sum(both);
    };
    const second = (x: t.Tensor): t.Tensor => t.sum(t.square(t.grad(f)(x)));
    using gradient = t.grad(second)(a);
    const check = await t.checkGradient(second, [a]);
    expect(check).toMatchObject({ passed: true, checked: 3, skipped: 0 });
    gradient.dispose();
    // A pool may hold buffers as long as a tensor lives; on the CPU the ledger is exact.
    if (device.kind === "reference" || device.kind === "wasm") expect(device.ledger).toEqual(before);
    a.dispose();
    expect(device.ledger).toEqual(empty);
    expect(thrownBy(() => t.grad(() => t.ones(device, [2]))(0))).toBeInstanceOf(InvalidInput);
    expect(device.ledger).toEqual(empty);
  });

  test(`${name}: gradients by arguments, in trees, of what does not matter, and of constants`, async () => {
    const device = await open();
    const parameters = { layers: [t.tensor(device, [1, 2]), t.tensor(device, 3)], unused: t.tensor(device, [1, 1]) };
    const x = t.tensor(device, [5, 7]);
    const f = (p: typeof parameters, input: t.Tensor): t.Tensor =>
      t.sum(t.multiply(t.multiply(p.layers[0]!, input), p.layers[1]!));
    const { value, gradient } = t.valueAndGrad(f)(parameters, x);
    expect(await value.item()).toBe(57);
    expect([...(await gradient.layers[0]!.read())]).toEqual([15, 21]);
    expect(await gradient.layers[1]!.item()).toBe(19);
    expect([...(await gradient.unused.read())]).toEqual([0, 0]);
    const [byInput, byParameters] = t.grad(f, [1, 0])(parameters, x);
    expect([...(await byInput.read())]).toEqual([3, 6]);
    const constant = t.grad((a: t.Tensor) => t.sum(t.multiply(a, 0)))(x);
    expect([...(await constant.read())]).toEqual([0, 0]);
    const outer = t.grad<t.Tensor, []>(() => t.sum(x))(parameters.unused);
    const same = t.grad((a: t.Tensor) => a)(parameters.layers[1]!);
    expect(await same.item()).toBe(1);
    t.dispose([parameters, x, value, gradient, byInput, byParameters, constant, outer, same]);
    expect(device.ledger).toEqual(empty);
  });

  test(`${name}: an inner gradient sees the outer variable as a constant, and the outer one sees through it`, async () => {
    const device = await open();
    using x = t.tensor(device, 3);
    // d/dx (x · d/dy (x · y²) at y = 2) = d/dx 4x² = 8x; mixing the two up would give another number.
    const outer = (a: t.Tensor): t.Tensor => {
      const y = t.tensor(device, 2);
      return t.multiply(a, t.grad((b: t.Tensor) => t.multiply(a, t.square(b)))(y));
    };
    using gradient = t.grad(outer)(x);
    expect(await gradient.item()).toBe(24);
  });

  test(`${name}: sigmoid, tanh and exp to the fourth order`, async () => {
    const device = await open();
    const at = 0.3;
    const s = 1 / (1 + Math.exp(-at));
    const h = Math.tanh(at);
    const wanted = {
      sigmoid: s * (1 - s) * (1 - 14 * s + 36 * s * s - 24 * s ** 3),
      tanh: 8 * h * (1 - h * h) * (2 - 3 * h * h),
      exp: Math.exp(at),
    };
    const functions = { sigmoid: t.sigmoid, tanh: t.tanh, exp: t.exp };
    for (const name of ["sigmoid", "tanh", "exp"] as const) {
      using x = t.tensor(device, at);
      using fourth = t.grad(t.grad(t.grad(t.grad((a: t.Tensor) => functions[name](a)))))(x);
      expect(await fourth.item(), name).toBeCloseTo(wanted[name], 5);
    }
  });
}

for (const { name, open } of places) {
  test(`${name}: softmax, logSumExp and the cross entropies stay finite for large logits, gradients too`, async () => {
    const device = await open();
    using logits = t.tensor(device, [1e4, 0, -1e4, -1e4, -1e4, 2e4], [2, 3]);
    using targets = t.tensor(device, [0, 1, 0, 0, 0, 1], [2, 3]);
    const wanted: [(a: t.Tensor) => t.Tensor, number[]][] = [
      [(a) => t.softmax(a), [1, 0, 0, 0, 0, 1]],
      [(a) => t.logSoftmax(a), [0, -1e4, -2e4, -3e4, -3e4, 0]],
      [(a) => t.logSumExp(a, 1), [1e4, 2e4]],
      [(a) => t.softmaxCrossEntropy(a, targets), [5e3]],
      [(a) => t.binaryCrossEntropy(a, targets), [(1e4 + Math.log(2)) / 6]],
    ];
    for (const [compute, values] of wanted) {
      using output = compute(logits);
      const got = [...(await output.read())];
      for (const [at, value] of values.entries()) {
        expect(Math.abs(got[at]! - value), String(compute)).toBeLessThanOrEqual(1e-6 * Math.abs(value) + 1e-30);
      }
      const lossOf = (a: t.Tensor): t.Tensor => t.sum(t.square(compute(a)));
      using gradient = t.grad(lossOf)(logits);
      using second = t.grad((a: t.Tensor) => t.sum(t.grad(lossOf)(a)))(logits);
      expect([...(await gradient.read()), ...(await second.read())].every(Number.isFinite), String(compute)).toBe(true);
    }
  });
}

test("contributions to a gradient are added in place, except where they are differentiated", async () => {
  const device = shared();
  const names: string[] = [];
  const commands = commandQueueOf(device);
  const dispatch = commands.dispatch.bind(commands);
  commands.dispatch = (command) => {
    names.push(command.kernel.name);
    dispatch(command);
  };
  const x = t.tensor(device, [1, 2]);
  // The fifth power as a product: x is used five times.
  const fifth = (a: t.Tensor): t.Tensor => t.sum([1, 2, 3, 4].reduce((product) => t.multiply(product, a), a));
  const gradient = t.grad(fifth)(x);
  expect([...(await gradient.read())]).toEqual([5, 80]);
  expect(names.filter((name) => name === "accumulate").length).toBe(4);
  const second = t.grad((a: t.Tensor) => t.sum(t.grad(fifth)(a)))(x);
  expect([...(await second.read())]).toEqual([20, 160]);
  commands.dispatch = dispatch;
  t.dispose([x, gradient, second]);
});

test("a check of gradients names the worst entry of a wrong one, and passes over kinks", async () => {
  const device = await acquire({ device: "reference" });
  const parameters = { weights: t.tensor(device, [1, -2, 0, 4], [2, 2]), bias: t.tensor(device, [1, 2]) };
  // What depends on whether it is differentiated cannot be right.
  let calls = 0;
  const wrong = (p: typeof parameters): t.Tensor => {
    const factors = t.tensor(device, [1, 1, calls++ === 0 ? 1.5 : 1, 1], [2, 2]);
    return t.add(t.sum(t.multiply(t.square(t.add(p.weights, 1)), factors)), t.sum(p.bias));
  };
  const bad = await t.checkGradient(wrong, [parameters]);
  expect(bad.passed).toBe(false);
  expect(bad.worst!.name).toBe("arguments[0].weights[1, 0]");
  expect(bad.worst!.gradient).toBeCloseTo(3, 10);
  expect(bad.worst!.difference).toBeCloseTo(2, 10);
  const kinked = await t.checkGradient((p: typeof parameters) => t.sum(t.relu(p.weights)), [parameters]);
  expect(kinked).toMatchObject({ passed: true, checked: 5, skipped: 1 });
  const wrongCalls: [() => Promise<unknown>, string][] = [
    [() => t.checkGradient((a: t.Tensor) => a, parameters.bias as never), "a list of arguments"],
    [() => t.checkGradient((a: t.Tensor) => t.sum(a), [parameters.bias], { tolerence: 1 } as never), "tolerence"],
    [() => t.checkGradient((a: t.Tensor) => t.sum(a), [parameters.bias], { step: 0 }), "a number above 0"],
    [() => t.checkGradient((a: t.Tensor) => t.exp(a), [parameters.bias]), "one value"],
  ];
  for (const [call, part] of wrongCalls) await expect(call()).rejects.toThrow(part);
  using own = t.ones(shared(), [2]);
  using captured = t.ones(shared(), [2]);
  const ofAnother = t.checkGradient((a: t.Tensor) => t.sum(t.multiply(a, captured)), [own]);
  await expect(ofAnother).rejects.toThrow("gets all its tensors as arguments, got in multiply");
  t.dispose(parameters);
  expect(device.ledger).toEqual(empty);
});

test("the same bits twice, of every operation and its gradients", async () => {
  for (const device of [shared(), await sharedWasm()]) {
    const hashes = [0, 1].map(() => hashOfAll(device));
    expect(await hashes[0]).toBe(await hashes[1]);
  }
});

/** Bits of every operation and its gradients. */
async function hashOfAll(device: Device): Promise<string> {
  const parts: ArrayBufferView[] = [];
  for (const one of operationCases) {
    const inputs = inputsOn(device, one);
    const ofAll = (all: t.Tensor[]): t.Tensor => weighted(one.apply(...all));
    const { value, gradient } = t.valueAndGrad(ofAll)(inputs);
    for (const each of [value, ...gradient]) parts.push(await each.read());
    t.dispose([...inputs, value, ...gradient]);
  }
  return hashOf(...parts);
}

test("sizes beyond the device's limits are reported, with the shape", async () => {
  const device = await openDevice({ maxBufferBytes: 65_536 });
  using a = t.ones(device, [128, 1]);
  const error = thrownBy(() =>
    t.matmul(
      a,
      t.tidy(() => t.reshape(a, [1, 128])),
      {},
    ),
  );
  expect(error).toBeUndefined();
  using wide = t.ones(device, [1, 129]);
  const tooLarge = thrownBy(() => t.matmul(a, wide));
  expect(tooLarge).toBeInstanceOf(LimitExceeded);
  expect(tooLarge!.message).toContain("[128, 129]");
  expect(thrownBy(() => t.zeros(device, [2 ** 20, 2 ** 10]))).toBeInstanceOf(LimitExceeded);
  const wasm = await sharedWasm();
  for (const shape of [
    [2 ** 15, 2 ** 15], // more than one tensor may have
    [2 ** 14, 2 ** 14, 3],
  ]) {
    const error = thrownBy(() => t.zeros(wasm, shape));
    expect(error).toBeInstanceOf(LimitExceeded);
    expect(error!.message).toContain(`[${shape.join(", ")}]`);
  }
  const cpu = await acquire({ device: "reference" });
  expect(thrownBy(() => t.ones(cpu, [2 ** 20, 2 ** 20]))).toBeInstanceOf(LimitExceeded);
  expect(thrownBy(() => t.broadcastTo(t.ones(cpu, [1, 1]), [2 ** 16, 2 ** 15]))).toBeInstanceOf(LimitExceeded);
});

test("a lost device is reported when something is read, and leaves no bytes behind", async () => {
  const device = await openDevice();
  const a = t.ones(device, [4]);
  device.gpu.destroy();
  await device.gpu.lost;
  const b = t.exp(a);
  await expect(b.read()).rejects.toBeInstanceOf(GpuLost);
  t.dispose([a, b]);
  expect(device.ledger).toEqual(empty);
});

test("f16 is refused where the device has none of it, and stands for float64 on the CPU", async () => {
  const device = shared();
  if (!device.gpu.features.has("shader-f16")) {
    const error = thrownBy(() => t.tensor(device, [1], [1], { dtype: "f16" }));
    expect(error).toBeInstanceOf(InvalidInput);
    expect(error!.message).toContain("shader-f16");
  }
  const wasm = await sharedWasm();
  const ofWasm = thrownBy(() => t.tensor(wasm, [1], [1], { dtype: "f16" }));
  expect(ofWasm).toBeInstanceOf(InvalidInput);
  expect(ofWasm!.message).toContain("16-bit floats");
  const cpu = await acquire({ device: "reference" });
  using a = t.tensor(cpu, [1, 2], [2], { dtype: "f16" });
  using both = t.add(a, a);
  using mixed = t.add(
    a,
    t.tidy(() => t.ones(cpu, [2])),
  );
  expect([both.dtype, mixed.dtype]).toEqual(["f16", "f32"]);
});

test("an operation is one dispatch, and dispatches share submits", async () => {
  const { gpu } = shared();
  const queue = gpu.queue as unknown as { submit: (commands: unknown) => void };
  const submit = queue.submit;
  let submits = 0;
  queue.submit = (commands) => {
    submits++;
    submit.call(gpu.queue, commands);
  };
  try {
    const result = t.tidy(() => {
      let a = t.ones(shared(), [16, 16]);
      for (let step = 0; step < 100; step++) a = t.multiply(t.matmul(a, a), 1 / 256);
      return a;
    });
    expect(submits).toBe(1); // 200 dispatches, 128 in the first submit
    await result.read();
    expect(submits).toBe(3); // the rest, and the copy to be read
    result.dispose();
  } finally {
    Reflect.deleteProperty(queue, "submit"); // of this device alone: that of all is counted by other tests
  }
});
