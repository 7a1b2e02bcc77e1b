import process from "node:process";
import { styleText } from "node:util";
import { scaleLinear, scaleLog } from "d3-scale";
import { plot } from "simple-ascii-chart";
import { type LossPoint, meanPoint } from "./lossCurve.ts";
import { short } from "./numbers.ts";

// A chart of losses in characters, for a terminal.

interface Size {
  /** Of the terminal. */
  readonly columns: number;
  readonly rows: number;
}

const tallestPlot = 12;
const leastPlot = 5;
/** Rows beside the plot: legend, axis and its labels, and what is written around the chart. */
const otherRows = 8;
const leastColumns = 60;
/** Of labels such as 1.0e-10, so that the plot stays where it is while they change. */
const labelWidth = 7;
const margin = labelWidth + 5;

const colours = { loss: ["ansiBlue", "blue"], validation: ["ansiYellow", "yellow"] } as const;

/** As many points as there are columns, at most. */
function binned(points: readonly LossPoint[], columns: number): LossPoint[] {
  const [first, last] = [points[0]!.epoch, points.at(-1)!.epoch];
  const bins: LossPoint[][] = [];
  for (const point of points) {
    const column = Math.round(((point.epoch - first) / (last - first)) * (columns - 1));
    (bins[column] ??= []).push(point);
  }
  return bins.filter((own) => own !== undefined).map(meanPoint);
}

/** A scale with its marks: powers of ten, between few of them also 2 and 5 times those. */
interface Axis {
  readonly isLog: boolean;
  /** From 0 for the least loss to 1: the library that draws cannot divide very large numbers, or very small ones. */
  readonly placeOf: (loss: number) => number;
  readonly ticks: readonly number[];
}

/** Positive losses of which the largest is so many times the smallest have a logarithmic scale. */
const leastSpan = 2;

/** Few of them, and round ones first. */
function fewTicks(all: readonly number[], most: number): readonly number[] {
  if (all.length <= most) return all;
  const round = all.filter((tick) => /^[125]/.test(tick.toExponential()));
  return round.filter((_, at) => at % Math.ceil(round.length / most) === 0);
}

function axisOf(losses: readonly number[], rows: number): Axis {
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  const isLog = least > 0 && most / least >= leastSpan;
  const half = (loss: number): number => (isLog ? Math.log10(loss) : loss) / 2; // two halves never overflow
  const span = half(most) - half(least);
  const scale = isLog ? scaleLog() : scaleLinear();
  return {
    isLog,
    placeOf: (loss) => (span === 0 ? 0.5 : (half(loss) - half(least)) / span),
    ticks: span === 0 ? [least] : fewTicks(scale.domain([least, most]).ticks(rows / 2), rows / 2),
  };
}

/** The library leaves an empty line around the plot, and arrows at the ends of the axes. */
const trimmed = (drawn: string): string[] =>
  drawn
    .split("\n")
    .filter((line) => line.trim() !== "" && line.trim() !== "▲")
    .map((line) => line.replace(/▶\s*$/, "").trimEnd());

function legend(lossName: string, { isLog }: Axis, hasValidation: boolean): string {
  const { stderr } = process;
  const parts = [
    `${lossName}${isLog ? " (log)" : ""} by epoch`,
    `${styleText(colours.loss[1], "━", { stream: stderr })} training`,
    ...(hasValidation ? [`${styleText(colours.validation[1], "•", { stream: stderr })} validation`] : []),
  ];
  return parts.join("  ");
}

/** @returns lines narrower than the terminal; undefined where it is too small, or there is nothing to draw yet */
export function lossChart(
  points: readonly LossPoint[],
  lossName: string,
  { columns, rows }: Size,
): string[] | undefined {
  const height = Math.min(tallestPlot, rows - otherRows);
  const finite = points.filter(({ loss }) => Number.isFinite(loss));
  if (height < leastPlot || columns < leastColumns || finite.length < 3) return undefined;
  const width = columns - margin;
  const bins = binned(finite, width);
  const held = bins.flatMap(({ epoch, validation }) => (validation === undefined ? [] : [{ epoch, loss: validation }]));
  const axis = axisOf([...bins.map(({ loss }) => loss), ...held.map(({ loss }) => loss)], height);
  const hasColours = styleText("blue", "━", { stream: process.stderr }) !== "━";
  const labels = new Map(axis.ticks.map((tick) => [axis.placeOf(tick), short(tick)]));
  const epochTicks = scaleLinear()
    .domain([bins[0]!.epoch, bins.at(-1)!.epoch])
    .ticks(Math.min(5, width / 15))
    .filter(Number.isInteger);
  const drawn = plot(
    bins.map(({ epoch, loss }): [number, number] => [epoch, axis.placeOf(loss)]),
    {
      width,
      height,
      points: held.map(({ epoch, loss }) => ({
        x: epoch,
        y: axis.placeOf(loss),
        ...(hasColours && { color: colours.validation[0] }),
      })),
      yRange: [0, 1],
      customYAxisTicks: [...labels.keys()],
      customXAxisTicks: epochTicks,
      formatter: (value, { axis: of }) => {
        if (of === "y") return labels.get(value) ?? " ".repeat(labelWidth); // of a loss that has no mark
        return epochTicks.includes(value) ? String(value) : "";
      },
      symbols: { point: "•" },
      ...(hasColours && { color: colours.loss[0] }),
    },
  );
  return [legend(lossName, axis, held.length > 0), ...trimmed(drawn)];
}
