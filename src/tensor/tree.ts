import { InvalidInput } from "../errors.ts";
import { Tensor } from "./tensor.ts";

/** True for arrays and for objects that are nothing but their properties. */
function isBranch(value: unknown): value is Record<string, unknown> {
  if (Array.isArray(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Every tensor in arrays and plain objects, in order; whatever else there is is passed over. */
export const tensorsIn = (value: unknown): Tensor[] => namedTensors(value).map(({ tensor }) => tensor);

/** Every tensor in arrays and plain objects with its name in them: `[0].weights`. */
export function namedTensors(value: unknown, name = ""): { name: string; tensor: Tensor }[] {
  if (value instanceof Tensor) return [{ name, tensor: value }];
  if (!isBranch(value)) return [];
  const nameOf = (key: string): string => (Array.isArray(value) ? `${name}[${key}]` : name ? `${name}.${key}` : key);
  return Object.entries(value).flatMap(([key, one]) => namedTensors(one, nameOf(key)));
}

/**
 * The same arrays and objects with another tensor for each.
 * @throws InvalidInput where something in them is no tensor
 */
export function mapTensors<T>(place: string, tree: T, change: (tensor: Tensor) => Tensor): T {
  const map = (value: unknown): unknown => {
    if (value instanceof Tensor) return change(value);
    if (Array.isArray(value)) return value.map(map);
    if (isBranch(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, map(one)]));
    const fix = "pass other values in another argument, or capture them in the function";
    throw new InvalidInput({ place, expected: "tensors, or arrays and objects of tensors", got: typeof value, fix });
  };
  return map(tree) as T;
}

/** Frees a tensor, or every tensor in arrays and plain objects. */
export function dispose(tree: object): void {
  for (const tensor of tensorsIn(tree)) tensor.dispose();
}

/** The tensors of a tree, and what else it consists of: kinds and keys in order, to be compared one by one. */
export interface Structure {
  readonly tensors: Tensor[];
  readonly structure: unknown[];
}

/** @throws InvalidInput where something in the tree is no tensor */
export function structureOf(place: string, tree: unknown, into: Structure = { tensors: [], structure: [] }): Structure {
  const { tensors, structure } = into;
  if (tree instanceof Tensor) {
    structure.push(0);
    tensors.push(tree);
  } else if (isBranch(tree)) {
    const keys = Object.keys(tree);
    structure.push(Array.isArray(tree) ? 1 : 2, keys.length);
    for (const key of keys) {
      if (!Array.isArray(tree)) structure.push(key);
      structureOf(place, tree[key], into);
    }
  } else {
    const fix = "pass a number that changes as a tensor; one that never changes can come from around the function";
    throw new InvalidInput({ place, expected: "tensors, or arrays and objects of tensors", got: typeof tree, fix });
  }
  return into;
}
