import { memberHyperParameters } from "../../math/hyperParameters.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import { read, turnPlace } from "./passArguments.ts";
import { type Address, laneSum } from "./rowLoops.ts";
import {
  emitDirection,
  emitGradientScale,
  emitUpdate,
  smallUnit,
  type UpdatePlan,
  type UpdateSources,
} from "./updateCode.ts";
import { constant } from "./value.ts";
import type { Floats, Mask, VectorCode } from "./vectorCode.ts";

/** Parameters that an item of an update takes; more where there would be too many items. */
export const updateBlock = 4096;

/** What the update of members reads. */
export interface UpdateContext {
  readonly code: VectorCode;
  readonly args: Address;
  /** Address of the turn's record. */
  readonly record: Address;
}

/** Where an update lies in memory: a member, the first of the parameters of its item, and how many a member has. */
export interface UpdatePlace {
  readonly member: Address;
  readonly first: Address;
  readonly count: number;
}

/** Addresses of an item's gradients, parameters and what the optimizer keeps. */
function arraysOf(
  { code, args }: UpdateContext,
  { member, first, count }: UpdatePlace,
  states: number,
): readonly Address[] {
  const { body } = code;
  const own = body.let(i32.add(i32.mul(member, 16 * Math.ceil(count / 4)), i32.shl(first, 2)));
  const moments = Array.from({ length: states }, (_, state) => i32.mul(read(args, "momentsState"), state));
  return [
    body.let(i32.add(read(args, "gradients"), own)),
    body.let(i32.add(read(args, "parameters"), own)),
    ...moments.map((distance) => body.let(i32.add(i32.add(read(args, "moments"), own), distance))),
  ];
}

const isFinite = (value: Floats): Mask => f32x4.lt(f32x4.abs(value), Number.POSITIVE_INFINITY);

/** Bytes of the sums of an item's squares: four in units of 1, and four in `smallUnit`. */
export const squareBytes = 32;

/** Writes the sums of squares of the gradients of a block of one member's parameters. */
export function emitBlockSquares(context: UpdateContext, place: UpdatePlace, block: Address): void {
  const { code } = context;
  const { body } = code;
  const [gradients] = arraysOf(context, place, 0);
  const bytes = bytesOf(context, place);
  const sums = [1, smallUnit].map((unit) => ({ unit, sum: body.variable("f32x4", 0) }));
  body.for({ from: 0, to: bytes, by: 16 }, (at) => {
    const behind = i32x4.splat(i32.shrU(i32.sub(bytes, at), 2));
    const isInside = i32x4.gtS(behind, i32x4.constants(0, 1, 2, 3));
    const gradient = code.let(code.keep(code.let(f32x4.load(i32.add(gradients!, at))), isInside));
    for (const { unit, sum } of sums) {
      const own = unit === 1 ? gradient : code.let(f32x4.mul(gradient, unit));
      body.set(sum, code.madd(own, own, sum));
    }
  });
  const to = body.let(i32.add(squaresOf(context, place.member), i32.mul(block, squareBytes)));
  sums.forEach(({ sum }, row) => body.store(to, sum as Floats, 16 * row));
}

const squaresOf = ({ args }: UpdateContext, member: Address): Address =>
  i32.add(read(args, "squares"), i32.mul(i32.mul(member, read(args, "blocks")), squareBytes));

/** The scale of a member's gradients, in all lanes. */
function scaleOf(context: UpdateContext, member: Address, plan: UpdatePlan): Floats {
  const { code, args } = context;
  const { body } = code;
  const first = body.let(squaresOf(context, member));
  const end = body.let(i32.add(first, i32.mul(read(args, "blocks"), squareBytes)));
  const sums = [0, 16].map((offset) => ({ offset, sum: body.variable("f32x4", 0) }));
  body.for({ from: first, to: end, by: squareBytes }, (at) => {
    for (const { offset, sum } of sums) body.set(sum, f32x4.add(sum, f32x4.load(at, offset)));
  });
  const [whole, small] = sums.map(({ sum }) => code.let(laneSum(code, body.let(sum as Floats)))) as [Floats, Floats];
  const fits = body.let(isFinite(whole));
  return emitGradientScale(code, plan, {
    squares: code.let(f32x4.bitselect(whole, small, fits)),
    unit: code.let(f32x4.bitselect(1, smallUnit, fits)),
    hyper: body.let(read(args, "runValues")),
  });
}

