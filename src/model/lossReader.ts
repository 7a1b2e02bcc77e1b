import { concatenate, type FloatArray, type TrainingRun } from "../backend/executor.ts";
import type { HistoryRecorder } from "./history.ts";

/** Most members whose every loss is read. To read all of more would take longer than the steps, and soon all memory. */
const mostMembersTold = 1024;

interface LossSource {
  /** What steps are taken by now; another one after a device was lost. */
  readonly run: () => TrainingRun;
  readonly members: number;
  readonly recorder: HistoryRecorder;
}

/** Reads the losses of all steps before they are overwritten, while training continues. */
export class LossReader {
  readonly #source: LossSource;
  /** First step whose loss has not been read. */
  #unread: number;
  #losses: FloatArray[] = [];
  /** Readings that are under way. */
  #reading: Promise<void> = Promise.resolve();

  constructor(source: LossSource, firstStep: number) {
    this.#source = source;
    this.#unread = firstStep;
  }

  /** The device was lost, and steps are taken again: losses from `step` on are read. */
  goOn(step: number): void {
    this.#unread = step;
    this.#losses = [];
    this.#reading = Promise.resolve();
  }

  /** Makes room for so many steps behind `step`. Of many members the oldest losses are left out. */
  async makeRoom(step: number, count: number): Promise<void> {
    const { run, members } = this.#source;
    const firstKept = step + count - run().ringSteps;
    if (firstKept <= this.#unread) return;
    if (members > mostMembersTold) this.#unread = firstKept;
    else await this.read(step);
  }

  /** Reads the losses of all steps before `end` that have not been read; resolves when they and all that were requested before are known. */
  read(end: number): Promise<void> {
    const [first, run, before] = [this.#unread, this.#source.run(), this.#reading];
    const count = end - first;
    if (count <= 0) return before; // after a loss of the device some steps are taken once more
    this.#unread = end;
    const read = Promise.all([run.readLosses(first, count), before]).then(([losses]) => {
      if (run !== this.#source.run()) return; // its device was lost meanwhile
      this.#losses.push(losses);
      this.#source.recorder.addLosses(first, losses);
    });
    read.catch(() => {}); // who awaits it is told
    this.#reading = read;
    return read;
  }

  /** Those that were read since the last call, [steps, members]. */
  take(): FloatArray {
    const parts = this.#losses.splice(0);
    return parts.length === 1 ? parts[0]! : concatenate(parts);
  }
}
