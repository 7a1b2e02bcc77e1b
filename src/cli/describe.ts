import type { DateColumn, InputColumn, Prepared, Preprocessing, Table } from "../data.ts";
import {
  type AnyNetwork,
  asChain,
  describeArchitecture,
  type Device,
  nameOf,
  parametersOf,
  type PlanReport,
  type Verification,
} from "../node.ts";
import { byteSize, counted, grouped, short } from "./numbers.ts";
import type { Output } from "./output.ts";

// What a command has understood and what it is going to do, in lines for people.

/** The first names, and how many more there are. */
function some(names: readonly string[]): string {
  const most = 6;
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown}, … ${names.length - most} more` : shown;
}

export function describeDevice(output: Output, { name, fallbackReason }: Device): void {
  output.info("device", name);
  if (fallbackReason !== undefined) output.info("", fallbackReason);
}

/** `2023-01-31` */
const dateOf = (days: number): string => new Date(Math.round(days) * 86_400_000).toISOString().slice(0, 10);

function describeDate({ name, form, mean, deviation, cycles }: DateColumn): string {
  const parts = cycles.length > 0 ? `, with sine and cosine of the ${cycles.join(" and the ")}` : "";
  if (form === "time") return `${name}: time of day${parts}`;
  return `${name}: date, mean ${dateOf(mean)}, deviation ${short(deviation)} days${parts}`;
}

function describeColumn(column: InputColumn): string {
  const { name } = column;
  if (column.kind === "date") return describeDate(column);
  if (column.kind === "category") {
    const embedded = column.encoding === "numbered" ? ", embedded" : "";
    return `${name}: ${column.values.length} categories${embedded} (${some(column.values)})`;
  }
  return `${name}: number, mean ${short(column.mean)}, deviation ${short(column.deviation)}`;
}

function describeTarget({ target }: Preprocessing, { taskReason, otherTask }: Prepared["report"]): string[] {
  const other = otherTask === undefined ? "" : `; --task ${otherTask} treats them ${otherNames[otherTask]}`;
  const why = `${taskReason}${other}`;
  if (target.kind === "class") return [`${target.name}: ${target.values.length} classes (${some(target.values)})`, why];
  return [...target.columns.map(describeColumn), why];
}

const otherNames = { regression: "as amounts", classification: "as classes" } as const;

/** A label before the first line only. */
function lines(output: Output, label: string, texts: readonly string[]): void {
  for (const [index, text] of texts.entries()) output.info(index === 0 ? label : "", text);
}

function describeIgnored(ignored: Prepared["report"]["ignored"]): string[] {
  const all = ignored.map(({ name, why }) => `${name}: ${why}`);
  const more = all.length > mostColumns ? [`… ${counted(all.length - mostColumns, "more column")}`] : [];
  const keep = ignored.some(({ canBeKept }) => canBeKept) ? ["pass --columns to use such columns anyway"] : [];
  return [...all.slice(0, mostColumns), ...more, ...keep];
}

/** Columns of a wide table are not listed one by one. */
const mostColumns = 20;

export function describeData(output: Output, table: Table, prepared: Prepared, seed: number): void {
  const { preprocessing, report, trainingRows, validationRows } = prepared;
  const size = `${counted(report.rows, "row")} × ${counted(table.columns.length, "column")}`;
  const filled = report.filledRows > 0 ? `, ${counted(report.filledRows, "row")} with missing cells filled` : "";
  const dropped = `${counted(report.droppedRows, "row")} with missing cells dropped${filled}`;
  output.info("data", `${table.place}: ${size} (${table.format}), ${dropped}`);
  lines(output, "predict", describeTarget(preprocessing, report));
  const inputs = preprocessing.inputs.map(describeColumn);
  const more = inputs.length > mostColumns ? [`… ${counted(inputs.length - mostColumns, "more column")}`] : [];
  lines(output, "from", [...inputs.slice(0, mostColumns), ...more]);
  lines(output, "ignored", describeIgnored(report.ignored));
  lines(output, "note", report.notes);
  output.info("split", `${counted(trainingRows, "training row")}, ${grouped(validationRows)} held out (seed ${seed})`);
}

/** Dense layers, or of a network with others its parameters, and how many parameters each has. */
function layersOf(network: AnyNetwork): (readonly [string, number])[] {
  const chain = asChain(network);
  if (!chain) return parametersOf(network).map(({ name, shape, size }) => [`${name} [${shape.join(", ")}]`, size]);
  return chain.layers.map(({ index, fanIn, fanOut, activation }) => [
    `layer ${index + 1}: dense ${fanIn} → ${fanOut}, ${nameOf(activation)}`,
    (fanIn + 1) * fanOut,
  ]);
}

export function describeNetwork(output: Output, network: AnyNetwork, members: number): void {
  const times = members > 1 ? `, ${members} members` : "";
  output.info("network", `${describeArchitecture(network)}, loss ${nameOf(network.loss)}${times}`);
  for (const [layer, count] of layersOf(network)) output.info("", `${layer.padEnd(38)} ${grouped(count)} parameters`);
  const count = network.parameterCount * members;
  output.info("", `${grouped(count)} parameters, ${byteSize(count * 4)} in float32`);
}

/** How steps will be computed: one line, and with --verbose the planner's reason, the kernels and the memory. */
export function describePlan(output: Output, plan: PlanReport, isVerbose = false): void {
  const { strategy, summary, reason, kernels, bytes } = plan;
  if (!isVerbose) return output.info("plan", `${strategy}: ${summary}`);
  output.info("plan", `${strategy}: ${reason}`);
  const names = kernels.length > 0 ? `${[...new Set(kernels)].join(", ")}; ` : "";
  output.info("", `${names}${byteSize(bytes)} of memory`);
}

export function verificationLines({ deviation, bound, passed, conclusive, worst, reason }: Verification): string[] {
  const outcome = `${passed ? "within" : "ABOVE"} the bound ${bound.toExponential(2)}`;
  const what = conclusive ? "largest deviation" : "one more step: largest deviation";
  const scale = conclusive ? "relative to the largest parameter" : "of gradients and update, relative to the largest";
  return [
    `${what} ${deviation.toExponential(2)} ${outcome} (${scale})`,
    `at ${worst.name}: ${worst.value}, float64 reference ${worst.reference}`,
    `${conclusive ? "bound" : "why"}: ${reason}`,
  ];
}
