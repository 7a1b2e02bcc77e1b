import { InvalidInput } from "../errors.ts";
import { requireInteger } from "../graph/network.ts";
import { showShape } from "../backend/shape.ts";
import { add, cast } from "./arithmetic.ts";
import { accumulateInto } from "./compute.ts";
import { hold, withTape, isRecording, leafOf, type Node, nodeOf, recording, release } from "./tape.ts";
import { inScope, isFromScope, keepingResult } from "./scope.ts";
import { isAlone, ones, Tensor, zeros } from "./tensor.ts";
import { requireSynchronous } from "./tidy.ts";
import { mapTensors, tensorsIn } from "./tree.ts";

/** Nodes through which a value depends on leaves, from the value backwards. */
function nodesBetween(value: Node, leaves: ReadonlySet<Node>): Set<Node> {
  const first = Math.min(...[...leaves].map(({ order }) => order));
  const found = new Set<Node>([value]);
  const waiting = [value];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (leaves.has(node)) continue; // what lies behind it belongs to an outer function
    for (const input of node.inputs) {
      if (!input || input.order < first || found.has(input)) continue;
      found.add(input);
      waiting.push(input);
    }
  }
  const matters = new Set<Node>(leaves);
  const ascending = [...found].sort((a, b) => a.order - b.order);
  for (const node of ascending) if (node.inputs.some((input) => input && matters.has(input))) matters.add(node);
  return new Set(ascending.filter((node) => matters.has(node)).toReversed());
}

/** Gradients by node, each a sum of contributions. */
class Gradients {
  readonly #byNode = new Map<Node, Tensor>();

  take(node: Node): Tensor | undefined {
    const gradient = this.#byNode.get(node);
    this.#byNode.delete(node);
    return gradient;
  }

  /** Adds in place where nobody else sees the sum. */
  contribute(node: Node, contribution: Tensor): void {
    const before = this.#byNode.get(node);
    if (!before) {
      this.#byNode.set(node, contribution);
    } else if (!isRecording() && isAlone(before) && before.dtype === contribution.dtype) {
      accumulateInto(before, contribution);
      contribution.dispose();
    } else {
      this.#byNode.set(node, add(before, contribution));
      before.dispose();
      contribution.dispose();
    }
  }
}

/** Computes the gradient for one input; intermediate tensors are freed. */
function contributionOf(node: Node, index: number, dOutput: Tensor): Tensor {
  return keepingResult(() => {
    const contribution = node.gradients[index]!(dOutput);
    return isFromScope(contribution) ? contribution : hold(contribution);
  });
}

/** Gradients of a value by leaves; undefined for a leaf that it does not depend on. */
function backpropagate(value: Tensor, leaves: readonly Node[]): (Tensor | undefined)[] {
  const root = nodeOf(value);
  if (!root) return leaves.map(() => undefined);
  const ends = new Set(leaves);
  const gradients = new Gradients();
  const results = new Map<Node, Tensor>();
  gradients.contribute(root, ones(value.device, value.shape, { dtype: value.dtype }));
  const path = nodesBetween(root, ends);
  for (const node of path) {
    const dOutput = gradients.take(node);
    if (!dOutput) continue;
    if (ends.has(node)) {
      results.set(node, dOutput);
      continue;
    }
    for (const [index, input] of node.inputs.entries()) {
      if (input && path.has(input)) gradients.contribute(input, contributionOf(node, index, dOutput));
    }
    dOutput.dispose();
    if (!isRecording()) release(node);
  }
  return leaves.map((leaf) => results.get(leaf));
}

function requireScalar(place: string, value: unknown): asserts value is Tensor {
  requireSynchronous(place, value);
  if (value instanceof Tensor && value.size === 1) return;
  const got = value instanceof Tensor ? `the shape ${showShape(value.shape)}` : typeof value;
  const fix = "return the loss itself: sum or mean the tensor";
  throw new InvalidInput({ place, expected: "a function that returns a tensor of one value", got, fix });
}

interface Differentiated {
  readonly value: Tensor;
  readonly gradients: readonly unknown[];
}

