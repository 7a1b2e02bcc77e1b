import type { Dataset } from "../../src/backend/executor.ts";
import type { ContenderCard } from "./contract.ts";
import type { JudgeRunner, Lane, RaceHost, SurveyRunner } from "./host.ts";
import { createRacer, isLive, type Racer } from "./racer.ts";
import type { DataName } from "./workload.ts";

/** Everything that lives as long as a run: the threads, the judge, the survey and the tables. */
export class Course {
  readonly host: RaceHost;
  readonly judge: JudgeRunner;
  readonly survey: SurveyRunner;
  readonly #closers: (() => void)[];
  readonly #lanes = new Map<string, Lane>();
  readonly #tables = new Map<DataName, Promise<Dataset>>();

  private constructor(host: RaceHost, judge: JudgeRunner, survey: SurveyRunner, closers: (() => void)[]) {
    this.host = host;
    this.judge = judge;
    this.survey = survey;
    this.#closers = closers;
  }

  static async open(host: RaceHost): Promise<Course> {
    const { survey, terminate } = await host.openSurvey();
    try {
      const opened = await host.openJudge();
      return new Course(host, opened.judge, survey, [terminate, opened.terminate]);
    } catch (error) {
      terminate();
      throw error;
    }
  }

  rows(name: DataName): Promise<Dataset | undefined> {
    if (name === "noise") return Promise.resolve(undefined);
    const rows = this.#tables.get(name) ?? this.host.rows(name);
    this.#tables.set(name, rows);
    rows.catch(() => this.#tables.delete(name)); // the next point may find it
    return rows;
  }

  /** A racer in a thread that may have run other points before; without one where the thread does not start. */
  async racer(card: ContenderCard, isNoise: boolean): Promise<Racer> {
    const key = `${card.name}${isNoise ? " again" : ""}`;
    try {
      const lane = this.#lanes.get(key) ?? (await this.host.open(card.name));
      this.#lanes.set(key, lane);
      return createRacer(card, isNoise, lane);
    } catch (error) {
      const racer = createRacer(card, isNoise, undefined);
      racer.failure = { status: "failed", reason: (error as Error).message };
      return racer;
    }
  }

  /** Forgets the threads of those that failed: the next point starts them anew. */
  retire(racers: readonly Racer[]): void {
    for (const [key, lane] of this.#lanes) {
      const isInUse = racers.some((racer) => racer.lane === lane && isLive(racer));
      const took = racers.some(({ card, isNoise }) => key === `${card.name}${isNoise ? " again" : ""}`);
      if (isInUse || !took) continue;
      lane.terminate();
      this.#lanes.delete(key);
    }
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.terminate();
    for (const close of this.#closers) close();
  }
}
