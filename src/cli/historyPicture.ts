import { scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";
import { short } from "./numbers.ts";
import { historyStarts } from "./outputFile.ts";

/** What is written of an epoch, or of several where there are very many. */
export interface HistoryPoint {
  readonly epoch: number;
  readonly step: number;
  /** Mean of the losses of its steps, each before its update. */
  readonly loss: number;
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  /** Metrics that were requested, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Of the step before. */
  readonly learningRate: number;
  readonly elapsedMs: number;
}

const colours = { training: "#0065e5", validation: "#da6e00" };
const [width, height] = [720, 400];
const margin = { top: 28, right: 80, bottom: 40, left: 60 };

interface Scale {
  (value: number): number;
  ticks(count?: number): number[];
}

interface Point {
  readonly epoch: number;
  readonly loss: number;
}

const rounded = (value: number): number => Number(value.toFixed(2));

/** A text element; what it says has no characters that XML would take for markup. */
const textAt = (x: number, y: number, text: string, more = ""): string =>
  `<text x="${rounded(x)}" y="${rounded(y)}"${more}>${text}</text>`;

/** Lines across the plot at round values, and the values beside them. */
function yAxis(y: Scale, isLog: boolean): string[] {
  const all = y.ticks(7);
  const labelled = isLog && all.length > 10 ? all.filter((tick) => /^[125]e/.test(tick.toExponential())) : all;
  const lines = all.map((tick) => `<path d="M${margin.left},${rounded(y(tick))}H${width - margin.right}"/>`);
  const labels = labelled.map((tick) => textAt(margin.left - 8, y(tick) + 4, short(tick)));
  return [`<g stroke="#222" stroke-opacity="0.1">${lines.join("")}</g>`, `<g text-anchor="end">${labels.join("")}</g>`];
}

function xAxis(x: Scale): string[] {
  const ticks = x.ticks(8).filter(Number.isInteger);
  const bottom = height - margin.bottom;
  const lines = ticks.map((tick) => `<path d="M${rounded(x(tick))},${margin.top}V${bottom}"/>`);
  const labels = ticks.map((tick) => textAt(x(tick), bottom + 18, String(tick)));
  return [
    `<g stroke="#222" stroke-opacity="0.1">${lines.join("")}</g>`,
    `<g text-anchor="middle">${labels.join("")}</g>`,
  ];
}

/** A curve, and its name beside its end. */
function curveOf(points: readonly Point[], [x, y]: readonly [Scale, Scale], rows: keyof typeof colours): string[] {
  const last = points.at(-1);
  if (!last) return [];
  const path = line<Point>(
    ({ epoch }) => x(epoch),
    ({ loss }) => y(loss),
  ).digits(2)(points as Point[])!;
  const end = [x(last.epoch), y(last.loss)] as const;
  const colour = colours[rows];
  return [
    `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-linejoin="round"/>`,
    `<circle cx="${rounded(end[0])}" cy="${rounded(end[1])}" r="2.5" fill="${colour}"/>`,
    textAt(end[0] + 6, end[1] + 4, rows, ` fill="${colour}"`),
  ];
}

/** Curves of the training loss and the validation loss over epochs, as a picture that needs no style sheet and no script. */
export function historyPicture(points: readonly HistoryPoint[], lossName: string): string {
  const finite = ({ loss }: Point): boolean => Number.isFinite(loss);
  const training = points.filter(finite);
  const validation = points
    .flatMap(({ epoch, validationLoss }) => (validationLoss === undefined ? [] : [{ epoch, loss: validationLoss }]))
    .filter(finite);
  const losses = [...training, ...validation].map(({ loss }) => loss);
  const epochs = points.map(({ epoch }) => epoch);
  const isLog = losses.length > 0 && losses.every((loss) => loss > 0);
  const x = scaleLinear([Math.min(...epochs), Math.max(...epochs)], [margin.left, width - margin.right]);
  const y = (isLog ? scaleLog : scaleLinear)(
    [Math.min(...losses), Math.max(...losses)],
    [height - margin.bottom, margin.top],
  );
  const parts = [
    `${historyStarts.svg} xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...(losses.length > 0 ? [...yAxis(y, isLog), ...xAxis(x)] : []),
    textAt(8, 16, `↑ ${lossName}`),
    textAt(width - margin.right, height - 6, "epoch →", ' text-anchor="end"'),
    ...curveOf(training, [x, y], "training"),
    ...curveOf(validation, [x, y], "validation"),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}
