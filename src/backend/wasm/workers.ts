import { ThreadFailed } from "../../errors.ts";
import type { Order, Report } from "./thread.js";
import { startWorker, type ThreadWorker } from "./workerHost.ts";

/** A worker that says nothing for so long when it is to begin, or to take kernels in, is given up. */
const patienceMs = 20_000;
/** What a kernel threw is sent before the run ends, so it is under way. */
const newsMs = 1000;

export const threadFailure = (got: string, cause?: unknown): ThreadFailed =>
  new ThreadFailed({
    place: "WebAssembly threads",
    expected: "threads that finish their work",
    got,
    fix: "acquire the device again, and resume from the last checkpoint",
    cause,
  });

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** A worker, and whoever waits for its answer. */
class Member {
  endReason: string | undefined;
  readonly #worker: ThreadWorker;
  #waiting: Waiting | undefined;

  /** @param tell called with messages that are no answers: the end of a run, a failure, the end of the worker */
  constructor(tell: (news: Exclude<Report, { type: "ready" }> | { type: "ended" }) => void) {
    this.#worker = startWorker({
      report: (report) => {
        if (report.type === "ready") this.#waiting?.resolve();
        else tell(report);
      },
      ended: (reason) => {
        this.endReason ??= reason;
        this.#waiting?.reject(threadFailure(this.endReason));
        tell({ type: "ended" });
      },
    });
  }

  /** @returns when the worker has taken the order in */
  async tell(order: Order): Promise<void> {
    if (this.endReason !== undefined) throw threadFailure(this.endReason);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answer = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      timer = setTimeout(() => reject(threadFailure(`no answer from a worker for ${patienceMs / 1000} s`)), patienceMs);
    });
    this.#worker.tell(order);
    try {
      await answer;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
    this.#waiting?.reject(threadFailure("its worker was terminated"));
  }
}

/** The workers of a pool: what they are told, and what comes back. */
export class Workers {
  readonly #members: Member[] = [];
  #waiting: Waiting | undefined;
  #kernelError: string | undefined;
  #onKernelError: (() => void) | undefined;
  #isEnding = false;

  /** Workers that take items. */
  get count(): number {
    return this.#members.length;
  }

  /** Starts workers. @returns why some could not be started, if so */
  async open(orders: readonly Order[]): Promise<string | undefined> {
    const reasons: string[] = [];
    const open = async (order: Order): Promise<void> => {
      let member: Member | undefined;
      try {
        member = new Member((news) => this.#hear(news));
        await member.tell(order);
        this.#members.push(member);
      } catch (error) {
        reasons.push(member?.endReason ?? (error as Error).message);
        await member?.terminate();
      }
    };
    await Promise.all(orders.map(open));
    return reasons[0];
  }

  #hear(news: Exclude<Report, { type: "ready" }> | { type: "ended" }): void {
    if (news.type === "failed") {
      this.#kernelError ??= news.message;
      this.#onKernelError?.();
    } else if (news.type === "closed") this.#waiting?.resolve();
    if (news.type !== "closed" && this.#waiting) this.#rejectIfLost(this.#waiting);
  }

  #rejectIfLost({ reject }: Waiting): void {
    const reason = this.lostReason;
    if (reason !== undefined) reject(threadFailure(reason));
  }

  /** Why a worker is no longer there. */
  get lostReason(): string | undefined {
    return this.#isEnding ? undefined : this.#members.find(({ endReason }) => endReason !== undefined)?.endReason;
  }

  /** @returns when every worker has taken the order in @throws ThreadFailed */
  async tell(order: Order): Promise<void> {
    await Promise.all(this.#members.map((member) => member.tell(order)));
  }

  /** @returns when a worker has told that a run is over @throws ThreadFailed when one is lost */
  async untilClosed(start: () => void): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = { resolve, reject };
        this.#rejectIfLost(this.#waiting);
        start();
      });
    } finally {
      this.#waiting = undefined;
    }
  }

  /** What a kernel threw in a worker, when the news of it is here. */
  async kernelError(): Promise<string> {
    if (this.#kernelError === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, newsMs);
        this.#onKernelError = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const error = this.#kernelError ?? "an error in a worker";
    this.#kernelError = undefined;
    return error;
  }

  /** @returns when all are gone */
  async terminate(): Promise<void> {
    this.#isEnding = true;
    this.#waiting?.reject(threadFailure("the pool was disposed"));
    await Promise.all(this.#members.map((member) => member.terminate()));
    this.#members.length = 0;
  }
}
