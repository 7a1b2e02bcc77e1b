import { placesOf, type Places } from "./arenas.ts";
import { deriveStep, type ParameterGradient, type StepGraph } from "./derive.ts";
import { type AnyNetwork, type DenseShape, denseShapesOf, graphOf } from "./graphNetwork.ts";
import { operandsOf, readersOf } from "./graph.ts";
import { baseOf, isView, readsOf, type Residual, type ScheduledNode, type Task } from "./tasks.ts";

/** The dispatches of a network on a GPU, in order, and where every node lies. */
export interface Schedule extends Places {
  readonly step: StepGraph;
  /** Nodes of the step, and copies that kernels need. */
  readonly nodes: readonly ScheduledNode[];
  readonly layers: readonly DenseShape[];
  /** The node of the network's output, without gaps. */
  readonly output: number;
  readonly forward: readonly Task[];
  readonly tasks: readonly Task[];
  /** Whether a task reads the data. */
  readonly readsData: boolean;
}

/** The other operand of a sum of two vectors; undefined where the node is no such sum, or the operand is a view or the input. */
function addedTo(nodes: readonly ScheduledNode[], sum: number, operand: number): number | undefined {
  const node = nodes[sum]!;
  if (node.kind !== "elementwise" || node.from.length !== 2) return undefined;
  const { primitive, operands } = node.expression;
  const isSum = primitive === "add" && operands.every(({ kind }) => kind === "input") && operands[0] !== operands[1];
  const added = node.from.find((each) => each !== operand);
  if (!isSum || added === undefined) return undefined;
  const { kind, width } = nodes[added]!;
  return kind !== "input" && width === node.width && !isView(nodes[added]!) ? added : undefined;
}

class Scheduler {
  readonly #step: StepGraph;
  readonly #nodes: ScheduledNode[];
  readonly #layers: readonly DenseShape[];
  readonly #layerOf: ReadonlyMap<number, DenseShape>;
  readonly #copies = new Map<number, number>();
  /** Nodes that the kernel of another node computes: activations and their slopes. */
  readonly #computedBy = new Map<number, number>();
  readonly #belowOf = new Map<number, DenseShape>();
  /** The sum that the kernel of a dense node computes as well, by that node. */
  readonly #residualOf = new Map<number, Residual>();
  /** The layer whose gradient carries the loss of each sample as one more column, and whose bias is the last parameter. */
  readonly #lossLayer: DenseShape | undefined;
  readonly #sampleLoss: number | undefined;
  readonly #output: number;
  readonly #stages: number[] = [];

  constructor(step: StepGraph) {
    this.#step = step;
    this.#nodes = [...step.allNodes];
    this.#layers = denseShapesOf(step);
    this.#layerOf = new Map(this.#layers.map((layer) => [layer.node, layer]));
    for (const { node, activated } of this.#layers) if (node !== activated) this.#computedBy.set(activated, node);
    this.#fuseResiduals();
    this.#lossLayer = this.#layers.find(
      ({ node, activated }) => activated === step.forwardCount - 1 && step.gradientOf[node] !== undefined,
    );
    this.#sampleLoss = this.#lossLayer ? undefined : this.#nodes.push({ kind: "sampleLoss", width: 1 }) - 1;
    const byLoss = this.#lossLayer ? step.gradientOf[this.#lossLayer.node]! : this.#sampleLoss!;
    if (byLoss !== step.outputGradient) this.#computedBy.set(byLoss, step.outputGradient);
    for (const [index, node] of step.allNodes.entries()) {
      if (node.kind === "denseInputs") this.#fuseSlope(index, this.#layerOf.get(node.dense)!);
    }
    this.#output = this.#whole(step.forwardCount - 1);
  }

