// Functions that were traced: which program a call runs, and who owns what it returns.

import { InvalidInput } from "../errors.ts";
import { runnableProgram } from "../backend/runnableProgram.ts";
import {
  type PlacedResult,
  type Program,
  type ProgramOutput,
  resultValues,
  type RunnableProgram,
} from "../backend/program.ts";
import { sameShape, showShape } from "../backend/shape.ts";
import type { TensorBackend } from "../backend/tensorBackend.ts";
import { inScope } from "./scope.ts";
import { backendOf, releaseStorage, type Storage, tracing } from "./storage.ts";
import { isRecording } from "./tape.ts";
import { oneDevice } from "./compute.ts";
import { partsOf, type Tensor, tensorOver } from "./tensor.ts";
import { requireSynchronous } from "./tidy.ts";
import { TracingBackend } from "./tracer.ts";
import { mapTensors, structureOf } from "./tree.ts";

/** A function of tensors that was traced and runs as a whole. */
export interface Compiled<A extends readonly unknown[], R> {
  (...args: A): R;
  /** Frees what it holds on devices; results stay. It may be called again, and is traced again. */
  dispose(): void;
}

type AnyFunction = (...args: never[]) => unknown;

/** Programs of a function that are kept; the one that was not called for longest goes first. */
const mostPrograms = 32;

/** Key of a program: what its calls must have in common. */
interface Signature {
  /** Kinds and keys of arrays and objects, in order. */
  readonly structure: readonly unknown[];
  readonly tensors: readonly Tensor[];
}

/** Results of the last call that lie where the next call writes. */
interface Home {
  readonly storage: Storage;
  readonly place: PlacedResult;
  readonly size: number;
  /** Number of the argument in whose place it is; −1 where it is in none. */
  readonly argument: number;
}

const nothing = (): void => {};

/** A program with what is alive of it. */
class TracedFunction {
  readonly #structure: readonly unknown[];
  readonly #shapes: readonly (readonly number[])[];
  readonly #types: readonly string[];
  readonly #program: Program;
  readonly #runnable: RunnableProgram;
  readonly #captured: ReadonlySet<Storage>;
  readonly #result: unknown;
  readonly #resultPlaces: readonly number[];
  readonly #resultSizes: readonly number[];
  /** Arguments in whose places results are, as far as it was asked. */
  readonly #arguments: number[] = [];
  readonly #backend: TensorBackend;
  readonly #homes: Home[] = [];

