import type { ParameterGradient, StepGraph, StepNode } from "./derive.ts";
import { type DenseShape, denseShapesOf } from "./graphNetwork.ts";
import { operandsOf } from "./graph.ts";

/** Where the values of a node lie in the memory of a GPU. */
export type NodePlace =
  | { readonly kind: "input" }
  /** Of a dense node; plane 1 holds values before the activation. */
  | { readonly kind: "dense"; readonly layer: number; readonly plane: 0 | 1 }
  | { readonly kind: "denseInputs"; readonly node: number }
  /** Gradients by the last dense node, one row longer by the sample's loss. */
  | { readonly kind: "lossGradient"; readonly columns: number }
  /** In the one buffer of all row kernels, behind `base` values per sample. */
  | { readonly kind: "arena"; readonly base: number };

/** One dispatch. */
export type Task =
  | { readonly kind: "dense"; readonly layer: DenseShape; readonly input: number }
  /** Nodes that are computed row by row, together. */
  | { readonly kind: "rows"; readonly nodes: readonly number[] }
  | { readonly kind: "loss" }
  | { readonly kind: "denseInputs"; readonly node: number; readonly layer: DenseShape; readonly gradient: number }
  | { readonly kind: "denseWeights"; readonly layer: DenseShape; readonly input: number; readonly gradient: number }
  /** Sums over the batch, by parameters that lie one behind the other. */
  | { readonly kind: "vectors"; readonly offset: number; readonly gradient: number }
  | { readonly kind: "table"; readonly parameter: number; readonly index: number; readonly gradient: number };

/** The dispatches of a network on a GPU, in order, and where every node lies. */
export interface Schedule {
  readonly step: StepGraph;
  /** Nodes of the step, and copies that kernels need. */
  readonly nodes: readonly StepNode[];
  readonly layers: readonly DenseShape[];
  readonly forward: readonly Task[];
  readonly tasks: readonly Task[];
  readonly placeOf: (node: number) => NodePlace;
  /** Values per sample of the buffer of the row kernels. */
  readonly arenaWidth: number;
}

const isView = ({ kind }: StepNode): boolean => kind === "parameter" || kind === "broadcast" || kind === "slice";

/** Why a network cannot be computed on a GPU, in words that follow "got"; undefined where it can. */
export function unscheduled(step: StepGraph): string | undefined {
  const last = denseShapesOf(step).at(-1);
  if (last?.activated === step.forwardCount - 1) return undefined;
  return "a network whose last layer is not dense";
}

class Scheduler {
  readonly #step: StepGraph;
  readonly #nodes: StepNode[];
  readonly #layers: readonly DenseShape[];
  readonly #copies = new Map<number, number>();
  readonly #layerOf = new Map<number, DenseShape>();
  /** Computed by the kernel of a dense node, or by that of the loss. */
  readonly #fused = new Map<number, NodePlace>();
  readonly #lossNodes: readonly number[];

