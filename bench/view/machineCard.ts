import { element } from "../../src/web/dom.ts";
import type { MachineCard, RaceRecord } from "../race/record.ts";
import { formatBytes, formatFlops, formatMs } from "../race/units.ts";
import { byId } from "./dom.ts";
import { notice } from "./messages.ts";
import { formatDate, hiddenBlocks, type Source } from "./sources.ts";

type Entry = readonly [name: string, value: string | undefined];

const listOf = (entries: readonly Entry[]): HTMLElement =>
  element(
    "dl",
    { class: "facts" },
    ...entries
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );

const pairs = (record: Readonly<Record<string, unknown>>): string =>
  Object.entries(record)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(", ");

const kindText = ({ kind, isFallbackAdapter }: MachineCard): string =>
  [kind === "gpu" ? "hardware" : "software: computes on the CPU", isFallbackAdapter && "fallback adapter"]
    .filter(Boolean)
    .join(", ");

/** Pages alone can be isolated. */
const isolationText = ({ host, crossOriginIsolated }: MachineCard): string | undefined => {
  if (host !== "chrome") return undefined;
  return crossOriginIsolated ? "cross-origin isolated" : "not cross-origin isolated";
};

const machineEntries = (machine: MachineCard): readonly Entry[] => [
  ["Recorded", formatDate(machine.date)],
  ["Host", machine.hostVersion],
  ["Adapter", pairs(machine.adapter)],
  ["Kind", kindText(machine)],
  ["Processor", machine.cpu],
  ["Cores", String(machine.cores)],
  ["Load average", machine.loadAverage?.map((load) => load.toFixed(2)).join(", ")],
  ["Isolation", isolationText(machine)],
  ["Timer step", machine.timerStepMs > 0 ? formatMs(machine.timerStepMs) : "not recorded"],
  ["Versions", pairs(machine.versions)],
  ["Revision", machine.gitRevision],
  ["Switches", machine.flags?.join(" ")],
];

function ceilingEntries({ ceilings }: RaceRecord): readonly Entry[] {
  if (!ceilings) return [];
  const { gpu, cpu } = ceilings;
  const rates = ({ flopsPerSecond, bytesPerSecond }: typeof cpu): string =>
    `${formatFlops(flopsPerSecond)}, ${formatBytes(bytesPerSecond, "B/s")}`;
  return [
    ["GPU ceilings", gpu ? rates(gpu) : "no timestamps"],
    ["Empty dispatch", gpu && formatMs(gpu.emptyNs / 1e6)],
    ["Dependent dispatch", gpu && formatMs(gpu.dependentNs / 1e6)],
    // 0 in records that are older than its measurement
    ["CPU ceilings", cpu.flopsPerSecond > 0 ? rates(cpu) : "not recorded"],
  ];
}

const more = (title: string, entries: readonly Entry[]): HTMLElement | undefined =>
  entries.length > 0 ? element("details", {}, element("summary", {}, title), listOf(entries)) : undefined;

const asEntries = (record: Readonly<Record<string, unknown>>): readonly Entry[] =>
  Object.entries(record).map(([name, value]) => [
    name,
    typeof value === "number" ? value.toLocaleString("en") : String(value),
  ]);

/** Everything a record tells of where it was made. */
function cardOf(record: RaceRecord): readonly Node[] {
  const { machine, protocol } = record;
  const features = machine.features.length > 0 ? machine.features.join(", ") : undefined;
  return [
    listOf([...machineEntries(machine), ...ceilingEntries(record)]),
    more("Protocol", asEntries(protocol)),
    more("Limits of the adapter", asEntries(machine.limits)),
    features === undefined ? undefined : more("Features of the adapter", [["features", features]]),
  ].filter((node) => node !== undefined);
}

/** The machine of the shown result. */
export class MachinePanel {
  readonly #section = byId("machine", HTMLElement);
  readonly #body = byId("machine-body", HTMLElement);
  #last: RaceRecord | undefined;

  draw(record: RaceRecord | undefined): void {
    if (record === this.#last) return; // what the reader has opened stays open
    this.#last = record;
    this.#section.hidden = record === undefined;
    this.#body.replaceChildren(...(record ? cardOf(record) : []));
  }
}

const hasNoWebGpu = ({ adapter }: MachineCard): boolean => adapter.description === "no WebGPU";

/** What a reader of the figures must know first. */
export function warningsOf(source: Source): readonly HTMLElement[] {
  const { record, wasHidden } = source;
  const warnings: HTMLElement[] = [];
  if (record?.machine.kind === "software" && !hasNoWebGpu(record.machine)) {
    const carries = "ratios between WebGPU contenders may not carry over to a GPU.";
    warnings.push(notice(`Software adapter: WebGPU computed on the CPU here, and ${carries}`));
  }
  const hidden = hiddenBlocks(source);
  if (wasHidden || hidden > 0) {
    const repeated = hidden > 0 ? `; blocks thrown away and repeated: ${hidden}` : "";
    warnings.push(notice(`The page was hidden during this race${repeated}.`));
  }
  for (const problem of record?.problems ?? []) {
    warnings.push(notice(problem, problem.startsWith("stopped after") ? "info" : "bad"));
  }
  return warnings;
}
