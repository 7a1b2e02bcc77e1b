import { savesPreActivation } from "../math/scalarFunction.ts";
import { deriveStep, type ParameterGradient, type StepGraph, type StepNode } from "./derive.ts";
import { type AnyNetwork, type DenseShape, denseShapesOf, graphOf } from "./graphNetwork.ts";
import { operandsOf } from "./graph.ts";

/** A node of a step, or the loss of a sample where no gradient by a dense node carries it. */
export type ScheduledNode = StepNode | { readonly kind: "sampleLoss"; readonly width: 1 };

/** In a buffer that may hold many nodes, behind `base` values per sample; a row of a node has `columns` values. */
interface InArena {
  readonly kind: "arena";
  readonly arena: number;
  readonly base: number;
  readonly columns: number;
}

/** Where the values of a node lie in the memory of a GPU. */
export type NodePlace = { readonly kind: "input" } | InArena;

/** One dispatch. */
export type Task =
  | { readonly kind: "dense"; readonly layer: DenseShape; readonly input: number }
  /** Nodes that are computed row by row, together. */
  | { readonly kind: "rows"; readonly nodes: readonly number[] }
  /** The loss of each sample and its gradient; by the values before the activation of `layer`, where that is the output. */
  | {
      readonly kind: "loss";
      readonly output: number;
      readonly gradient: number;
      readonly layer: DenseShape | undefined;
    }
  /** Gradient by a layer's inputs; by the values before the activation of the layer `below`, where that is all that it leads to. */
  | {
      readonly kind: "denseInputs";
      readonly node: number;
      readonly layer: DenseShape;
      readonly gradient: number;
      readonly below: DenseShape | undefined;
    }
  | { readonly kind: "denseWeights"; readonly layer: DenseShape; readonly input: number; readonly gradient: number }
  /** Sums over the batch, by parameters that lie one behind the other, and of the loss behind the last of them. */
  | { readonly kind: "sums"; readonly offset: number; readonly gradient: number }
  | { readonly kind: "table"; readonly parameter: number; readonly index: number; readonly gradient: number };

/** The dispatches of a network on a GPU, in order, and where every node lies. */
export interface Schedule {
  readonly step: StepGraph;
  /** Nodes of the step, and copies that kernels need. */
  readonly nodes: readonly ScheduledNode[];
  readonly layers: readonly DenseShape[];
  /** The node of the network's output, without gaps. */
  readonly output: number;
  readonly forward: readonly Task[];
  readonly tasks: readonly Task[];
  readonly placeOf: (node: number) => NodePlace;
  /** Values per sample of each arena, and of what forward needs of them. */
  readonly arenaWidths: readonly number[];
  readonly forwardWidths: readonly number[];
  /** Arenas have room for a multiple of so many samples, so that every node begins where a binding may. */
  readonly sampleUnit: number;
  /** Whether a task reads the data. */
  readonly readsData: boolean;
}

/**
 * Arenas of nodes that kernels of rows read or write; other nodes have arenas of their own. Several, so that what a product reads lies
 * in others than what it writes: no buffer may be both in one dispatch. A product reads two nodes at most. With parameters, data, rows
 * and settings a kernel of rows binds at most 8 storage buffers, the number that every device offers.
 */
const sharedArenas = 4;
/** Values between two offsets that a binding may have on every device: 256 bytes. */
const bindingAlignment = 64;

const isView = ({ kind }: ScheduledNode): boolean => kind === "parameter" || kind === "broadcast" || kind === "slice";

/** The node whose values a view shows; undefined for parameters. */
function baseOf(nodes: readonly ScheduledNode[], index: number): number | undefined {
  const node = nodes[index]!;
  if (node.kind === "parameter") return undefined;
  return node.kind === "broadcast" || node.kind === "slice" ? baseOf(nodes, node.from) : index;
}

/** Nodes that a task reads from memory, without views and parameters. */
export function readsOf(nodes: readonly ScheduledNode[], task: Task): number[] {
  if (task.kind === "rows") {
    const operands = task.nodes.flatMap((node) => operandsOf(nodes[node]!));
    return operands.flatMap((operand) => baseOf(nodes, operand) ?? []);
  }
  if (task.kind === "dense") return [task.input];
  if (task.kind === "loss") return [task.output];
  if (task.kind === "denseInputs") return task.below ? [task.gradient, task.below.activated] : [task.gradient];
  if (task.kind === "denseWeights") return [task.input, task.gradient];
  return task.kind === "sums" ? [task.gradient] : [task.index, task.gradient];
}