function sourcesOf(context: UpdateContext, member: Address, plan: UpdatePlan): UpdateSources {
  const { code, args, record } = context;
  const { body } = code;
  const settings = body.let(i32.add(read(args, "settings"), i32.mul(member, 4 * memberHyperParameters.length)));
  return {
    rate: (at) => f32x4.loadSplat(settings, 4 * at),
    hyper: body.let(read(args, "runValues")),
    step: body.let(i32.add(record, 4 * turnPlace.values)),
    gradientScale: plan.hosted.gradientScale && scaleOf(context, member, plan),
  };
}

/** Bytes of the parameters of an item. */
function bytesOf({ code, args }: UpdateContext, { first, count }: UpdatePlace): Address {
  const { body } = code;
  const left = least(body, i32.sub(constant("i32", count), first), body.let(read(args, "blockSize")));
  return body.let(i32.shl(left, 2));
}

/** Where the values of an item that all members share begin, such as `isWeight`. */
const sharedFrom = ({ code, args }: UpdateContext, { first }: UpdatePlace, name: "isWeight" | "isMatrix"): Address =>
  code.body.let(i32.add(read(args, name), i32.shl(first, 2)));

/** Where those of a member begin. */
const ownFrom = (
  { code, args }: UpdateContext,
  { member, first, count }: UpdatePlace,
  name: "directions" | "orthogonal",
): Address =>
  code.body.let(i32.add(read(args, name), i32.add(i32.mul(member, 16 * Math.ceil(count / 4)), i32.shl(first, 2))));

/** Writes what is to be made orthogonal, for a block of parameters of one member. CPU reference: src/backend/cpu/update.ts. */
export function emitBlockDirections(context: UpdateContext, place: UpdatePlace, plan: UpdatePlan): void {
  const { body } = context.code;
  const [gradients, ...stores] = arraysOf(context, place, plan.state.length);
  const direction = emitDirection(context.code, plan, sourcesOf(context, place.member, plan));
  const weights = plan.update.takesWeights ? sharedFrom(context, place, "isWeight") : undefined;
  const to = ownFrom(context, place, "directions");
  body.for({ from: 0, to: bytesOf(context, place), by: 16 }, (at) => {
    const load = (address: Address): Floats => body.let(f32x4.load(i32.add(address, at)));
    const isWeight = weights ? load(weights) : constant("f32x4", 0);
    const inputs = { gradient: load(gradients!), old: stores.map(load), isWeight };
    body.store(i32.add(to, at), direction(inputs));
  });
}

/**
 * Writes the update of a block of parameters of one member. A parameter that would not be finite stays as it was, and the member is
 * marked as failed. CPU reference: src/backend/cpu/update.ts.
 */
