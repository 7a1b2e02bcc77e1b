import type { FloatArray, Trace } from "../backend/executor.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Network } from "../graph/network.ts";
import type { Meaning } from "./activationFormulas.ts";
import { type Condition, type Expression, type Leaf, withNumbers } from "./expression.ts";
import type { NodeNames } from "./names.ts";

export interface StepOptions<Architecture extends AnyNetwork = Network> {
  readonly network: Architecture;
  /** One step of plain gradient descent on one row with one member, in float64. */
  readonly reference: Trace;
  /** The same step by the device, in float32. */
  readonly device?: Trace;
  /** [network.inputs]. */
  readonly input: FloatArray;
  /** [network.outputs]. */
  readonly target: FloatArray;
  readonly learningRate: number;
  readonly names?: Partial<NodeNames>;
}

/** The parts of one training step, in their order. */
export type StepSection = "given" | "forward" | "loss" | "factors" | "gradients" | "update";

/** One quantity of the step: `quantity relation formula = (chain =) numbers = result`. */
export interface StepLine {
  readonly section: StepSection;
  /** Index of the layer that forward sums and derivative factors belong to. */
  readonly layer?: number;
  /** Heading of the page that it stands on, and what functions there stand for; default by section and layer. */
  readonly page?: { readonly title: string; readonly meaning?: Meaning };
  readonly quantity: Leaf;
  readonly relation: "=" | "←";
  /** Absent for what is given. */
  readonly formula?: Expression;
  /** ∂L/∂w written out from the loss to the weight, where that is short enough to read. */
  readonly chain?: Expression;
  /** The last formula with every symbol replaced by its value. */
  readonly numbers?: Expression;
  /** Names the branch that the formula holds in. */
  readonly condition?: Condition;
  /** What a given number belongs to: `x1 → h1`. */
  readonly note?: string;
  /** In float64. */
  readonly result: number;
  /** By the device, in float32; absent for factors that it does not keep. */
  readonly deviceResult?: number;
}

type Where = Pick<StepLine, "section" | "page" | "layer" | "relation" | "chain" | "condition" | "note">;

/** Completes a line: the numbers follow from the formula, the device's value from the trace where it has one. */
export function lineOf(where: Partial<Where>, quantity: Leaf, formula?: Expression, deviceResult?: number): StepLine {
  const { section = "given", relation = "=", ...rest } = where;
  const last = where.chain ?? formula;
  return {
    section,
    relation,
    ...rest,
    quantity,
    ...(formula && { formula }),
    ...(last && { numbers: withNumbers(last) }),
    result: quantity.value,
    ...(deviceResult !== undefined && { deviceResult }),
  };
}
