import type { MemberResults } from "../backend/executor.ts";
import type { StoppingResult } from "./earlyStopper.ts";
import type { HalvingResult } from "./halver.ts";
import type { Evaluation } from "./metrics.ts";
import type { TrainOptions } from "./options.ts";
import type { PlateauResult } from "./plateaus.ts";
import type { Recovery } from "./recovery.ts";
import type { Progress } from "./trainer.ts";

/** Scores on the validation rows, and the number of epochs done by then. */
export interface ValidationPoint extends Evaluation {
  readonly epoch: number;
  readonly step: number;
  /** Since the first step. */
  readonly elapsedMs: number;
}

/** What `fit` tells of an epoch that is done. */
export interface EpochPoint {
  /** From 1. */
  readonly epoch: number;
  /** Mean loss of its steps, as in the history. */
  readonly loss: number;
  /** Scores after it, where the validation rows were scored then. */
  readonly validation: ValidationPoint | undefined;
  /** From the first step to the event that tells it. */
  readonly elapsedMs: number;
}

/** Options of `fit`: those of `train`, and one of its own. */
export interface FitOptions extends TrainOptions {
  /** Called after each epoch, and awaited; events then fall on epochs unless `logInterval` says when. */
  readonly onEpoch?: ((point: EpochPoint) => void | Promise<void>) | undefined;
}

/** How a training went, epoch by epoch. */
export interface History {
  /**
   * Mean loss of the steps of each epoch, each loss taken before its update. The last epoch may be incomplete; a resumed training begins
   * with the epoch in which it resumed. NaN where no finite loss of an epoch was read.
   */
  readonly loss: readonly number[];
  readonly validation: readonly ValidationPoint[];
}

/** How a whole training ended. */
export interface FitResult {
  readonly steps: number;
  /** Mean loss of the last epoch's steps. */
  readonly loss: number;
  /** Scores on the validation rows after the last step, where there are any. */
  readonly validation: Evaluation | undefined;
  /** Members whose numbers stopped being finite. */
  readonly diverged: number;
  /** How training went for each member. */
  readonly results: MemberResults;
  readonly history: History;
  /** Where the device was lost meanwhile, and what took its place; of several losses between two events the last. */
  readonly recoveries: readonly Recovery[];
  /** Where there is early stopping: when members stopped, and when they were best. */
  readonly earlyStopping?: StoppingResult;
  /** Where there is successive halving: its rungs, and how far each member came. */
  readonly halving?: HalvingResult;
  /** Where learning rates are reduced on plateaus: when, and of which members. */
  readonly reduceOnPlateau?: PlateauResult;
}

/** Collects the history of a training from its events. */
export class HistoryRecorder {
  readonly #perEpoch: number;
  readonly #members: number;
  readonly #validation: ValidationPoint[] = [];
  readonly recoveries: Recovery[] = [];
  /** Sum and number of the finite losses of each epoch. */
  readonly #sums: number[] = [];
  readonly #counts: number[] = [];
  readonly #firstEpoch: number;
  /** Epochs that were told. */
  #told = 0;

  /** @param firstStep of the training: above 0 where it resumes */
  constructor(perEpoch: number, members: number, firstStep: number) {
    this.#perEpoch = perEpoch;
    this.#members = members;
    this.#firstEpoch = Math.floor(firstStep / perEpoch);
  }

  add({ step, epoch, losses, validation, recovered, elapsedMs }: Progress): void {
    if (recovered) this.recoveries.push(recovered);
    const firstStep = step - losses.length / this.#members;
    for (let at = 0; at < losses.length; at++) {
      const loss = losses[at]!;
      const place = Math.floor((firstStep + Math.floor(at / this.#members)) / this.#perEpoch) - this.#firstEpoch;
      while (this.#sums.length <= place) {
        this.#sums.push(0);
        this.#counts.push(0);
      }
      if (!Number.isFinite(loss)) continue;
      this.#sums[place]! += loss;
      this.#counts[place]!++;
    }
    if (validation) this.#validation.push({ epoch, step, elapsedMs, ...validation });
  }

  /** @returns the epochs that are done and were not told yet */
  takeDone({ step, elapsedMs }: Progress): EpochPoint[] {
    const points: EpochPoint[] = [];
    const scored = this.#validation.at(-1);
    for (; this.#firstEpoch + this.#told < Math.floor(step / this.#perEpoch); this.#told++) {
      const epoch = this.#firstEpoch + this.#told + 1;
      const loss = this.#sums[this.#told]! / this.#counts[this.#told]!;
      points.push({ epoch, loss, validation: scored?.epoch === epoch ? scored : undefined, elapsedMs });
    }
    return points;
  }

  get history(): History {
    return { loss: this.#sums.map((sum, place) => sum / this.#counts[place]!), validation: this.#validation };
  }
}
