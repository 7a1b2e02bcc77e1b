// What the reader has chosen to race, and its form in the address: #race=tiny&contender=thalweg,jax-js&quick

import { namesOf } from "../race/names.ts";

export interface Choice {
  readonly races: readonly string[];
  readonly contenders: readonly string[];
  readonly isQuick: boolean;
}

/** Everything that can be chosen. */
export interface Offer {
  readonly races: readonly string[];
  readonly contenders: readonly string[];
}

interface ReadChoice {
  readonly choice: Choice;
  /** Names in the address that stand for nothing. */
  readonly unknown: readonly string[];
}

function readList(text: string | null, known: readonly string[]) {
  if (text === null) return { names: known, unknown: [] };
  const parts = text.split(",").filter((part) => part !== "");
  const found = new Set(parts.flatMap((part) => namesOf(part, known)));
  return {
    names: known.filter((name) => found.has(name)),
    unknown: parts.filter((part) => namesOf(part, known).length === 0),
  };
}

/** An empty address stands for a short race of everyone over the first workload. */
export function readHash(hash: string, offer: Offer): ReadChoice {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  if (parameters.size === 0) {
    return { choice: { races: offer.races.slice(0, 1), contenders: offer.contenders, isQuick: true }, unknown: [] };
  }
  const races = readList(parameters.get("race"), offer.races);
  const contenders = readList(parameters.get("contender"), offer.contenders);
  const choice = { races: races.names, contenders: contenders.names, isQuick: parameters.has("quick") };
  return { choice, unknown: [...races.unknown, ...contenders.unknown] };
}

const writeList = (key: string, names: readonly string[], known: readonly string[]): string[] =>
  names.length === known.length ? [] : [`${key}=${names.map(encodeURIComponent).join(",")}`];

/** All of a kind are left out, as on the command line. */
export function writeHash({ races, contenders, isQuick }: Choice, offer: Offer): string {
  const parts = [
    ...writeList("race", races, offer.races),
    ...writeList("contender", contenders, offer.contenders),
    isQuick ? "quick" : "full",
  ];
  return `#${parts.join("&")}`;
}
