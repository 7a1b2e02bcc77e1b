// Contenders that cheat are found out, and none of them spoils the race of the others.

import { expect, test } from "vitest";
import { reference } from "../bench/contenders/reference.ts";
import type { Contender } from "../bench/race/contract.ts";
import { quick } from "../bench/race/efforts.ts";
import type { RaceRecord, Row } from "../bench/race/record.ts";
import { runRaces } from "../bench/race/runRaces.ts";
import {
  abstains,
  cardOf,
  computesNothing,
  computesWrong,
  crawls,
  hangs,
  returnsEarly,
  skipsUnread,
  skipsWhenTimed,
  throws,
} from "./support/cheats.ts";
import { inProcessHost } from "./support/inProcessHost.ts";
import { testInFull } from "./support/share.ts";

const generous = { cpu: { flopsPerSecond: 1e15, bytesPerSecond: 1e15 } };
/** Blocks long enough for more than 100 rounds of the reference, and an audit that can follow them. */
const effort = { ...quick, blocks: 2, blockMs: 20, auditMs: 2000, patienceMs: 10_000 };

async function race(others: Record<string, Contender>, ceilings = generous, patienceMs = effort.patienceMs) {
  const cards = [cardOf("honest", reference), ...Object.entries(others).map(([name, one]) => cardOf(name, one))];
  const request = { races: ["tiny"], contenders: [], effort: { ...effort, patienceMs } };
  return runRaces(request, inProcessHost(cards, ceilings));
}

/** The row of a contender at the point of 4 samples, where a block has thousands of rounds. */
function rowOf(record: RaceRecord, contender: string): Row {
  return record.races[0]!.points[0]!.rows.find((row) => row.contender === contender)!;
}

function reasonOf(record: RaceRecord, contender: string): string {
  const row = rowOf(record, contender);
  return row.status === "timed" ? "timed" : `${row.status}: ${row.reason}`;
}

test("an honest contender is timed twice, and its second series is the noise floor", async () => {
  const record = await race({});
  const rows = record.races[0]!.points[0]!.rows;
  expect(rows.map(({ contender, status }) => [contender, status])).toEqual([
    ["honest", "timed"],
    ["honest", "timed"],
  ]);
  const [first, second] = rows as Extract<Row, { status: "timed" }>[];
  expect([first!.isNoise, second!.isNoise]).toEqual([false, true]);
  expect(first!.ratios).toEqual([1, 1]);
  expect(second!.ratios).toHaveLength(2);
  expect(first!.check.deviations.map(({ rounds }) => rounds)).toEqual([1, 3, 10, 100]);
  expect(first!.audit.deviations[0]!.rounds).toBeGreaterThan(100);
  expect(record.problems).toEqual([]);
});

testInFull("a contender that returns early is caught", async () => {
  const record = await race({ early: returnsEarly });
  expect(reasonOf(record, "early")).toMatch(/^implausible: the value it returned at the end of a block, .* is not/);
  expect(record.problems.join()).toContain("early implausible");
  expect(rowOf(record, "honest").status).toBe("timed");
});

testInFull("a contender that computes wrong numbers is caught before it is timed", async () => {
  const record = await race({ wrong: computesWrong, nothing: computesNothing });
  expect(reasonOf(record, "wrong")).toBe("wrong: before timing, its state differs from the float64 reference");
  expect(reasonOf(record, "nothing")).toContain("wrong: before timing");
  expect(rowOf(record, "honest").status).toBe("timed");
});

testInFull("a contender that skips rounds nobody reads is caught", async () => {
  const record = await race({ lazy: skipsUnread });
  expect(reasonOf(record, "lazy")).toContain("wrong: before timing");
  const { check } = rowOf(record, "lazy");
  expect(check!.deviations.map(({ deviation, bound }) => deviation > bound)).toEqual([false, true, true, true]);
});

test("a contender that is honest in the check and lazy in the timed blocks is caught by the audit", async () => {
  const record = await race({ sly: skipsWhenTimed });
  expect(reasonOf(record, "sly")).toBe("wrong: after timing, its state differs from the float64 reference");
});

testInFull("a rate above what the machine can do fails the run", async () => {
  const record = await race({}, { cpu: { flopsPerSecond: 1, bytesPerSecond: 1e15 } });
  expect(reasonOf(record, "honest")).toMatch(/^implausible: \d+ % of the arithmetic ceiling/);
  expect(record.problems).not.toEqual([]);
  const memory = await race({}, { cpu: { flopsPerSecond: 1e15, bytesPerSecond: 1 } });
  expect(reasonOf(memory, "honest")).toMatch(/of the memory ceiling/);
});

testInFull("a contender that hangs, throws or abstains loses only its own row", async () => {
  const record = await race({ hangs, throws, abstains }, generous, 2500);
  expect(reasonOf(record, "hangs")).toBe("failed: no answer within 2.5 s");
  expect(reasonOf(record, "throws")).toBe("failed: out of memory");
  expect(reasonOf(record, "abstains")).toBe("absent: it knows no sigmoid");
  expect(rowOf(record, "honest").status).toBe("timed");
  expect(record.problems).toEqual([]);
});

testInFull("a contender that is too slow is told how slow, and not waited for", async () => {
  const record = await race({ crawls });
  expect(reasonOf(record, "crawls")).toMatch(/^absent: one round takes 1\.\d s here, too long to be timed$/);
});

testInFull("a stopped race keeps what is finished", async () => {
  const cards = [cardOf("honest", reference)];
  const controller = new AbortController();
  const request = { races: ["tiny"], contenders: [], effort };
  const record = await runRaces(request, inProcessHost(cards, generous), {
    signal: controller.signal,
    onProgress: ({ result }) => result && controller.abort(),
  });
  expect(record.races[0]!.points).toHaveLength(1);
  expect(record.problems).toEqual(["stopped after 1 of 2 points"]);
});
