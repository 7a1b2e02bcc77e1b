import type { Dataset, FloatArray } from "../../src/backend/executor.ts";
import type { Counts } from "../measure/counters.ts";
import type { ContenderCard } from "./contract.ts";
import type { DataName, Workload } from "./workload.ts";
import type { MachineCard, Point, RaceCeilings } from "./record.ts";

/** How long a race measures. */
export interface Effort {
  /** Rounds of blocks A, B, …, B, A. */
  readonly blocks: number;
  readonly blockMs: number;
  readonly warmUp: { readonly rounds: number; readonly ms: number };
  /** Blocks of one contender at one point may take so long, else it gets fewer; never below `leastBlocks`. */
  readonly contenderMs: number;
  readonly leastBlocks: number;
  /** Whoever needs longer for one round is told so, and not timed. */
  readonly slowestRoundMs: number;
  /** Time that the float64 reference may take to follow 100 rounds (it always follows the first ones), or an audit. */
  readonly referenceMs: number;
  readonly auditMs: number;
  /** A contender that does not answer within this, or within twice what it should take by its own pace, has failed. */
  readonly patienceMs: number;
  /** Leaves out all points of a sweep but a few. */
  readonly fewPoints: boolean;
}

export interface Prepared {
  readonly version: string;
  readonly prepareMs: number;
  readonly firstRoundMs: number;
  readonly settings: Readonly<Record<string, string | number | boolean>> | undefined;
  /** `vendor architecture` of every adapter whose device the contender has opened. */
  readonly adapters: readonly string[];
}

export interface Block {
  /** Per round. */
  readonly ms: number;
  readonly handOverMs: number;
  /** What `finish` returned, and the first value of the state read afterwards: they must be the same. */
  readonly value: number;
  readonly first: number;
  /** Steps of a training to its goal. */
  readonly steps: number | undefined;
}

export interface GpuTime {
  readonly msPerRound: number;
  readonly passesPerRound: number;
  readonly resolutionNs: number;
}

/** One contender in a worker or process of its own; every method may reject, which fails the contender alone. */
export interface Runner {
  /** Rejects where one round takes longer than `slowestRoundMs`. */
  prepare(workload: Workload, data: Dataset | undefined, slowestRoundMs: number): Promise<Prepared>;
  /** Runs more rounds. @returns the state */
  advance(rounds: number): Promise<FloatArray>;
  restart(): Promise<void>;
  /** Warms up. @returns rounds of a block, and milliseconds per round */
  calibrate(effort: Pick<Effort, "blockMs" | "warmUp">): Promise<{ readonly rounds: number; readonly ms: number }>;
  block(rounds: number): Promise<Block>;
  count(rounds: number): Promise<Counts>;
  /** Undefined where no timestamps can be had. */
  timeGpu(rounds: number): Promise<GpuTime | undefined>;
  release(): Promise<void>;
}

/** A runner and the thread behind it. */
export interface Lane {
  readonly runner: Runner;
  /** Ends the worker or process, whatever it is doing; its pending calls reject. */
  terminate(): void;
}

/** The float64 reference in a thread of its own. */
export interface JudgeRunner {
  /** States after each of the ascending `rounds`, the start first, exact and rounded to float32 after every round; fewer where time is up. */
  states(request: {
    readonly workload: Workload;
    readonly data: Dataset | undefined;
    readonly rounds: readonly number[];
    readonly limitMs: number;
  }): Promise<readonly { readonly rounds: number; readonly state: FloatArray; readonly rounded: FloatArray }[]>;
  /** Milliseconds that one round takes in float64. */
  roundMs(): Promise<number>;
}

/** What the machine is, and the best it can do. */
export interface SurveyRunner {
  card(): Promise<Pick<MachineCard, "adapter" | "isFallbackAdapter" | "kind" | "features" | "limits" | "timerStepMs">>;
  /** Best so far; called through a run, since noise can only lower them. */
  ceilings(): Promise<RaceCeilings>;
}

/** Where a race runs: a page whose contenders are workers, or Node with a process each. */
export interface RaceHost {
  readonly name: "chrome" | "node";
  /** Everyone it can open. */
  readonly cards: readonly ContenderCard[];
  open(contender: string): Promise<Lane>;
  openJudge(): Promise<{ readonly judge: JudgeRunner; terminate(): void }>;
  openSurvey(): Promise<{ readonly survey: SurveyRunner; terminate(): void }>;
  /** The rows of a table, encoded by `thalweg/data`. */
  rows(name: Exclude<DataName, "noise">): Promise<Dataset>;
  /** What the host itself knows of the machine; the survey tells the rest. */
  machine(): Promise<
    Omit<MachineCard, "adapter" | "isFallbackAdapter" | "kind" | "features" | "limits" | "timerStepMs" | "date">
  >;
  /** Resolves when the page can be seen; says whether it was hidden since `sinceMs` of performance.now(). Node: never. */
  visibility: { shown(): Promise<void>; wasHiddenSince(sinceMs: number): boolean };
}

export interface RaceRequest {
  /** Names of races; all where empty. */
  readonly races: readonly string[];
  /** Names of contenders; all where empty. */
  readonly contenders: readonly string[];
  readonly effort: Effort;
}

/** What a race tells while it runs. */
export interface RaceProgress {
  readonly race: string;
  readonly point: string;
  /** `checks`, `warms up`, `times`, `audits`, … */
  readonly phase: string;
  readonly contender: string;
  /** Points done, and points in all. */
  readonly done: number;
  readonly total: number;
  /** A finished point. */
  readonly result?: Point;
}
