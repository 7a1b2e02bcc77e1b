import type { FloatArray, HistoryEntry, HistoryState, MemberResults } from "../backend/executor.ts";
import type { StoppingResult } from "./earlyStopper.ts";
import type { HalvingResult } from "./halver.ts";
import type { Evaluation } from "./metrics.ts";
import type { HistoryPlan, TrainOptions } from "./options.ts";
import type { PlateauResult } from "./plateaus.ts";
import type { Recovery } from "./recovery.ts";

/** Scores on the validation rows, and the number of epochs done by then. */
export interface ValidationPoint extends Evaluation {
  readonly epoch: number;
  readonly step: number;
  /** As that of an entry. */
  readonly elapsedMs: number;
}

/** What `fit` reports for a finished epoch. */
export interface EpochPoint {
  /** From 1. */
  readonly epoch: number;
  /** Mean loss of its steps, as in the history. */
  readonly loss: number;
  /** Scores after it, where the validation rows were scored then. */
  readonly validation: ValidationPoint | undefined;
  /** From the first step to the event that reports it. */
  readonly elapsedMs: number;
}

/** Options of `fit`: those of `train`, and one of its own. */
export interface FitOptions extends TrainOptions {
  /** Called after each epoch, and awaited; events then fall on epochs unless `logInterval` says when. */
  readonly onEpoch?: ((point: EpochPoint) => void | Promise<void>) | undefined;
}

/** How a training went, epoch by epoch: of one that was resumed from its very beginning, where its checkpoint has that. */
export interface History {
  /**
   * Mean loss of the steps of each epoch, each loss taken before its update. The last epoch may be incomplete. NaN where no finite loss of an
   * epoch was read.
   */
  readonly loss: readonly number[];
  /** Those of `entries` with scores on the validation rows. */
  readonly validation: readonly ValidationPoint[];
  /**
   * History of events: for `fit` all of them, for `train` those that fall on epochs, of more than 1,000 epochs on every n-th. Events that fall on no
   * fixed steps, by `ms`, have none unless `fit` scores validation rows at them.
   */
  readonly entries: readonly (HistoryEntry & { readonly validation?: Evaluation | undefined })[];
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

interface Recorded {
  readonly plan: HistoryPlan;
  readonly perEpoch: number;
  readonly members: number;
  /** Step at which the training begins: above 0 where it resumes. */
  readonly firstStep: number;
  readonly resumed: HistoryState | undefined;
}

const meanOf = ({ sum, count }: { readonly sum: number; readonly count: number }): number => sum / count;

/** Collects the history of a training from its losses and its events. */
export class HistoryRecorder {
  readonly #of: Recorded;
  readonly #firstEpoch: number;
  readonly #sums: number[];
  readonly #counts: number[];
  #open: HistoryState["open"] = { sum: 0, count: 0, steps: 0 };
  #since: HistoryState["since"] = { sum: 0, count: 0 };
  readonly #entries: History["entries"][number][];
  readonly #beforeMs: number;
  /** The first step whose losses are not known. */
  #nextStep: number;
  /** Epochs that were reported. */
  #told: number;

  constructor(of: Recorded) {
    const { resumed, firstStep, perEpoch } = of;
    this.#of = of;
    this.#firstEpoch = resumed?.firstEpoch ?? Math.floor(firstStep / perEpoch);
    this.#sums = Array.from(resumed?.sums ?? []);
    this.#counts = Array.from(resumed?.counts ?? []);
    if (resumed) [this.#open, this.#since] = [resumed.open, resumed.since];
    this.#entries = [...((resumed?.entries ?? []) as History["entries"])];
    this.#beforeMs = resumed?.elapsedMs ?? 0;
    this.#nextStep = firstStep;
    this.#told = Math.floor(firstStep / perEpoch) - this.#firstEpoch;
  }

  /** @param losses [steps, members] of the steps from `first` on; those that are known already are passed over */
  addLosses(first: number, losses: FloatArray): void {
    const { members } = this.#of;
    const count = losses.length / members;
    for (let at = Math.max(0, this.#nextStep - first); at < count; at++)
      this.#addStep(first + at, losses, at * members);
    this.#nextStep = Math.max(this.#nextStep, first + count);
  }

  #addStep(step: number, losses: FloatArray, from: number): void {
    const { perEpoch, members } = this.#of;
    const epoch = Math.floor(step / perEpoch) - this.#firstEpoch;
    while (this.#sums.length < epoch) this.#close();
    let [{ sum, count }, { sum: sinceSum, count: sinceCount }] = [this.#open, this.#since];
    for (let at = from; at < from + members; at++) {
      const loss = losses[at]!;
      if (!Number.isFinite(loss)) continue;
      sum += loss;
      count++;
      sinceSum += loss;
      sinceCount++;
    }
    this.#open = { sum, count, steps: this.#open.steps + 1 };
    this.#since = { sum: sinceSum, count: sinceCount };
    if ((step + 1) % perEpoch === 0) this.#close();
  }

  #close(): void {
    this.#sums.push(this.#open.sum);
    this.#counts.push(this.#open.count);
    this.#open = { sum: 0, count: 0, steps: 0 };
  }

  #isNew(step: number): boolean {
    return step > (this.#entries.at(-1)?.step ?? 0);
  }

  /** Whether a checkpoint of this step lacks the entry that its event makes. */
  isDue(step: number): boolean {
    const { everySteps, isRegular } = this.#of.plan;
    return isRegular && everySteps !== undefined && step % everySteps === 0 && this.#isNew(step);
  }

  /** @param isLast whether the training ends with it @param elapsedMs since the training began, or was resumed */
  addEvent(event: Omit<History["entries"][number], "loss">, isLast: boolean): void {
    const { everySteps } = this.#of.plan;
    if (everySteps === undefined || !(isLast || event.step % everySteps === 0) || !this.#isNew(event.step)) return;
    const elapsedMs = this.#beforeMs + event.elapsedMs;
    this.#entries.push({ ...event, elapsedMs, loss: meanOf(this.#since) });
    this.#since = { sum: 0, count: 0 };
  }

  /** As a checkpoint has it. @param elapsedMs as that of an event */
  stateAt(elapsedMs: number): HistoryState {
    return {
      firstEpoch: this.#firstEpoch,
      sums: Float64Array.from(this.#sums),
      counts: Float64Array.from(this.#counts),
      open: this.#open,
      since: this.#since,
      elapsedMs: this.#beforeMs + elapsedMs,
      entries: [...this.#entries],
    };
  }

  /** @returns the finished epochs that were not reported yet */
  takeDone({ step, elapsedMs }: { readonly step: number; readonly elapsedMs: number }): EpochPoint[] {
    const points: EpochPoint[] = [];
    const scored = this.history.validation.at(-1);
    for (; this.#firstEpoch + this.#told < Math.floor(step / this.#of.perEpoch); this.#told++) {
      const epoch = this.#firstEpoch + this.#told + 1;
      const loss = this.#sums[this.#told]! / this.#counts[this.#told]!;
      points.push({ epoch, loss, validation: scored?.epoch === epoch ? scored : undefined, elapsedMs });
    }
    return points;
  }

  get history(): History {
    const done = this.#sums.map((sum, place) => sum / this.#counts[place]!);
    return {
      loss: this.#open.steps > 0 ? [...done, meanOf(this.#open)] : done,
      validation: this.#entries.flatMap(({ epoch, step, elapsedMs, validation }) =>
        validation ? [{ epoch, step, elapsedMs, ...validation }] : [],
      ),
      entries: [...this.#entries],
    };
  }
}
