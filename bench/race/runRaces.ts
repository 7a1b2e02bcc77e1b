import type { ContenderCard } from "./contract.ts";
import { Course } from "./course.ts";
import type { RaceHost, RaceProgress, RaceRequest } from "./host.ts";
import { isLive, judgedRow, type Racer, rowOf } from "./racer.ts";
import { type PointPlan, type RacePlan, races as allRaces } from "./races.ts";
import {
  type MachineCard,
  type Point,
  type Race,
  type RaceCeilings,
  type RaceRecord,
  schemaVersion,
} from "./record.ts";
import { runPoint } from "./runPoint.ts";
import { workOf } from "./workload.ts";

export interface RunOptions {
  /** Stops the race; the record holds the points that were finished. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RaceProgress) => void;
}

/** Races and points that a request asks for, on a kind of adapter. */
function chosenRaces({ races, effort }: RaceRequest, kind: MachineCard["kind"]): RacePlan[] {
  const isWanted = ({ isQuick, only }: PointPlan): boolean => (only ?? kind) === kind && (isQuick || !effort.fewPoints);
  return allRaces
    .filter(({ name }) => races.length === 0 || races.includes(name))
    .map((race) => ({ ...race, points: race.points.filter(isWanted) }));
}

const chosenCards = ({ cards, name: host }: RaceHost, names: readonly string[]): ContenderCard[] =>
  cards.filter(({ hosts, name }) => hosts.includes(host) && (names.length === 0 || names.includes(name)));

const adapterName = ({ vendor, architecture, description }: Readonly<Record<string, string>>): string =>
  [vendor, architecture].filter(Boolean).join(" ") || description || "unknown";

interface Context {
  readonly course: Course;
  readonly request: RaceRequest;
  readonly options: RunOptions;
  readonly cards: readonly ContenderCard[];
  readonly adapter: string;
  readonly progress: (race: string, point: string, phase: string, contender: string) => void;
}

async function runOne(
  { course, request, options, cards, adapter, progress }: Context,
  race: RacePlan,
  plan: PointPlan,
) {
  const taking = cards.filter(({ kinds }) => kinds.includes(plan.workload.kind));
  if (taking.length === 0) return [];
  const racers = await Promise.all(taking.map((card) => course.racer(card, false)));
  const first = racers.find(isLive);
  if (first) racers.push(await course.racer(first.card, true));
  const data = plan.workload.kind === "step" ? await course.rows(plan.workload.data) : undefined;
  const { effort } = request;
  const { judge, host } = course;
  const tell = (phase: string, contender: string): void => progress(race.name, plan.workload.name, phase, contender);
  const { visibility } = host;
  await runPoint(racers, { plan, data, effort, judge, adapter, visibility, signal: options.signal, tell });
  course.retire(racers);
  return racers;
}

function pointOf(plan: PointPlan, racers: readonly Racer[], ceilings: RaceCeilings | undefined): Point {
  const work = workOf(plan.workload);
  const base = racers.find(isLive) ?? racers[0]!;
  const rows = racers.map((racer) => rowOf(racer, base, work, ceilings));
  return { name: plan.workload.name, x: plan.x, description: plan.description, work, rows };
}

/** All rows held against the best ceilings of the run, which are known at its end alone. */
const judged = (races: readonly Race[], cards: readonly ContenderCard[], ceilings: RaceCeilings): Race[] =>
  races
    .filter(({ points }) => points.length > 0)
    .map((race) => ({
      ...race,
      points: race.points.map((point) => ({
        ...point,
        rows: point.rows.map((row) => {
          const card = cards.find(({ name }) => name === row.contender)!;
          return judgedRow(row, card, point.work, ceilings);
        }),
      })),
    }));

/** Rows that make the run fail: what cannot be believed, and what is thalweg's own fault. */
const problemsOf = (races: readonly Race[]): string[] =>
  races.flatMap(({ name, points }) =>
    points.flatMap((point) =>
      point.rows.flatMap((row) => {
        if (row.status === "timed" || row.status === "absent") return [];
        const isOwn = row.contender.startsWith("thalweg");
        const told = `${name}: ${point.name}: ${row.contender} ${row.status}: ${row.reason}`;
        return isOwn || row.status === "implausible" ? [told] : [];
      }),
    ),
  );

async function machineOf({ host, survey }: Course): Promise<MachineCard> {
  const [card, machine] = [await survey.card(), await host.machine()];
  return { date: new Date().toISOString(), ...machine, ...card };
}

const protocolOf = ({ effort }: RaceRequest): RaceRecord["protocol"] => {
  const { warmUp, ...rest } = effort;
  return { ...rest, warmUpRounds: warmUp.rounds, warmUpMs: warmUp.ms };
};

/**
 * Runs races by the protocol of docs/benchmarks.md.
 * @throws Error where the judge or the survey cannot start; a contender that fails gets a row that says so
 */
export async function runRaces(request: RaceRequest, host: RaceHost, options: RunOptions = {}): Promise<RaceRecord> {
  const course = await Course.open(host);
  try {
    return await runCourse(course, request, options);
  } finally {
    course.close();
  }
}

async function runCourse(course: Course, request: RaceRequest, options: RunOptions): Promise<RaceRecord> {
  const { signal, onProgress } = options;
  const machine = await machineOf(course);
  const plans = chosenRaces(request, machine.kind);
  const cards = chosenCards(course.host, request.contenders);
  const total = plans.reduce((sum, { points }) => sum + points.length, 0);
  const races: Race[] = [];
  const problems: string[] = [];
  let done = 0;
  let ceilings = await course.survey.ceilings();
  const progress: Context["progress"] = (race, point, phase, contender) =>
    onProgress?.({ race, point, phase, contender, done, total });
  const context = { course, request, options, cards, adapter: adapterName(machine.adapter), progress };
  try {
    for (const plan of plans) {
      const points: Point[] = [];
      const { name, title, axis } = plan;
      races.push({ name, title, axis, points });
      for (const each of plan.points) {
        const racers = await runOne(context, plan, each);
        if (racers.length === 0) continue; // nobody takes part in such a workload
        ceilings = await course.survey.ceilings();
        const result = pointOf(each, racers, ceilings);
        points.push(result);
        done++;
        onProgress?.({ race: name, point: result.name, phase: "done", contender: "", done, total, result });
      }
    }
  } catch (error) {
    // whatever has happened, what is finished is kept
    const place = `after ${done} of ${total} points`;
    problems.push(signal?.aborted ? `stopped ${place}` : `ended ${place}: ${(error as Error).message}`);
  }
  const finished = judged(races, cards, ceilings);
  problems.push(...problemsOf(finished));
  const protocol = protocolOf(request);
  return { schemaVersion, bench: "race", machine, protocol, ceilings, races: finished, problems };
}