  /** Lets the kernel of a layer compute the sum of a residual connection, where only that sum reads the activation. */
  #fuseResiduals(): void {
    const readers = readersOf({ nodes: this.#nodes });
    for (const { node, activated } of this.#layers) {
      const [sum, ...others] = readers[activated]!;
      if (sum === undefined || others.length > 0 || this.#computedBy.has(sum)) continue;
      const added = addedTo(this.#nodes, sum, activated);
      if (added === undefined) continue;
      this.#residualOf.set(node, { sum, added });
      this.#computedBy.set(sum, node);
    }
  }

  /** Lets the kernel of the gradient by a layer's inputs compute the gradient by the pre-activations of the layer below as well. */
  #fuseSlope(index: number, layer: DenseShape): void {
    const { nodes, gradientOf } = this.#step;
    const [input] = operandsOf(nodes[layer.node]!);
    const below = this.#layers.find(
      ({ node, activated }) => node !== activated && (activated === input || this.#residualOf.get(node)?.sum === input),
    );
    const gradient = below && gradientOf[below.node];
    if (!below || gradient === undefined || gradientOf[below.activated] !== index) return;
    this.#belowOf.set(index, below);
    if (gradient !== index) this.#computedBy.set(gradient, index);
  }

  /** A node whose values lie without gaps: a view is copied. */
  #whole(node: number): number {
    if (!isView(this.#nodes[node]!)) return node;
    return this.#copies.get(node) ?? this.#copy(node, [node]);
  }

  #copy(key: number, from: readonly number[]): number {
    const width = from.reduce((sum, node) => sum + this.#nodes[node]!.width, 0);
    this.#nodes.push({ kind: "concat", from, width });
    this.#copies.set(key, this.#nodes.length - 1);
    return this.#nodes.length - 1;
  }

  run(): Schedule {
    const products = this.#products();
    const gradients = this.#gradients();
    const isForward = (node: number): boolean => node >= 0 && node < this.#step.forwardCount;
    const forwardCopies = new Set([...this.#copies].filter(([key]) => isForward(key)).map(([, copy]) => copy));
    const all = this.#nodes.map((_, index) => index);
    const forward = this.#ordered(
      all.filter((node) => isForward(node) || forwardCopies.has(node)),
      products.filter(({ kind }) => kind === "dense"),
    );
    const tasks = this.#ordered(all, [...gradients, ...products]);
    return {
      step: this.#step,
      nodes: this.#nodes,
      layers: this.#layers,
      output: this.#output,
      forward,
      tasks,
      readsData: tasks.some((task) => readsOf(this.#nodes, task).includes(0)),
      ...placesOf(this.#nodes, tasks, forward),
    };
  }

  /** A gradient, and the one behind the slope that its kernel applies. */
  #withSlope(gradient: number): number[] {
    const others = [...this.#computedBy].filter(([node, by]) => by === gradient && node !== this.#sampleLoss);
    return [gradient, ...others.map(([node]) => node)];
  }

  #products(): Task[] {
    return this.#step.allNodes.flatMap((node, index): Task[] => {
      if (node.kind === "dense") {
        const residual = this.#residualOf.get(index);
        const task = { kind: "dense", layer: this.#layerOf.get(index)!, input: this.#whole(node.from) } as const;
        return [residual ? { ...task, residual } : task];
      }
      if (node.kind === "denseInputs") {
        const layer = this.#layerOf.get(node.dense)!;
        const below = this.#belowOf.get(index);
        const nodes = this.#withSlope(index);
        const task = { kind: "denseInputs", layer, gradient: this.#whole(node.from), below } as const;
        const isKept = below && nodes.length > 1 && this.#residualOf.has(below.node);
        return [isKept ? { ...task, nodes: nodes.slice(1), kept: index } : { ...task, nodes }];
      }
      if (node.kind !== "outputGradient") return [];
      const [output, layer, sampleLoss] = [this.#output, this.#lossLayer, this.#sampleLoss];
      return [{ kind: "loss", output, gradients: this.#withSlope(index), sampleLoss, layer }];
    });
  }

  /** Sums gradients over the batch; contiguous vectors are summed together. */
  #gradients(): Task[] {
    const { parameters, parameterGradients } = this.#step;
    const vectors = parameterGradients
      .filter((own): own is ParameterGradient & { kind: "vector" } => own.kind === "vector")
      .map(({ parameter, gradient }) => ({ ...parameters[parameter]!, gradient }));
    if (this.#sampleLoss !== undefined) {
      const { offset, size } = parameters.at(-1)!;
      vectors.push({ ...parameters.at(-1)!, offset: offset + size, size: 1, gradient: this.#sampleLoss });
    }
    const runs: (typeof vectors)[] = [];
    for (const own of vectors.toSorted((a, b) => a.offset - b.offset)) {
      const before = runs.at(-1)?.at(-1);
      if (before && before.offset + before.size === own.offset) runs.at(-1)!.push(own);
      else runs.push([own]);
    }
    const sums = runs.map((run): Task => {
      const [{ offset, gradient }] = run as [(typeof run)[number]];
      const isWhole = run.length === 1 && !isView(this.#nodes[gradient]!);
      const together = (): number =>
        this.#copy(
          -1 - offset,
          run.map((own) => own.gradient),
        );
      return { kind: "sums", offset, gradient: isWhole ? gradient : together() };
    });
    const others = parameterGradients.flatMap((own): Task[] => {
      if (own.kind === "vector") return [];
      const gradient = this.#whole(own.gradient);
      if (own.kind === "table") {
        const index = this.#copies.get(own.index) ?? this.#copy(own.index, [own.index]);
        return [{ ...own, index, gradient }];
      }
      return [{ kind: "denseWeights", layer: this.#layerOf.get(own.dense)!, input: this.#whole(own.input), gradient }];
    });
    return [...others, ...sums];
  }

  /** Whether a node is computed by a kernel of rows. */
  #isRow(index: number): boolean {
    const node = this.#nodes[index]!;
    const isProduct = node.kind === "dense" || node.kind === "denseInputs" || node.kind === "outputGradient";
    return !isProduct && node.kind !== "input" && !isView(node) && !this.#computedBy.has(index);
  }

  /** A number for each node: nodes computed row by row share one with those that they read, all others come behind what they read. */
  #stageOf(index: number): number {
    const known = this.#stages[index];
    if (known !== undefined) return known;
    const owner = this.#computedBy.get(index);
    if (owner !== undefined) return (this.#stages[index] = this.#stageOf(owner));
    const node = this.#nodes[index]!;
    const residual = this.#residualOf.get(index);
    const own = node.kind === "outputGradient" ? [this.#output] : operandsOf(node);
    const operands = residual ? [...own, residual.added] : own;
    const stages = operands.map((operand) => {
      const base = baseOf(this.#nodes, operand);
      if (base === undefined) return 1;
      return this.#stageOf(base) + (this.#isRow(index) && this.#isRow(base) ? 0 : 1);
    });
    return (this.#stages[index] = Math.max(0, ...stages));
  }

  /** Tasks stage by stage, with the kernels of rows among them; each stage begins with its own. */
  #ordered(nodes: readonly number[], products: readonly Task[]): Task[] {
    const stageOf = (task: Task): number => {
      if (task.kind === "dense") return this.#stageOf(task.layer.node);
      if (task.kind === "denseInputs") return this.#stageOf(task.nodes[0]!);
      if (task.kind === "loss") return this.#stageOf(task.gradients[0]!);
      return 1 + Math.max(...readsOf(this.#nodes, task).map((node) => this.#stageOf(node)));
    };
    const rows = nodes.filter((node) => this.#isRow(node));
    const last = Math.max(...nodes.map((node) => this.#stageOf(node)), ...products.map(stageOf));
    return Array.from({ length: last + 1 }, (_, stage) => stage).flatMap((stage) => {
      const own = rows.filter((node) => this.#stageOf(node) === stage);
      const tasks = products.filter((task) => stageOf(task) === stage);
      return own.length > 0 ? [{ kind: "rows", nodes: own } as const, ...tasks] : tasks;
    });
  }
}

const schedules = new WeakMap<StepGraph, Schedule>();

/** The dispatches of a training step of a network. */
export function scheduleOf(network: AnyNetwork): Schedule {
  const step = deriveStep(graphOf(network));
  const known = schedules.get(step) ?? new Scheduler(step).run();
  schedules.set(step, known);
  return known;
}
