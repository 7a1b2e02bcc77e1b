import { expect, test } from "vitest";
import type { Device } from "../src/backend/device.ts";
import { acquire } from "../src/index.ts";
import { add, checkGradient, dispose, grad, type Tensor } from "../src/tensor.ts";
import { roundoff } from "./support/compare.ts";
import { shareDevice, shareWasm } from "./support/sharedDevice.ts";
import { inputsOn, operationCases, type OperationCase, weighted } from "./support/tensorOperations.ts";
import { testOf } from "./support/share.ts";

const device = shareDevice();
const sharedWasm = shareWasm();
const places = [
  { name: "device", open: async (): Promise<Device> => device() },
  { name: "wasm", open: sharedWasm },
];

/** One number of an operation's result, and one of its gradients by all inputs. */
const firstOrder = (one: OperationCase) => (inputs: Tensor[]) => weighted(one.apply(...inputs));
const secondOrder = (one: OperationCase) => (inputs: Tensor[]) =>
  grad(firstOrder(one))(inputs)
    .map(weighted)
    .reduce((sum, value) => add(sum, value));

test.each(places)("$name: values of every operation agree with float64", async ({ open }) => {
  const [cpu, device] = [await acquire({ device: "reference" }), await open()];
  let worst = 0;
  for (const one of operationCases) {
    const [wanted, own] = await Promise.all(
      [cpu, device].map(async (place) => {
        const inputs = inputsOn(place, one);
        const output = one.apply(...inputs);
        const values = await output.read();
        dispose([...inputs, output]);
        return values;
      }),
    );
    for (const [at, value] of wanted!.entries()) {
      const bound = (one.units ?? 16) * roundoff * Math.max(1, Math.abs(value));
      const error = Math.abs(own![at]! - value) / bound;
      worst = Math.max(worst, error);
      expect(error <= 1 ? "" : `${one.name}: value ${at} is ${own![at]}, wanted ${value} ± ${bound}`).toBe("");
    }
  }
  console.log(`values: largest error ${worst.toFixed(3)} of its bound`);
});

const orders = { first: firstOrder, second: secondOrder };

for (const [order, ofOrder] of Object.entries(orders)) {
  testOf(order === "first")(
    `gradients of ${order} order are the limits of central differences, for every operation`,
    async () => {
      const cpu = await acquire({ device: "reference" });
      let [checked, skipped, worst] = [0, 0, 0];
      for (const one of operationCases) {
        const inputs = inputsOn(cpu, one);
        const check = await checkGradient(ofOrder(one), [inputs], { entries: 12 });
        const { name, gradient, difference, error } = check.worst ?? { error: 0 };
        expect(check.passed ? "" : `${one.name}: ${name} is ${gradient}, differences say ${difference}, ${error}`).toBe(
          "",
        );
        [checked, skipped, worst] = [checked + check.checked, skipped + check.skipped, Math.max(worst, error)];
        dispose(inputs);
      }
      expect(skipped / (checked + skipped)).toBeLessThan(0.02);
      expect(cpu.ledger).toEqual({ buffers: 0, bytes: 0 });
      console.log(`${checked} slopes, largest error ${worst.toExponential(1)} of its bound, ${skipped} at kinks`);
    },
  );

  testOf(order === "first").each(places)(
    `$name: gradients of ${order} order agree with float64, for every operation`,
    async ({ open }) => {
      const [cpu, device] = [await acquire({ device: "reference" }), await open()];
      let worst = 0;
      for (const one of operationCases) {
        const [wanted, own] = await Promise.all(
          [cpu, device].map(async (place) => {
            const inputs = inputsOn(place, one);
            const gradients = grad(ofOrder(one))(inputs);
            const values = await Promise.all(gradients.map((gradient) => gradient.read()));
            dispose([...inputs, ...gradients]);
            return values.flatMap((each) => [...each]);
          }),
        );
        const largest = wanted!.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        const bound = (one.units ?? 16) * roundoff * largest;
        for (const [at, value] of wanted!.entries()) {
          const error = Math.abs(own![at]! - value) / bound;
          worst = Math.max(worst, error);
          expect(error <= 1 ? "" : `${one.name}: gradient ${at} is ${own![at]}, wanted ${value} ± ${bound}`).toBe("");
        }
      }
      console.log(`largest error ${worst.toFixed(3)} of its bound`);
    },
  );
}
