import { BadFile, InvalidInput } from "../errors.ts";
import type { FloatArray } from "../backend/executor.ts";
import type { Tensor } from "./safetensors.ts";

// Any plain value of a program as JSON and tensors: numbers that are many become tensors, to every bit; the rest is JSON. Whoever adds a
// field to such a value has nothing to add here.

/** Stands in the JSON for what JSON does not have. */
const mark = "$";
/** Numbers of a list that are worth a tensor. */
const shortList = 16;
/** Deeper values than this are none of ours. */
const mostDepth = 32;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Tree = Readonly<Record<string, unknown>>;

/** A value as it is written. */
export interface SplitTree {
  readonly json: string;
  /** By where they are in the value: "checkpoint.moments". */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const isFloats = (value: unknown): value is FloatArray =>
  value instanceof Float32Array || value instanceof Float64Array;

function isTree(value: unknown): value is Tree {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** [2, 3] of a list of two lists of three numbers each; undefined where it is not as regular. */
function shapeOf(list: readonly unknown[], depth = 0): number[] | undefined {
  if (list.length === 0 || depth > 8) return undefined;
  if (list.every((value) => typeof value === "number")) return [list.length];
  if (!list.every((value): value is readonly unknown[] => Array.isArray(value))) return undefined;
  const shapes = list.map((value) => shapeOf(value, depth + 1));
  const text = String(shapes[0]);
  return shapes[0] && shapes.every((shape) => shape && String(shape) === text)
    ? [list.length, ...shapes[0]]
    : undefined;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Lists of objects with the same keys are kept column by column. */
function columnsOf(list: readonly unknown[]): Record<string, unknown[]> | undefined {
  if (list.length < shortList || !list.every(isTree)) return undefined;
  const keys = Object.keys(list[0] as Tree);
  if (!list.every((row) => Object.keys(row).join("\0") === keys.join("\0"))) return undefined;
  return Object.fromEntries(keys.map((key) => [key, (list as Tree[]).map((row) => row[key])]));
}

function fault(place: string, got: string): InvalidInput {
  const fix = "leave it out, or write it as plain objects, lists, numbers, texts and Float32Array or Float64Array";
  return new InvalidInput({ place: `encodeCheckpoint: ${place}`, expected: "plain data", got, fix });
}

class Splitter {
  readonly tensors = new Map<string, Tensor>();

  split(value: unknown, place: string, depth = 0): Json {
    if (depth > mostDepth) throw fault(place, "data of too many levels");
    if (value === null || typeof value === "boolean" || typeof value === "string") return value;
    if (typeof value === "number")
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { [mark]: "number", text: Object.is(value, -0) ? "-0" : String(value) };
    if (value === undefined) return { [mark]: "undefined" };
    if (isFloats(value)) return this.#tensor(place, "floats", { shape: [value.length], values: value });
    if (Array.isArray(value)) return this.#list(value, place, depth);
    if (isTree(value)) return this.#object(value, place, depth);
    throw fault(place, typeof value === "object" ? "an object of a class" : typeof value);
  }

  #tensor(name: string, kind: "floats" | "numbers", tensor: Tensor): Json {
    if (this.tensors.has(name)) throw fault(name, "two values of one name");
    this.tensors.set(name, tensor);
    return { [mark]: kind };
  }

  #list(list: readonly unknown[], place: string, depth: number): Json {
    const shape = shapeOf(list);
    if (shape && sizeOf(shape) >= shortList) {
      const values = Float64Array.from(list.flat(shape.length) as number[]);
      return this.#tensor(place, "numbers", { shape, values });
    }
    const columns = columnsOf(list);
    if (columns) return { [mark]: "rows", count: list.length, columns: this.split(columns, place, depth + 1) };
    return list.map((value, index) => this.split(value, `${place}.${index}`, depth + 1));
  }

  #object(value: Tree, place: string, depth: number): Json {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    const odd = keys.find((key) => key === mark || key === "__proto__");
    if (odd !== undefined) throw fault(place, `the key ${JSON.stringify(odd)}`);
    return Object.fromEntries(
      keys.map((key) => [key, this.split(value[key], place === "" ? key : `${place}.${key}`, depth + 1)]),
    );
  }
}

