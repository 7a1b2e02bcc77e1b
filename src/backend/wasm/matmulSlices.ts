import { f32x4, i32 } from "./instructions.ts";
import { least } from "./least.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import { storeUpTo } from "./vectorStore.ts";

/** Values that an item of `sumSlices` adds up. */
export const sliceItemValues = 1024;

/** Words of the arguments of `sumSlices`. */
export const sumArgument = { from: 0, out: 1, values: 2, slices: 3, accumulate: 4 } as const;

/** Adds the kernel `sumSlices`: out = Σ slices, in their order, or out += Σ slices. */
export const addSumSlices = (builder: ModuleBuilder) =>
  builder.kernel((body, ...[args, item]) => {
    const load = (name: keyof typeof sumArgument) => body.let(i32.load(args, 4 * sumArgument[name]));
    const [from, out, values] = [load("from"), load("out"), load("values")];
    const [slices, accumulate] = [load("slices"), load("accumulate")];
    const first = body.let(i32.mul(item, sliceItemValues));
    const last = least(body, i32.add(first, sliceItemValues), values);
    const stride = body.let(i32.shl(values, 2));
    body.for({ from: first, to: last, by: 4 }, (index) => {
      const bytes = body.let(i32.shl(index, 2));
      const at = body.variable("i32", i32.add(from, bytes));
      const sum = body.variable("f32x4", f32x4.load(at));
      body.for({ from: 1, to: slices }, () => {
        body.set(at, i32.add(at, stride));
        body.set(sum, f32x4.add(sum, f32x4.load(at)));
      });
      const place = body.let(i32.add(out, bytes));
      body.if(accumulate, () => body.set(sum, f32x4.add(f32x4.load(place), sum)));
      storeUpTo(body, place, sum, body.let(i32.sub(last, index)));
    });
  });
