// Where the nodes of a network lie on a GPU, and in which order they are computed.

import fc from "fast-check";
import { expect, test } from "vitest";
import { scheduleOf } from "../src/graph/schedule.ts";
import { readsOf, type Task, writesOf } from "../src/graph/tasks.ts";
import { type AnyNetwork, dense, dropout, layerNorm, network, residual } from "../src/index.ts";
import { graphCases, randomGraph } from "./support/graphs.ts";
import { allCases } from "./support/shapes.ts";
import { testInFull } from "./support/share.ts";

/** What a schedule promises to the kernels: the order of tasks, and buffers that WebGPU accepts. */
function requireSound(net: AnyNetwork): void {
  const { nodes, tasks, forward, output, placeOf, arenaWidths, forwardWidths, sampleUnit, step } = scheduleOf(net);
  const arenaOf = (node: number): number => {
    const place = placeOf(node);
    return place.kind === "arena" ? place.arena : -1;
  };
  const firstOf = (node: number): number => {
    const place = placeOf(node);
    return place.kind === "arena" ? place.base * sampleUnit : 0;
  };
  const written = new Set([0]);
  const ends = arenaWidths.map(() => 0);
  for (const task of tasks) {
    const writes = writesOf(nodes, task);
    const own = writes.flatMap((write) => write.nodes);
    const reads = readsOf(nodes, task);
    for (const node of reads) {
      const isOwn = task.kind === "rows" && own.includes(node);
      if (!isOwn && !written.has(node)) throw new Error(`${task.kind} reads node ${node} before it is written`);
      // No buffer may be read only and written in one dispatch.
      if (task.kind !== "rows") for (const other of own) expect(arenaOf(node)).not.toBe(arenaOf(other));
    }
    for (const { nodes: same, columns } of writes) {
      const { base, arena } = { base: 0, arena: -1, ...placeOf(same[0]!) };
      expect(base, "nodes lie one behind the other").toBe(ends[arena]);
      ends[arena]! += columns;
      for (const node of same) expect(placeOf(node)).toEqual(placeOf(same[0]!));
    }
    if (task.kind !== "rows") {
      const bound = [...reads, ...own.slice(0, 1)];
      for (const node of bound) expect(firstOf(node) % 64, "256 bytes, where a binding may begin").toBe(0);
    } else {
      expect(new Set([...reads, ...own].map(arenaOf).filter((arena) => arena >= 0)).size).toBeLessThanOrEqual(4);
    }
    for (const node of own) written.add(node);
  }
  expect(ends).toEqual(arenaWidths);
  for (const [arena, width] of forwardWidths.entries()) expect(width).toBeLessThanOrEqual(arenaWidths[arena]!);
  const forwardNodes = forward.flatMap((task: Task) => writesOf(nodes, task).flatMap((write) => write.nodes));
  expect(forwardNodes).toContain(output);
  const summed = tasks.filter(({ kind }) => kind === "denseWeights" || kind === "table" || kind === "sums").length;
  expect(summed).toBeGreaterThan(0);
  expect(step.parameters.length).toBeGreaterThan(0);
}

test.each(graphCases)("every node has its place and its turn: $name", ({ network: net }) => requireSound(net));

test("… in random networks", () => {
  fc.assert(
    fc.property(fc.nat(1e6), (seed) => requireSound(randomGraph(seed))),
    allCases(300),
  );
});

testInFull("… in deep networks, whose nodes share four arenas", () => {
  const block = () => residual(layerNorm(), dense(8, "silu"), dropout(0.1), dense(4, "tanh"), dense(8));
  for (const count of [1, 5, 20]) {
    const layers = [dense(8), ...Array.from({ length: count }, block), dense(3, "gelu"), dense(1)];
    requireSound(network({ inputs: 5, layers, loss: "huber" }));
  }
});