  constructor(f: AnyFunction, args: readonly unknown[], signature: Signature, donate: readonly number[]) {
    const { tensors, structure } = signature;
    this.#structure = structure;
    this.#shapes = tensors.map(({ shape }) => [...shape]);
    this.#types = tensors.map(({ dtype }) => dtype);
    const traced = trace(f, args, tensors, donate);
    this.#program = traced.program;
    this.#captured = traced.captured;
    this.#result = traced.result;
    const values = resultValues(this.#program);
    this.#resultPlaces = this.#program.outputs.map(({ value }) => values.indexOf(value));
    this.#resultSizes = values.map(({ size }) => size);
    this.#backend = backendOf("compile", this.#program.device);
    try {
      this.#runnable = runnableProgram(this.#program);
    } catch (error) {
      this.#captured.forEach(releaseStorage);
      throw error;
    }
  }

  fits({ structure, tensors }: Signature): boolean {
    return (
      tensors.length === this.#shapes.length &&
      structure.length === this.#structure.length &&
      structure.every((one, index) => one === this.#structure[index]) &&
      tensors.every(
        ({ shape, dtype, device }, index) =>
          sameShape(shape, this.#shapes[index]!) && dtype === this.#types[index] && device === this.#program.device,
      )
    );
  }

  call(tensors: readonly Tensor[]): unknown {
    const parts = tensors.map((tensor) => partsOf(tensor, "compile"));
    this.#leaveHomes(parts);
    const results = this.#runnable.run(
      parts.map(({ storage, offset }) => ({
        buffer: storage.buffer,
        offset: (storage.first ?? 0) + offset,
        identity: storage,
      })),
    );
    for (const [index, tensor] of tensors.entries()) if (this.#program.donated[index]) tensor.dispose();
    return this.#resultOver(results);
  }

  /**
   * Moves results of the last call that are held out of the way of the next, but for those that it takes as the arguments whose places they
   * are in.
   */
  #leaveHomes(parts: readonly { readonly storage: Storage; readonly offset: number }[]): void {
    for (const { storage, place, size, argument } of this.#homes) {
      const part = parts[argument];
      const isConsumed = part?.storage === storage && part.offset === 0 && storage.holders === 1;
      if (storage.holders === 0 || isConsumed) continue;
      const { buffer } = this.#runnable.moved(place, size);
      Object.assign(storage, { buffer, first: 0, free: undefined });
    }
    this.#homes.length = 0;
  }

  #resultOver(results: readonly PlacedResult[]): unknown {
    const { device, outputs } = this.#program;
    const storages = results.map((place, index): Storage => {
      const { buffer, offset: first, isHome } = place;
      const storage: Storage = { device, backend: this.#backend, buffer, first, holders: 0, free: undefined };
      if (!isHome) return storage;
      storage.free = nothing;
      this.#homes.push({ storage, place, size: this.#resultSizes[index]!, argument: this.#argumentAt(index, place) });
      return storage;
    });
    let at = 0;
    return mapTensors("compile", this.#result, () => {
      const { offset, shape, value } = outputs[at]!;
      const storage = storages[this.#resultPlaces[at++]!]!;
      storage.holders++;
      return tensorOver(storage, shape, { dtype: value.dtype, label: "compiled", offset });
    });
  }

  /** Number of the argument in whose place a result is; −1 where it is in none. */
  #argumentAt(result: number, place: PlacedResult): number {
    const known = this.#arguments[result];
    if (known !== undefined) return known;
    const found = this.#program.arguments.findIndex((_, index) => this.#runnable.isHome(index, place));
    this.#arguments[result] = found;
    return found;
  }

  dispose(): void {
    this.#leaveHomes([]);
    this.#runnable.dispose();
    this.#captured.forEach(releaseStorage);
  }
}

interface Trace {
  readonly program: Program;
  readonly captured: ReadonlySet<Storage>;
  /** What the function returned, whose tensors only mark places. */
  readonly result: unknown;
}

/** Runs a function on tensors without values, and notes what it does. */
function trace(f: AnyFunction, args: readonly unknown[], tensors: readonly Tensor[], donate: readonly number[]): Trace {
  const { device } = tensors[0]!;
  const backend = new TracingBackend(backendOf("compile", device));
  const values = tensors.map(({ size, dtype }, index) => backend.newValue(size, dtype, { kind: "argument", index }));
  const outputs: ProgramOutput[] = [];
  let at = 0;
  const standIn = ({ shape, dtype, label }: Tensor): Tensor => {
    const storage: Storage = { device, backend, buffer: backend.bufferOf(values[at++]!), holders: 1 };
    return tensorOver(storage, shape, { dtype, label });
  };
  tracing.tracer = backend;
  try {
    const result = inScope(
      () => {
        const returned = f(...(args.map((arg) => mapTensors("compile", arg, standIn)) as never[]));
        requireSynchronous("compile", returned);
        return mapTensors("compile: result", returned, (tensor) => {
          const { storage, offset, dtype, shape } = partsOf(tensor, "compile: result");
          backend.meet(storage, offset, shape);
          const stored = { buffer: storage.buffer, dtype, offset: (storage.first ?? 0) + offset };
          const { buffer: value, offset: first } = backend.computed(backend.stored(stored), tensor.size);
          outputs.push({ value, offset: first, shape: [...shape] });
          return tensor;
        });
      },
      () => [],
    );
    const donated = args.flatMap((arg, index) => countTensors(arg).map(() => donate.includes(index)));
    return {
      program: { device, operations: backend.operations, arguments: values, donated, outputs },
      captured: backend.captured,
      result,
    };
  } catch (error) {
    backend.captured.forEach(releaseStorage);
    throw error;
  } finally {
    tracing.tracer = undefined;
  }
}

const countTensors = (tree: unknown): Tensor[] => structureOf("compile", [tree]).tensors;

function requireArguments({ tensors }: Signature): void {
  if (tensors.length === 0) {
    const fix = "pass at least one tensor: a function of none has one value";
    throw new InvalidInput({ place: "compile", expected: "a tensor among the arguments", got: "none", fix });
  }
  const { device } = tensors[0]!;
  const other = tensors.find((tensor) => tensor.device !== device);
  if (!other) return;
  const got = `${showShape(tensors[0]!.shape)} on ${device.name} and ${showShape(other.shape)} on ${other.device.name}`;
  throw new InvalidInput({ place: "compile", expected: oneDevice, got, fix: "make all arguments on the same device" });
}

/** See `compile`. */
export function compiledFunction<A extends readonly unknown[], R>(
  f: (...args: A) => R,
  donate: readonly number[],
): Compiled<A, R> {
  const programs: TracedFunction[] = [];
  const call = (...args: A): R => {
    if (isRecording() || tracing.tracer) return f(...args);
    const signature = structureOf("compile", args);
    requireArguments(signature);
    let found = programs.find((program) => program.fits(signature));
    if (!found) {
      found = new TracedFunction(f as unknown as AnyFunction, args, signature, donate);
      if (programs.unshift(found) > mostPrograms) programs.pop()!.dispose();
    }
    return found.call(signature.tensors) as R;
  };
  const dispose = (): void => {
    for (const program of programs.splice(0)) program.dispose();
  };
  return Object.assign(call, { dispose });
}
