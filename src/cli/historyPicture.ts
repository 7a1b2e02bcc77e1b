import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
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
  /** Metrics that were asked for, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Of the step before. */
  readonly learningRate: number;
  readonly elapsedMs: number;
}

const colours = { training: "#0065e5", validation: "#da6e00" };

/** Curves of the training loss and the validation loss over epochs, as a picture that needs no style sheet and no script. */
export function historyPicture(points: readonly HistoryPoint[], lossName: string): string {
  const page = parseHTML("<!doctype html><html><body></body></html>");
  const all = points.flatMap(({ epoch, loss, validationLoss }) => [
    { epoch, loss, rows: "training" as const },
    ...(validationLoss === undefined ? [] : [{ epoch, loss: validationLoss, rows: "validation" as const }]),
  ]);
  const shown = all.filter(({ loss }) => Number.isFinite(loss));
  const isLog = shown.length > 0 && shown.every(({ loss }) => loss > 0);
  const ends = (["training", "validation"] as const).flatMap(
    (rows) => shown.findLast((point) => point.rows === rows) ?? [],
  );
  const svg = Plot.plot({
    document: page.document,
    className: "thalweg-history",
    width: 720,
    height: 400,
    marginRight: 80,
    marginLeft: 60,
    style: { fontFamily: "system-ui, sans-serif", fontSize: "12px", background: "white", color: "#222" },
    x: { label: "epoch", grid: true },
    y: { label: lossName, type: isLog ? "log" : "linear", grid: true, tickFormat: short },
    marks: [
      Plot.lineY(shown, {
        x: "epoch",
        y: "loss",
        stroke: ({ rows }: (typeof shown)[number]) => colours[rows],
        z: "rows",
      }),
      Plot.dot(ends, { x: "epoch", y: "loss", fill: ({ rows }: (typeof shown)[number]) => colours[rows], r: 2.5 }),
      Plot.text(ends, {
        x: "epoch",
        y: "loss",
        text: "rows",
        fill: ({ rows }: (typeof shown)[number]) => colours[rows],
        textAnchor: "start",
        dx: 6,
      }),
    ],
  });
  return `${svg.outerHTML.replace(/^<svg /, `${historyStarts.svg} xmlns="http://www.w3.org/2000/svg" `)}\n`;
}
