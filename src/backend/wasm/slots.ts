import type { StepGraph } from "../../graph/derive.ts";
import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import { targetWidth } from "../../graph/network.ts";

/** A place in memory for values [capacity, width] of every member. */
export interface Slot {
  readonly index: number;
  readonly width: number;
}

/** Which values of a step are kept in memory, as the code that needs them asks for them. */
export class Slots {
  readonly #step: StepGraph;
  readonly #targetWidth: number;
  readonly #nodes = new Map<number, Slot>();
  readonly #copies = new Map<number, Slot>();
  readonly #all: Slot[] = [];
  #targets: Slot | undefined;

  constructor(step: StepGraph, network: AnyNetwork) {
    this.#step = step;
    this.#targetWidth = targetWidth(network);
  }

  #add(width: number): Slot {
    const slot = { index: this.#all.length, width };
    this.#all.push(slot);
    return slot;
  }

  /** Of a node's own values. */
  of(node: number): Slot {
    const known = this.#nodes.get(node) ?? this.#add(this.#step.allNodes[node]!.width);
    this.#nodes.set(node, known);
    return known;
  }

  /** Of a copy without gaps of a node that is a view of another. @returns whether it is new */
  copyOf(node: number): { readonly slot: Slot; readonly isNew: boolean } {
    const known = this.#copies.get(node);
    const slot = known ?? this.#add(this.#step.allNodes[node]!.width);
    this.#copies.set(node, slot);
    return { slot, isNew: known === undefined };
  }

  /** Of the targets of the batch. */
  get targets(): Slot {
    return (this.#targets ??= this.#add(this.#targetWidth));
  }

  /** Index of the slot in which a node's values lie without gaps, once its code is written. */
  find(node: number): number {
    const slot = this.#copies.get(node) ?? this.#nodes.get(node);
    if (!slot) throw new Error(`wasm: node ${node} is not kept`);
    return slot.index;
  }

  get widths(): number[] {
    return this.#all.map(({ width }) => width);
  }
}
