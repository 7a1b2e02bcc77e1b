import type { FloatArray } from "../../src/backend/executor.ts";
import type { Start } from "./start.ts";
import type { Workload } from "./workload.ts";

/**
 * A contender prepared for one workload. Every round needs the result of the round before, and nothing may be left out:
 * the judge compares states with the float64 reference after chosen numbers of rounds, before and after timing.
 */
export interface Entry {
  /** Hands over `rounds` more rounds; they may still be under way when it returns. */
  run(rounds: number): void | Promise<void>;
  /** Waits until all rounds are done. @returns the first value of the state, read back from the device */
  finish(): Promise<number>;
  /** The state after all rounds, laid out as the start's. */
  readState(): Promise<FloatArray>;
  /** Back to the start state and to round 0. */
  restart(): void | Promise<void>;
  dispose(): void;
  /** What was chosen for this workload by trying, such as the best of a sweep; shown in the record. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** What a contender computes with, so that its rates are held against the right ceiling. */
export type Processor = "gpu" | "cpu" | "either";

/** One library at one of its settings. */
export interface Contender {
  /** Name and version of the library, as its package says. */
  readonly version: string;
  /**
   * Builds buffers, uploads data, compiles.
   * @throws CannotTakePart where the library lacks what the workload needs
   */
  createEntry(workload: Workload, start: Start): Promise<Entry>;
}

/** How a contender is found and loaded, without loading it. */
export interface ContenderCard {
  readonly name: string;
  readonly label: string;
  readonly processor: Processor;
  /** Whether it races where there is no WebGPU; default: where it computes on the CPU. */
  readonly withoutWebGpu?: boolean;
  /** Hosts that can run it. */
  readonly hosts: readonly ("chrome" | "node")[];
  /** What it does differently where the page is not cross-origin isolated; undefined: nothing. */
  readonly withoutIsolation?: string;
  /** Kinds of workload it takes part in. */
  readonly kinds: readonly Workload["kind"][];
  readonly load: () => Promise<Contender>;
}

/** A contender that has no part in a workload says why; it gets a row with the reason. */
export class CannotTakePart extends Error {
  override readonly name = "CannotTakePart";
}

/**
 * What a contender has for an activation or a loss of thalweg.
 * @throws CannotTakePart where it has nothing for it
 */
export function entryOf<Name extends string, Own>(
  contender: string,
  table: Readonly<Partial<Record<Name, Own>>>,
  name: Name,
): Own {
  const own = table[name];
  if (own === undefined) throw new CannotTakePart(`${contender} has no ${name}`);
  return own;
}