export function emitBlockUpdate(context: UpdateContext, place: UpdatePlace, plan: UpdatePlan): void {
  const { code, args } = context;
  const { body } = code;
  const [gradients, ...stores] = arraysOf(context, place, plan.state.length);
  const update = emitUpdate(code, plan, sourcesOf(context, place.member, plan));
  const bytes = bytesOf(context, place);
  const weights = plan.update.takesWeights ? sharedFrom(context, place, "isWeight") : undefined;
  const matrices = plan.direction && {
    isMatrix: sharedFrom(context, place, "isMatrix"),
    orthogonal: ownFrom(context, place, "orthogonal"),
  };
  const isWrong = body.variable("i32x4", 0);
  body.for({ from: 0, to: bytes, by: 16 }, (at) => {
    const load = (address: Address): Floats => body.let(f32x4.load(i32.add(address, at)));
    const old = stores.map(load);
    const isWeight = weights ? load(weights) : constant("f32x4", 0);
    const ofMatrix = matrices && { isMatrix: load(matrices.isMatrix), orthogonal: load(matrices.orthogonal) };
    const { now, watched } = update({ gradient: load(gradients!), old, isWeight, ...ofMatrix });
    const isFit = body.let(isFinite(now[0]!));
    const kept = now.map((value, store) => {
      if (store === 0) return f32x4.bitselect(value, old[0]!, isFit);
      return plan.update.keepsFinite[store - 1] ? f32x4.bitselect(value, old[store]!, isFinite(value)) : value;
    });
    stores.forEach((address, store) => body.store(i32.add(address, at), kept[store]!));
    const allFit = watched.slice(1).reduce((all, value) => i32x4.and(all, isFinite(value)), isFit as Mask);
    const behind = i32x4.splat(i32.shrU(i32.sub(bytes, at), 2));
    const isInside = i32x4.gtS(behind, i32x4.constants(0, 1, 2, 3));
    body.set(isWrong, i32x4.or(isWrong, i32x4.andnot(isInside, allFit)));
  });
  body.if(i32x4.anyTrue(isWrong), () =>
    body.store(i32.add(read(args, "failed"), i32.shl(place.member, 2)), constant("i32", 1)),
  );
}

/** Writes the end of a step for one member: its loss, its best one, and whether it stops here. */
export function emitFinish({ code, args, record }: UpdateContext, member: Address): void {
  const { body } = code;
  const stopped = body.let(i32.add(read(args, "stopped"), i32.shl(member, 2)));
  const ring = i32.mul(i32.load(record, 4 * turnPlace.ring), read(args, "members"));
  const lossAddress = body.let(i32.add(read(args, "losses"), i32.shl(i32.add(ring, member), 2)));
  const wordOf = (name: "failed" | "bestLosses" | "bestSteps"): Address =>
    body.let(i32.add(read(args, name), i32.shl(member, 2)));
  body.if(
    i32.ne(i32.load(stopped), -1),
    () => body.store(lossAddress, f32.reinterpretI32(0x7fc00000)),
    () => {
      const partials = body.let(i32.add(read(args, "partials"), i32.mul(member, read(args, "partialsMember"))));
      const sliceRows = body.let(read(args, "sliceRows"));
      const rows = i32.add(i32.load(record, 4 * turnPlace.rows), i32.sub(sliceRows, 1));
      // Kahan's sum: what rounding has cost so far is taken off the next value.
      const sum = body.variable("f32", 0);
      const cost = body.variable("f32", 0);
      body.for({ from: 0, to: i32.divU(rows, sliceRows) }, (slice) => {
        const value = body.let(f32.sub(f32.load(i32.add(partials, i32.shl(slice, 2))), cost));
        const next = body.let(f32.add(sum, value));
        body.set(cost, f32.sub(f32.sub(next, sum), value));
        body.set(sum, next);
      });
      const loss = body.let(f32.mul(sum, f32.load(record, 4 * turnPlace.lossScale)));
      const step = body.let(i32.load(record, 4 * turnPlace.step));
      body.store(lossAddress, loss);
      const [failed, best, bestStep] = [wordOf("failed"), wordOf("bestLosses"), wordOf("bestSteps")];
      const isFit = f32.lt(f32.abs(loss), Number.POSITIVE_INFINITY);
      body.if(i32.or(i32.load(failed), i32.eqz(isFit)), () => body.store(stopped, step));
      body.if(f32.lt(loss, f32.load(best)), () => {
        body.store(best, loss);
        body.store(bestStep, step);
      });
    },
  );
}
