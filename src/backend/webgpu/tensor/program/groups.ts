// Which nodes of a program one kernel computes.

import type { Value } from "../../../program.ts";
import { type Domain, isByRow, isIdentity, type Load } from "./loads.ts";
import { loadsOf, type MapNode, operandsOf, type ProductNode, type ProgramNode, type ReduceNode } from "./nodes.ts";

/** Nodes of one kernel. */
export interface Group {
  readonly kind: "rows" | "product" | "other";
  /** In order. */
  readonly nodes: ProgramNode[];
  /** Of rows: what an invocation takes. Of a product: its values, one by one. */
  domain: Domain;
  /** Groups that compute what this one reads. */
  readonly needs: Set<Group>;
  /** Values of which there is one per row; the others have one per row and column. */
  readonly byRow: Set<Value>;
}

const flat = (rows: number): Domain => ({ rows, width: 1, order: "rows" });

/** Reductions of fewer rows leave a device idle, where there is much to reduce. */
const leastRows = 64;
const fewValues = 4096;

/** Whether a group is computed after another one. */
export function dependsOn(group: Group, other: Group, met = new Set<Group>()): boolean {
  for (const need of group.needs) {
    if (need === other) return true;
    if (met.has(need)) continue;
    met.add(need);
    if (dependsOn(need, other, met)) return true;
  }
  return false;
}

/** Takes nodes in order into the newest group that can compute them along. */
class Grouping {
  readonly groups: Group[] = [];
  readonly #groupOf = new Map<Value, Group>();
  readonly #fusesProduct: (node: ProductNode) => boolean;

  constructor(nodes: readonly ProgramNode[], fusesProduct: (node: ProductNode) => boolean) {
    this.#fusesProduct = fusesProduct;
    for (const node of nodes) this.#add(node);
  }

  #add(node: ProgramNode): void {
    const needs = new Set(operandsOf(node).flatMap((value) => this.#groupOf.get(value) ?? []));
    const candidates = [...needs].toSorted((a, b) => this.groups.indexOf(b) - this.groups.indexOf(a));
    const group = candidates.find((one) => this.#takes(one, node, needs)) ?? this.#newGroup(node);
    group.nodes.push(node);
    for (const need of needs) if (need !== group) group.needs.add(need);
    this.#groupOf.set(node.out, group);
  }

  #newGroup(node: ProgramNode): Group {
    const kind = node.kind === "product" || node.kind === "other" ? node.kind : "rows";
    const domain = node.kind === "reduce" ? node.domain : flat(node.out.size);
    const byRow = new Set(node.kind === "reduce" || node.kind === "map" ? [node.out] : []);
    const group: Group = { kind, nodes: [], domain, needs: new Set(), byRow };
    this.groups.push(group);
    return group;
  }

  /** Takes a node into a group where it fits, and widens the group for it. */
  #takes(group: Group, node: ProgramNode, needs: ReadonlySet<Group>): boolean {
    if (node.kind === "product" || node.kind === "other" || group.kind === "other") return false;
    if ([...needs].some((need) => need !== group && dependsOn(need, group))) return false;
    const links = loadsOf(node).filter(({ value }) => this.#groupOf.get(value) === group);
    if (group.kind === "product") {
      const [product] = group.nodes as [ProductNode];
      return (
        node.kind === "map" &&
        this.#fusesProduct(product) &&
        node.out.size === product.out.size &&
        links.every(isIdentity)
      );
    }
    return node.kind === "map" ? takesMap(group, node, links) : takesReduce(group, node, links);
  }
}

/** Whether loads of a group's own values can be had from the invocation that computes them. */
function areLocal(links: readonly Load[], domain: Domain, isByRowValue: (value: Value) => boolean): boolean {
  return links.every((load) => (isByRowValue(load.value) ? isByRow(load, domain) : isIdentity(load)));
}

function takesMap(group: Group, node: MapNode, links: readonly Load[]): boolean {
  const { domain, byRow } = group;
  const size = node.out.size;
  const isOwnRow = (value: Value): boolean => byRow.has(value);
  if (size === domain.rows) {
    if (!links.every((load) => isOwnRow(load.value) && isIdentity(load))) return false;
    byRow.add(node.out);
    return true;
  }
  if (size === domain.rows * domain.width) return areLocal(links, domain, isOwnRow);
  const width = size / domain.rows;
  if (domain.width > 1 || !Number.isInteger(width) || domain.rows < leastRows) return false;
  const wide = (["rows", "columns"] as const)
    .map((order): Domain => ({ rows: domain.rows, width, order }))
    .find((one) => areLocal(links, one, isOwnRow));
  if (wide) group.domain = wide;
  return wide !== undefined;
}

function takesReduce(group: Group, node: ReduceNode, links: readonly Load[]): boolean {
  const { domain, byRow } = group;
  const { rows, width, order } = node.domain;
  const isSame = domain.rows === rows && domain.width === width && domain.order === order;
  const isWide = domain.width === 1 && domain.rows === rows * width && (rows >= leastRows || domain.rows <= fewValues);
  if (!(isSame && width > 1) && !isWide) return false;
  const areIdentities = links.every((load) => isIdentity(load) && (isWide || !byRow.has(load.value)));
  if (!areIdentities) return false;
  if (isWide && width > 1) {
    group.domain = node.domain;
    byRow.clear();
  }
  byRow.add(node.out);
  return true;
}

/**
 * Kernels for nodes: neighbours that depend on each other row by row or value by value share one.
 * @param fusesProduct whether what is done with the values of a product can go into its kernel
 */
export const groupsOf = (nodes: readonly ProgramNode[], fusesProduct: (node: ProductNode) => boolean): Group[] =>
  new Grouping(nodes, fusesProduct).groups;

/** The values that a group reads from memory. */
export function readsOfGroup({ nodes }: Group): Set<Value> {
  const own = new Set(nodes.map(({ out }) => out));
  return new Set(nodes.flatMap(operandsOf).filter((value) => !own.has(value)));
}