type AnyFunction = (...args: unknown[]) => unknown;

/** A function's value, and its gradients by the arguments of these numbers. */
function differentiate(
  place: string,
  f: AnyFunction,
  numbers: readonly number[],
  args: readonly unknown[],
): Differentiated {
  for (const number of numbers) requireInteger(`${place}: number of an argument`, number, 0, args.length - 1);
  const leaves: { leaf: Tensor; node: Node }[] = [];
  const mark = (tensor: Tensor): Tensor => {
    leaves.push(leafOf(tensor));
    return leaves.at(-1)!.leaf;
  };
  const marked = args.map((arg) => arg);
  for (const number of numbers) marked[number] = mapTensors(`${place}: argument ${number}`, args[number], mark);
  // Tensors of f are freed before backward, except those that gradients keep.
  const value = recording(() => inScope(() => f(...marked), tensorsIn));
  requireScalar(place, value);
  const found = backpropagate(
    value,
    leaves.map(({ node }) => node),
  );
  const gradients = leaves.map(({ leaf: { device, shape, dtype } }, at) => {
    const gradient = found[at] ?? zeros(device, shape, { dtype });
    return gradient.dtype === dtype ? gradient : cast(gradient, dtype); // f16 on its way may have become f32
  });
  const inOrder = gradients.values();
  const trees = numbers.map((number) => mapTensors(place, args[number], () => inOrder.next().value!));
  return { value: isFromScope(value) ? value : hold(value), gradients: trees };
}

function differentiated(
  place: string,
  f: unknown,
  numbers: readonly number[],
  args: readonly unknown[],
): Differentiated {
  if (typeof f !== "function") {
    throw new InvalidInput({ place, expected: "a function", got: typeof f, fix: "pass a function of tensors" });
  }
  const work = (): Differentiated => differentiate(place, f as AnyFunction, numbers, args);
  return withTape(() => inScope(work, ({ value, gradients }) => [value, ...tensorsIn(gradients)]));
}

/** Gradients by the arguments of these numbers. */
export type GradientsBy<A extends readonly unknown[], N extends readonly number[]> = {
  -readonly [I in keyof N]: A[N[I]];
};

/**
 * The gradient of a function: another function, of the same arguments, that returns the gradient by the first one, in its shape:
 * a tensor, or arrays and plain objects of tensors. With `argumentNumbers` it returns a list of gradients by those arguments.
 * Tensors made inside the function are freed automatically. Can be nested for second-order gradients.
 * @param f of tensors, made of the operations here; returns a tensor of one value, and is not asynchronous
 * @throws InvalidInput where it returns anything else
 */
export function grad<First, Rest extends unknown[]>(
  f: (first: First, ...rest: Rest) => Tensor,
): (first: First, ...rest: Rest) => First;
export function grad<A extends unknown[], const N extends readonly number[]>(
  f: (...args: A) => Tensor,
  argumentNumbers: N,
): (...args: A) => GradientsBy<A, N>;
export function grad(f: unknown, argumentNumbers?: readonly number[]): unknown {
  return (...args: unknown[]) => {
    const { value, gradients } = differentiated("grad", f, argumentNumbers ?? [0], args);
    value.dispose();
    return argumentNumbers ? gradients : gradients[0];
  };
}

/**
 * Like `grad`, and also returns the value of the function.
 */
export function valueAndGrad<First, Rest extends unknown[]>(
  f: (first: First, ...rest: Rest) => Tensor,
): (first: First, ...rest: Rest) => { value: Tensor; gradient: First };
export function valueAndGrad<A extends unknown[], const N extends readonly number[]>(
  f: (...args: A) => Tensor,
  argumentNumbers: N,
): (...args: A) => { value: Tensor; gradient: GradientsBy<A, N> };
export function valueAndGrad(f: unknown, argumentNumbers?: readonly number[]): unknown {
  return (...args: unknown[]) => {
    const { value, gradients } = differentiated("valueAndGrad", f, argumentNumbers ?? [0], args);
    return { value, gradient: argumentNumbers ? gradients : gradients[0] };
  };
}
