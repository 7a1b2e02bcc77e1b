import type { Expression } from "../../math/expression.ts";
import type { Body } from "./body.ts";
import { emitExpressions } from "./emitExpression.ts";
import { f32, f32x4, i32 } from "./instructions.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import type { Address } from "./rowLoops.ts";
import { forGridRows, stepsOf } from "./stridedGrid.ts";
import type { Floats, VectorModule } from "./vectorCode.ts";
import { VectorCode } from "./vectorCode.ts";
import { storeUpTo } from "./vectorStore.ts";

/** Reads four values of a row: of values side by side, or one that repeats. */
interface RowReader {
  /** @param at distance from the row's beginning, in bytes */
  read(at: Address): Floats;
}

/** @param copies memory of this thread for four values @param step of the row, 4 or 0 */
function rowReader(body: Body, address: Address, step: Address, copies: Address): RowReader {
  const isOne = body.let(i32.eqz(step));
  body.if(isOne, () => body.store(copies, f32x4.loadSplat(address)));
  const first = body.let(i32.select(copies, address, isOne));
  const mask = body.let(i32.sub(isOne, 1));
  return { read: (at) => body.let(f32x4.load(i32.add(first, i32.and(at, mask)))) };
}

/** Adds the kernel of a function value by value: arrays are its inputs, whose rows lie side by side or repeat a value, then out. */
export function addElement(module: VectorModule, expression: Expression, inputs: readonly string[]) {
  return module.builder.kernel((body, ...[args, item, scratch]) => {
    const code = new VectorCode(module, body);
    const steps = stepsOf(body, args, inputs.length + 1);
    const copies = inputs.map((_, at) => body.let(i32.add(scratch, 16 * at)));
    forGridRows(body, { args, item, steps }, ({ addresses, columns }) => {
      const out = addresses[inputs.length]!;
      const readers = inputs.map((_, at) => rowReader(body, addresses[at]!, steps[at]!, copies[at]!));
      const value = (at: Address): Floats =>
        emitExpressions(code, [expression], new Map(inputs.map((name, input) => [name, readers[input]!.read(at)])))[0]!;
      const whole = body.let(i32.and(i32.shl(columns, 2), -16));
      const left = body.let(i32.and(columns, 3));
      body.for({ from: 0, to: whole, by: 16 }, (at) => body.store(i32.add(out, at), value(at)));
      body.if(left, () => storeUpTo(body, body.let(i32.add(out, whole)), body.let(value(whole)), left));
    });
  });
}

/** Adds the kernel of copies: arrays a and out, with any strides. */
export const addCopy = (builder: ModuleBuilder) =>
  builder.kernel((body, ...[args, item]) => {
    const steps = stepsOf(body, args, 2) as [Address, Address];
    const isFlat = body.let(i32.and(i32.eq(steps[0], 4), i32.eq(steps[1], 4)));
    forGridRows(body, { args, item, steps }, ({ addresses, columns }) => {
      const [from, to] = addresses as [(typeof addresses)[0], (typeof addresses)[0]];
      const whole = body.let(i32.select(i32.and(columns, -4), 0, isFlat));
      body.for({ from: 0, to: i32.shl(whole, 2), by: 16 }, (at) =>
        body.store(i32.add(to, at), f32x4.load(i32.add(from, at))),
      );
      body.set(from, i32.add(from, i32.mul(whole, steps[0])));
      body.set(to, i32.add(to, i32.mul(whole, steps[1])));
      body.for({ from: whole, to: columns }, () => {
        body.store(to, f32.load(from));
        body.set(from, i32.add(from, steps[0]));
        body.set(to, i32.add(to, steps[1]));
      });
    });
  });