/** Takes plain data apart. @throws InvalidInput on functions and objects of classes */
export function splitTree(value: Tree): SplitTree {
  const splitter = new Splitter();
  return { json: JSON.stringify(splitter.split(value, "")), tensors: splitter.tensors };
}

const specialNumbers: ReadonlyMap<unknown, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["-0", -0],
]);

function nest(values: FloatArray, shape: readonly number[]): unknown[] {
  const [length = 0, ...rest] = shape;
  if (rest.length === 0) return [...values];
  const size = sizeOf(rest);
  return Array.from({ length }, (_, index) => nest(values.subarray(index * size, (index + 1) * size), rest));
}

class Joiner {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #file: string;
  readonly used = new Set<string>();

  constructor(tensors: ReadonlyMap<string, Tensor>, file: string) {
    this.#tensors = tensors;
    this.#file = file;
  }

  #fault(place: string, expected: string, got: string): BadFile {
    const fix = "the file is damaged: resume from another checkpoint";
    return new BadFile({ place: place === "" ? this.#file : `${this.#file}: ${place}`, expected, got, fix });
  }

  join(json: unknown, place: string, depth = 0): unknown {
    if (depth > mostDepth) throw this.#fault(place, `at most ${mostDepth} levels`, "more");
    if (typeof json !== "object" || json === null) return json;
    if (Array.isArray(json)) return json.map((value, index) => this.join(value, `${place}.${index}`, depth + 1));
    const object = json as Tree;
    if (Object.hasOwn(object, mark)) return this.#marked(object, place, depth);
    const entries = Object.entries(object);
    if (entries.some(([key]) => key === "__proto__")) throw this.#fault(place, "other keys", '"__proto__"');
    return Object.fromEntries(
      entries.map(([key, value]) => [key, this.join(value, place === "" ? key : `${place}.${key}`, depth + 1)]),
    );
  }

  #marked(object: Tree, place: string, depth: number): unknown {
    const kind = object[mark];
    if (kind === "undefined") return undefined;
    if (kind === "number" && specialNumbers.has(object["text"])) return specialNumbers.get(object["text"]);
    if (kind === "floats") return this.#tensorOf(place).values;
    if (kind === "numbers") {
      const { values, shape } = this.#tensorOf(place);
      return nest(values, shape);
    }
    if (kind === "rows") return this.#rows(object, place, depth);
    throw this.#fault(place, "data of a checkpoint", JSON.stringify(kind ?? null).slice(0, 60));
  }

  #tensorOf(place: string): Tensor {
    const tensor = this.#tensors.get(place);
    if (!tensor) throw this.#fault(place, "a tensor", "none");
    this.used.add(place);
    return tensor;
  }

  #rows({ count, columns }: Tree, place: string, depth: number): unknown[] {
    const joined = this.join(columns, place, depth + 1) as Record<string, unknown>;
    const lists = Object.entries(joined ?? {});
    const isWhole = lists.length > 0 && lists.every(([, list]) => Array.isArray(list) && list.length === count);
    if (!isWhole) throw this.#fault(place, "columns of one length", "others");
    return Array.from({ length: count as number }, (_, row) =>
      Object.fromEntries(lists.map(([key, list]) => [key, (list as unknown[])[row]])),
    );
  }
}

/**
 * Puts together what `splitTree` took apart.
 * @param file what messages call the file
 * @throws BadFile on anything that `splitTree` does not write
 */
export function joinTree({ json, tensors }: SplitTree, file: string): unknown {
  const joiner = new Joiner(tensors, file);
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    const fix = "the file is damaged: resume from another checkpoint";
    throw new BadFile({ place: file, expected: "valid JSON", got: JSON.stringify(json.slice(0, 60)), fix, cause });
  }
  const value = joiner.join(parsed, "");
  const extra = [...tensors.keys()].find((name) => !joiner.used.has(name));
  if (extra === undefined) return value;
  const fix = "the file is damaged: resume from another checkpoint";
  throw new BadFile({ place: file, expected: "tensors that the state names", got: JSON.stringify(extra), fix });
}
