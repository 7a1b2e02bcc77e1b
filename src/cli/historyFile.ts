import type { History, Progress } from "../node.ts";
import { InvalidInput } from "../node.ts";
import type { HistoryPoint } from "./historyPicture.ts";
import { byteSize } from "./numbers.ts";
import { type OutputFile, claimOutput, describeKept, historyKinds } from "./outputFile.ts";
import type { ProgressView } from "./progress.ts";
import { documentText, jsonText } from "./safeText.ts";
import type { TrainFlags } from "./trainFlags.ts";

/** Points that are kept at most: of more epochs each is the mean of several. */
const mostPoints = 1000;

const formats = ["csv", "json", "svg"] as const;
type Format = (typeof formats)[number];

interface HistoryRequest {
  readonly file: string;
  readonly inputs: readonly string[];
  /** The model's. */
  readonly others: readonly OutputFile[];
  readonly force: boolean;
  readonly epochs: number;
}

function formatOf(file: string): Format {
  const format = formats.find((ending) => file.toLowerCase().endsWith(`.${ending}`));
  if (format) return format;
  const fix = "name it history.csv, for example";
  throw new InvalidInput({
    place: `--history ${file}`,
    expected: "a file .csv, .json or .svg",
    got: "another ending",
    fix,
  });
}

/** An entry of the library's history, or the last event. */
type Told = History["entries"][number];

const pointOf = ({ epoch, step, loss, validation, learningRate, elapsedMs }: Told): HistoryPoint => ({
  epoch,
  step,
  loss,
  ...(validation && { validationLoss: validation.loss }),
  ...(validation?.accuracy !== undefined && { validationAccuracy: validation.accuracy }),
  metrics: { ...(validation?.metrics as Record<string, number> | undefined) },
  learningRate,
  elapsedMs,
});

const cell = (value: number | undefined): string => (Number.isFinite(value) ? String(value) : "");

/** A line per point; cells are empty where there is no number. */
function historyCsv(points: readonly HistoryPoint[]): string {
  const names = [...new Set(points.flatMap(({ metrics }) => Object.keys(metrics)))];
  const header = [
    "epoch",
    "step",
    "loss",
    "validationLoss",
    "validationAccuracy",
    ...names,
    "learningRate",
    "elapsedMs",
  ];
  const lines = points.map(({ metrics, ...point }) => {
    const own: Readonly<Record<string, number | undefined>> = { ...point, ...metrics };
    return header.map((name) => cell(own[name])).join(",");
  });
  return `${[header.join(","), ...lines].join("\n")}\n`;
}

/** The course of a training, for the file that `--history` names: an event per epoch, written at the end. */
export class HistoryFile {
  readonly file: OutputFile;
  readonly #format: Format;
  readonly #epochs: number;
  /** The last event: the history of an interrupted run does not contain it. */
  #last: Progress | undefined;

  /** @throws InvalidInput where the file cannot be written, or has another ending */
  constructor({ file, inputs, others, force, epochs }: HistoryRequest) {
    this.#format = formatOf(file);
    this.#epochs = epochs;
    const kind = historyKinds[this.#format];
    this.file = claimOutput({ file, flag: "--history", kind, inputs, others, force });
  }

  /** A view whose events are on the epochs of the history. */
  watching(view: ProgressView): ProgressView {
    return {
      ...view,
      logInterval: { epochs: Math.ceil(this.#epochs / mostPoints) },
      show: (progress) => {
        this.#last = progress;
        view.show(progress);
      },
    };
  }

  /** Those before an interruption too, where the run was resumed. */
  #pointsOf(entries: readonly Told[]): HistoryPoint[] {
    const told = entries.at(-1)?.step ?? 0;
    const rest = this.#last && this.#last.step > told ? [this.#last] : [];
    return [...entries, ...rest].map((own) => pointOf(own));
  }

  async #text(lossName: string, entries: readonly Told[]): Promise<string> {
    const points = this.#pointsOf(entries);
    if (this.#format === "csv") return historyCsv(points);
    if (this.#format === "json") return `${jsonText({ kind: "thalweg history", lossName, points })}\n`;
    const { historyPicture } = await import("./historyPicture.ts"); // the libraries that draw are large
    return historyPicture(points, lossName);
  }

  /** @returns the line to print */
  async write(
    lossName: string,
    { history, isFinished }: { readonly history: History | undefined; readonly isFinished: boolean },
  ): Promise<string> {
    const bytes = new TextEncoder().encode(documentText(await this.#text(lossName, history?.entries ?? [])));
    const kept = this.file.write(bytes, isFinished);
    return `${this.file.path} (${byteSize(bytes.length)})${describeKept(kept)}`;
  }
}

/** The file that `--history` names, checked before the table is read. */
export function claimHistory(input: string, { history, force = false, epochs }: TrainFlags, model: OutputFile) {
  if (history === undefined) return undefined;
  return new HistoryFile({ file: history, inputs: [input], others: [model], force, epochs });
}