  constructor(step: StepGraph) {
    this.#step = step;
    this.#nodes = [...step.allNodes];
    this.#layers = denseShapesOf(step);
    for (const layer of this.#layers) {
      this.#layerOf.set(layer.node, layer);
      const isActivated = layer.node !== layer.activated;
      this.#fused.set(layer.node, { kind: "dense", layer: layer.index, plane: isActivated ? 1 : 0 });
      if (isActivated) this.#fused.set(layer.activated, { kind: "dense", layer: layer.index, plane: 0 });
    }
    const last = this.#layers.at(-1)!;
    this.#lossNodes = [step.outputGradient, step.gradientOf[last.node]!];
    for (const node of this.#lossNodes) this.#fused.set(node, { kind: "lossGradient", columns: last.fanOut + 1 });
  }

  /** A node whose values lie without gaps: a view is copied. */
  #whole(node: number): number {
    if (!isView(this.#nodes[node]!)) return node;
    const known = this.#copies.get(node);
    if (known !== undefined) return known;
    return this.#copy(node, [node]);
  }

  #copy(key: number, from: readonly number[]): number {
    const width = from.reduce((sum, node) => sum + this.#nodes[node]!.width, 0);
    this.#nodes.push({ kind: "concat", from, width });
    this.#copies.set(key, this.#nodes.length - 1);
    return this.#nodes.length - 1;
  }

  #isProduct(index: number): boolean {
    return this.#fused.has(index) || this.#nodes[index]!.kind === "denseInputs";
  }

  run(): Schedule {
    const products = this.#products();
    const gradients = this.#gradients();
    const stageOf = this.#stages();
    const isForward = (node: number): boolean => node >= 0 && node < this.#step.forwardCount;
    const forwardNodes = new Set([...this.#copies].filter(([key]) => isForward(key)).map(([, copy]) => copy));
    const place = this.#places(stageOf);
    const order = (nodes: readonly number[]): Task[] => this.#ordered(nodes, stageOf, products);
    const all = this.#nodes.map((_, index) => index);
    return {
      step: this.#step,
      nodes: this.#nodes,
      layers: this.#layers,
      forward: order(all.filter((node) => isForward(node) || forwardNodes.has(node))),
      tasks: [...order(all), ...gradients],
      ...place,
    };
  }

  /** The task of each product; views that they read are copied. */
  #products(): Map<number, Task> {
    const tasks = new Map<number, Task>();
    for (const [index, node] of this.#step.allNodes.entries()) {
      if (node.kind === "dense") {
        tasks.set(index, { kind: "dense", layer: this.#layerOf.get(index)!, input: this.#whole(node.from) });
      } else if (node.kind === "denseInputs") {
        const layer = this.#layerOf.get(node.dense)!;
        tasks.set(index, { kind: "denseInputs", node: index, layer, gradient: this.#whole(node.from) });
      } else if (node.kind === "outputGradient") tasks.set(index, { kind: "loss" });
    }
    return tasks;
  }

  /** What sums gradients over the batch; vectors that lie one behind the other are summed together. */
  #gradients(): Task[] {
    const { parameters, parameterGradients } = this.#step;
    const vectors = parameterGradients
      .filter((own): own is ParameterGradient & { kind: "vector" } => own.kind === "vector")
      .toSorted((a, b) => a.parameter - b.parameter);
    const runs: (typeof vectors)[] = [];
    for (const own of vectors) {
      const run = runs.at(-1);
      if (run?.at(-1)!.parameter === own.parameter - 1) run!.push(own);
      else runs.push([own]);
    }
    const sums = runs.map((run): Task => {
      const gradient = this.#copy(
        -1 - run[0]!.parameter,
        run.map((own) => own.gradient),
      );
      return { kind: "vectors", offset: parameters[run[0]!.parameter]!.offset, gradient };
    });
    const others = parameterGradients.flatMap((own): Task[] => {
      if (own.kind === "vector") return [];
      const gradient = this.#whole(own.gradient);
      if (own.kind === "table") {
        const index = this.#copies.get(own.index) ?? this.#copy(own.index, [own.index]);
        return [{ ...own, index, gradient }];
      }
      const layer = this.#layerOf.get(own.dense)!;
      return [{ kind: "denseWeights", layer, input: this.#whole(own.input), gradient }];
    });
    return [...others, ...sums];
  }

  /** A number for each node: nodes computed row by row share one with what they read, all others come behind it. */
  #stages(): number[] {
    const stages: number[] = [];
    const stageOf = (index: number): number => {
      const known = stages[index];
      if (known !== undefined) return known;
      const node = this.#nodes[index]!;
      const isRow = !this.#isProduct(index) && !isView(node) && node.kind !== "input";
      const operands = node.kind === "outputGradient" ? [this.#step.forwardCount - 1] : operandsOf(node);
      const read = operands.map((operand) => {
        const base = this.#baseOf(operand);
        const behind = isRow && this.#isRow(base) ? 0 : 1;
        return base === undefined ? 1 : stageOf(base) + behind;
      });
      // The activation of a dense node, and the gradient that the loss computes, belong to the same dispatch.
      const fused = this.#fused.has(index) && this.#isSecond(index);
      stages[index] = fused ? Math.max(...operands.map(stageOf)) : Math.max(0, ...read);
      return stages[index];
    };
    for (const index of this.#nodes.keys()) stageOf(index);
    return stages;
  }

  #isSecond(index: number): boolean {
    if (index === this.#lossNodes[1]) return index !== this.#lossNodes[0];
    return this.#layers.some(({ node, activated }) => activated === index && node !== index);
  }

  #isRow(base: number | undefined): boolean {
    return base !== undefined && !this.#isProduct(base) && this.#nodes[base]!.kind !== "input";
  }

  /** The node whose values a view shows; undefined for parameters. */
  #baseOf(index: number): number | undefined {
    const node = this.#nodes[index]!;
    if (node.kind === "parameter") return undefined;
    return node.kind === "broadcast" || node.kind === "slice" ? this.#baseOf(node.from) : index;
  }

  #ordered(nodes: readonly number[], stageOf: readonly number[], products: ReadonlyMap<number, Task>): Task[] {
    const last = Math.max(...nodes.map((node) => stageOf[node]!));
    return Array.from({ length: last + 1 }, (_, stage) => stage).flatMap((stage) => {
      const own = nodes.filter((node) => stageOf[node] === stage);
      const rows = own.filter((node) => !isView(this.#nodes[node]!) && this.#isRow(node));
      const tasks = own.flatMap((node) => products.get(node) ?? []);
      return rows.length > 0 ? [{ kind: "rows", nodes: rows } as const, ...tasks] : tasks;
    });
  }

  #places(stageOf: readonly number[]): Pick<Schedule, "placeOf" | "arenaWidth"> {
    const bases = new Map<number, number>();
    let arenaWidth = 0;
    for (const index of stageOf.keys()) {
      if (isView(this.#nodes[index]!) || !this.#isRow(index)) continue;
      bases.set(index, arenaWidth);
      arenaWidth += this.#nodes[index]!.width;
    }
    const placeOf = (index: number): NodePlace => {
      const fused = this.#fused.get(index);
      if (fused) return fused;
      const node = this.#nodes[index]!;
      if (node.kind === "input") return { kind: "input" };
      return node.kind === "denseInputs"
        ? { kind: "denseInputs", node: index }
        : { kind: "arena", base: bases.get(index)! };
    };
    return { placeOf, arenaWidth };
  }
}

const schedules = new WeakMap<StepGraph, Schedule>();

/** The dispatches of a step; see `unscheduled` for networks that have none. */
export function scheduleOf(step: StepGraph): Schedule {
  const known = schedules.get(step) ?? new Scheduler(step).run();
  schedules.set(step, known);
  return known;
}
