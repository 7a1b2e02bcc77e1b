import { exitCodes, Stop } from "../../src/cli/exitCodes.ts";
import { didYouMean } from "../../src/closest.ts";
import { contenders } from "../contenders/table.ts";
import { loadPages } from "../load/loadPages.ts";
import { namesOf } from "../race/names.ts";
import { races } from "../race/races.ts";
import type { RaceFlags } from "./program.ts";

/** The race of whole pages, which runs beside the others. */
export const loadRaceName = "load";
const raceNames = [...races.map(({ name }) => name), loadRaceName];

/** What is raced. */
export interface Choices {
  /** Without the load of pages. */
  readonly races: readonly string[];
  readonly hasLoad: boolean;
  readonly contenders: readonly string[];
  /** All races, of all contenders, in full: fit to be kept without being asked to. */
  readonly isFull: boolean;
}

const wrongUse = (message: string): Stop => new Stop(message, exitCodes.wrongUse[0]);

function requireKnown(option: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.find((name) => namesOf(name, known).length === 0);
  if (unknown === undefined) return;
  throw wrongUse(`${option} ${unknown}: there is none; ${didYouMean(unknown, known)}there are: ${known.join(", ")}`);
}

/** Names in the order of `known`; all where none was asked for. */
function choose(names: readonly string[] | undefined, known: readonly string[]): readonly string[] {
  if (!names) return known;
  const chosen = new Set(names.flatMap((name) => namesOf(name, known)));
  return known.filter((name) => chosen.has(name));
}

function chooseRaces({ race, host, against }: RaceFlags): readonly string[] {
  const withoutLoad = host === "node" || against !== undefined;
  if (withoutLoad && race?.includes(loadRaceName)) {
    const why = host === "node" ? "pages load in Chrome; leave --host out" : "--against compares no pages";
    throw wrongUse(`--race ${loadRaceName}: ${why}`);
  }
  return choose(race, raceNames).filter((name) => !withoutLoad || name !== loadRaceName);
}

/** @param baseline name of the older revision among the contenders */
function chooseContenders({ contender, host }: RaceFlags, baseline: string | undefined): readonly string[] {
  const known = contenders.filter(({ hosts }) => hosts.includes(host)).map(({ name }) => name);
  requireKnown("--contender", contender ?? [], known);
  if (baseline === undefined) return choose(contender, known);
  const base = "thalweg-webgpu"; // the older revision computes there
  const others = contender ? choose(contender, known).filter((name) => name !== base) : [];
  return [base, baseline, ...others];
}

/** @throws Stop naming what is unknown, and what was probably meant */
export function chooseFrom(flags: RaceFlags, baseline: string | undefined): Choices {
  requireKnown("--race", flags.race ?? [], raceNames);
  const chosen = chooseRaces(flags);
  const { race, contender, quick, against, isolation } = flags;
  return {
    races: chosen.filter((name) => name !== loadRaceName),
    hasLoad: chosen.includes(loadRaceName),
    contenders: chooseContenders(flags, baseline),
    isFull: !race && !contender && !quick && against === undefined && isolation,
  };
}

/** Pages of the chosen contenders. */
export const loadPagesOf = ({ contenders: names }: Choices) =>
  loadPages.filter(({ contender }) => names.includes(contender));

/** Everything that can be named. */
export function listOf(): string {
  const line = (name: string, text: string): string => `  ${name.padEnd(22)}${text}`;
  const loadTitle = "From the navigation to the first training step, on a page with empty caches; bytes fetched";
  return [
    "Races:",
    ...races.map(({ name, title, points }) => line(name, `${title} (${points.length} points)`)),
    line(loadRaceName, loadTitle),
    "",
    "Contenders:",
    ...contenders.map(({ name, label, hosts }) => line(name, `${label} (${hosts.join(", ")})`)),
    "",
  ].join("\n");
}