/** The node that a product or a loss writes. */
function outputOf(task: Task): number[] {
  if (task.kind === "dense") return [task.layer.activated];
  if (task.kind === "denseInputs") return [task.node];
  return task.kind === "loss" ? [task.gradient] : [];
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

  /** Lets the gradient by a layer's inputs become that by the values before the activation, where it leads nowhere else. */
  #fuseSlope(index: number, layer: DenseShape): void {
    const { nodes, gradientOf } = this.#step;
    const [input] = operandsOf(nodes[layer.node]!);
    const below = this.#layers.find(({ node, activated }) => activated === input && node !== activated);
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
      ...this.#places(tasks, forward),
    };
  }

  #products(): Task[] {
    return this.#step.allNodes.flatMap((node, index): Task[] => {
      if (node.kind === "dense") {
        return [{ kind: "dense", layer: this.#layerOf.get(index)!, input: this.#whole(node.from) }];
      }
      if (node.kind === "denseInputs") {
        const layer = this.#layerOf.get(node.dense)!;
        const below = this.#belowOf.get(index);
        return [{ kind: "denseInputs", node: index, layer, gradient: this.#whole(node.from), below }];
      }
      if (node.kind !== "outputGradient") return [];
      return [{ kind: "loss", output: this.#output, gradient: index, layer: this.#lossLayer }];
    });
  }

  /** What sums gradients over the batch; vectors that lie one behind the other are summed together. */
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
    const operands = node.kind === "outputGradient" ? [this.#output] : operandsOf(node);
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
      if (task.kind === "denseInputs") return this.#stageOf(task.node);
      if (task.kind === "loss") return this.#stageOf(task.gradient);
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

  /** What a task writes into an arena, one behind the other: nodes with the same values, and the row length of these. */
  #writesOf(task: Task): { readonly nodes: readonly number[]; readonly columns: number }[] {
    const computedBy = (owner: number): number[] => {
      const others = [...this.#computedBy].flatMap(([node, by]) =>
        by === owner && node !== this.#sampleLoss ? node : [],
      );
      return [owner, ...others];
    };
    if (task.kind === "rows") return task.nodes.map((node) => ({ nodes: [node], columns: this.#nodes[node]!.width }));
    if (task.kind === "dense") {
      const { node, activated, activation, fanOut: columns } = task.layer;
      const before = savesPreActivation(activation) ? [{ nodes: [node], columns }] : [];
      return [{ nodes: [activated], columns }, ...before];
    }
    if (task.kind === "denseInputs") return [{ nodes: computedBy(task.node), columns: task.layer.fanIn }];
    if (task.kind !== "loss") return [];
    const { width } = this.#nodes[task.gradient]!;
    const nodes = computedBy(task.gradient);
    if (this.#sampleLoss === undefined) return [{ nodes, columns: width + 1 }];
    return [
      { nodes, columns: width },
      { nodes: [this.#sampleLoss], columns: 1 },
    ];
  }

  #places(
    tasks: readonly Task[],
    forward: readonly Task[],
  ): Pick<Schedule, "placeOf" | "arenaWidths" | "forwardWidths" | "sampleUnit"> {
    const places = new Map<number, NodePlace>([[0, { kind: "input" }]]);
    const arenaWidths: number[] = [];
    const shared: number[] = [];
    const inRows = new Set(
      tasks.flatMap((task) => (task.kind === "rows" ? [...task.nodes, ...readsOf(this.#nodes, task)] : [])),
    );
    const arenaOf = (node: number): number | undefined => {
      const place = places.get(node)!;
      return place.kind === "arena" ? place.arena : undefined;
    };
    /** An arena for what one task writes, other than those of what it reads. */
    const arenaFor = (task: Task, nodes: readonly number[]): number => {
      const isShared = nodes.some((node) => inRows.has(node));
      if (!isShared || shared.length < sharedArenas) {
        const own = arenaWidths.push(0) - 1;
        if (isShared) shared.push(own);
        return own;
      }
      const taken = task.kind === "rows" ? [] : readsOf(this.#nodes, task).map(arenaOf);
      const free = shared.filter((arena) => !taken.includes(arena));
      return free.reduce((best, arena) => (arenaWidths[arena]! < arenaWidths[best]! ? arena : best));
    };
    for (const task of tasks) {
      const writes = this.#writesOf(task);
      if (writes.length === 0) continue;
      const arena = arenaFor(
        task,
        writes.flatMap(({ nodes }) => nodes),
      );
      for (const { nodes, columns } of writes) {
        for (const node of nodes) places.set(node, { kind: "arena", arena, base: arenaWidths[arena]!, columns });
        arenaWidths[arena]! += columns;
      }
    }
    const forwardWidths = arenaWidths.map(() => 0);
    for (const node of forward.flatMap((task) => (task.kind === "rows" ? task.nodes : outputOf(task)))) {
      const { arena, base, columns } = places.get(node) as InArena;
      forwardWidths[arena] = Math.max(forwardWidths[arena]!, base + columns);
    }
    // The least count that is a multiple of the alignment times every base of what products bind.
    let bases = bindingAlignment;
    for (const node of tasks.flatMap((task) =>
      task.kind === "rows" ? [] : [...readsOf(this.#nodes, task), ...outputOf(task)],
    )) {
      const place = places.get(node)!;
      if (place.kind === "arena") bases |= place.base;
    }
    const sampleUnit = bindingAlignment / (bases & -bases);
    return { placeOf: (node) => places.get(node)!, arenaWidths, forwardWidths, sampleUnit };
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
