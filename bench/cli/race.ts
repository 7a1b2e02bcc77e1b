import { cpus, loadavg } from "node:os";
import process from "node:process";
import { exitCodes, Stop } from "../../src/cli/exitCodes.ts";
import { type Baseline, openBaseline } from "../against/worktree.ts";
import { compare, writeComparison } from "../against/compare.ts";
import { type Chrome, openChrome } from "../hosts/openChrome.ts";
import { raceInChrome } from "../hosts/chromeRace.ts";
import type { RaceEvents } from "../hosts/raceEvents.ts";
import { serveFolder } from "../hosts/serve.ts";
import { gitRevision } from "../measure/machine.ts";
import { full, quick } from "../race/efforts.ts";
import type { RaceRequest } from "../race/host.ts";
import type { RaceRecord } from "../race/record.ts";
import { toMarkdown } from "../report/markdown.ts";
import { buildBenchView, buildChild } from "./build.ts";
import { type Choices, chooseFrom, loadRaceName } from "./choices.ts";
import { createInterrupts } from "./interrupts.ts";
import { keep, settle } from "./keep.ts";
import { raceLoads } from "./loads.ts";
import type { RaceFlags } from "./program.ts";
import { createProgressView, type ProgressView } from "./progressView.ts";
import { openSources } from "./sources.mjs";

/** A race and what it needs to end in order. */
interface Run {
  readonly flags: RaceFlags;
  readonly choices: Choices;
  readonly request: RaceRequest;
  readonly baseline: Baseline | undefined;
  readonly events: RaceEvents & Pick<ProgressView, "end">;
  /** Before anything was built. */
  readonly loadAverage: number[];
}

/** What a page cannot know of its machine. */
const machineFrom = ({ version, gpuFlags }: Chrome): Partial<RaceRecord["machine"]> => {
  const revision = gitRevision();
  return {
    hostVersion: version,
    flags: [...gpuFlags],
    cpu: cpus()[0]?.model ?? "unknown",
    ...(revision === undefined ? {} : { gitRevision: revision }),
  };
};

/** Whatever goes wrong with the pages, the races before them are not lost. */
async function withLoads(record: RaceRecord, chrome: Chrome, { flags, choices, events }: Run): Promise<RaceRecord> {
  try {
    return { ...record, load: await raceLoads(chrome, choices, { ...flags, ...events }) };
  } catch (error) {
    const problem = events.signal.aborted ? "stopped" : (error as Error).message;
    return { ...record, problems: [...record.problems, `${loadRaceName}: ${problem}`] };
  }
}

async function runInChrome(run: Run): Promise<RaceRecord> {
  const { flags, choices, request, baseline, events } = run;
  const folder = await buildBenchView(baseline?.alias ?? []);
  const server = await serveFolder({ folder, isolated: flags.isolation });
  const chrome = await openChrome(flags.chromeFlag ?? []);
  try {
    const machine = machineFrom(chrome);
    const raced = await raceInChrome(chrome, server.url, request, events);
    const record = { ...raced, machine: { ...raced.machine, ...machine } };
    return choices.hasLoad && !events.signal.aborted ? await withLoads(record, chrome, run) : record;
  } finally {
    await Promise.all([chrome.close(), server.close()]);
  }
}

async function runInNode({ request, baseline, events }: Run): Promise<RaceRecord> {
  const alias = baseline?.alias ?? [];
  const bundle = await buildChild(alias);
  const sources = await openSources([...alias]);
  try {
    const { raceInNode } = await sources.load<typeof import("./nodeRace.ts")>("bench/cli/nodeRace.ts");
    return await raceInNode(bundle, request, events);
  } finally {
    await sources.close();
  }
}

/** A build that fails on a file of the older revision is the revision's fault, not the bench's. */
function explain(error: unknown, baseline: Baseline | undefined): unknown {
  const message = error instanceof Error ? error.message : String(error);
  const fault = baseline?.faultIn(message);
  if (fault === undefined) return error;
  return new Stop(`--against: today's bench does not build over ${baseline!.contender}: ${fault}`, exitCodes.failed[0]);
}

function report(record: RaceRecord, { flags, baseline, choices }: Run): number {
  const text = baseline ? writeComparison(compare(record, baseline.contender), baseline.contender) : toMarkdown(record);
  process.stdout.write(text);
  const paths = keep(record, { output: flags.output, isFull: choices.isFull });
  for (const path of paths) process.stderr.write(`kept ${path}\n`);
  for (const problem of record.problems) process.stderr.write(`bench: ${problem}\n`);
  const hasProblems = record.problems.length > 0;
  if (hasProblems && paths.length === 0) process.stderr.write("bench: nothing was kept; --output keeps it anyway\n");
  return hasProblems ? exitCodes.failed[0] : exitCodes.ok[0];
}

function requestOf({ races, contenders }: Choices, { quick: isQuick }: RaceFlags): RaceRequest {
  // an empty list would stand for all races
  return { races: races.length > 0 ? races : [loadRaceName], contenders, effort: isQuick ? quick : full };
}

async function raceAndReport(run: Run): Promise<number> {
  const { flags, events, loadAverage } = run;
  const raced = await (flags.host === "node" ? runInNode(run) : runInChrome(run));
  events.end();
  if (events.signal.aborted && raced.races.length === 0) throw events.signal.reason;
  const record = { ...raced, machine: { ...raced.machine, loadAverage } };
  return report(settle(record, flags.output), run);
}

async function runWith(events: Run["events"], flags: RaceFlags, loadAverage: number[]): Promise<number> {
  const baseline = flags.against === undefined ? undefined : openBaseline(flags.against);
  const choices = chooseFrom(flags, baseline?.contender);
  try {
    return await raceAndReport({ flags, choices, request: requestOf(choices, flags), baseline, events, loadAverage });
  } catch (error) {
    throw explain(error, baseline);
  } finally {
    baseline?.remove();
  }
}

/** Races as the flags say, reports and keeps. @returns the exit code */
export async function race(flags: RaceFlags): Promise<number> {
  const view = createProgressView();
  const interrupts = createInterrupts((text) => view.tell(text));
  const { signal } = interrupts;
  try {
    const code = await runWith({ ...view, onProgress: (progress) => view.show(progress), signal }, flags, loadavg());
    return interrupts.exitCode || code;
  } catch (error) {
    view.end();
    if (signal.aborted) throw new Stop("interrupted; nothing was kept", interrupts.exitCode);
    throw error;
  }
}
