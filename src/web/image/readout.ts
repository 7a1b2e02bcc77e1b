import { figureList, Rate } from "../figureList.ts";
import { lineChart } from "../lineChart.ts";
import { Interval } from "../interval.ts";
import { roughNumber } from "../shortNumber.ts";
import type { FrameMessage } from "../worker/protocol.ts";
import { Curve } from "./curve.ts";
import type { ImageFrame } from "./protocol.ts";
import { peakSignalToNoise } from "./quality.ts";

/** Time between two drawings of the curve, and between two descriptions for those who listen. */
const curveMs = 250;
const describeMs = 5000;

const labels = {
  psnr: "PSNR",
  speed: "Steps/s",
  step: "Steps",
  loss: "Loss",
  paintings: "Redraws/s",
} as const;

/** Figures and curve of a training. */
export class Readout {
  readonly figures = figureList(labels);
  readonly chart = lineChart({
    label: "Loss over the steps",
    lines: [{ label: "Loss", colour: "--accent" }],
    heightPx: 190,
  });
  readonly #describe: (text: string) => void;
  readonly #curveDue = new Interval(curveMs);
  readonly #describeDue = new Interval(describeMs);
  #curve = new Curve();
  #rate = new Rate();
  #psnr = Number.NaN;

  /** @param describe called now and then with the progress in words */
  constructor(describe: (text: string) => void) {
    this.#describe = describe;
  }

  /** A new training begins. */
  clear(): void {
    this.#curve = new Curve();
    this.#psnr = Number.NaN;
  }

  /** The training has gone back. */
  cutAt(step: number): void {
    this.#curve.cutAt(step);
  }

  show({ step, losses, stepsPerSecond, isRunning, content }: FrameMessage<ImageFrame>): void {
    const nowMs = performance.now();
    this.#curve.add(losses);
    if (content.meanSquared !== undefined) this.#psnr = peakSignalToNoise(content.meanSquared);
    if (content.painting) this.figures.set("paintings", String(this.#rate.count(nowMs)));
    const { steps, means } = this.#curve.stretches;
    this.figures.set("psnr", Number.isNaN(this.#psnr) ? "–" : `${this.#psnr.toFixed(1)} dB`);
    this.figures.set("speed", Math.round(stepsPerSecond).toLocaleString("en"));
    this.figures.set("step", step.toLocaleString("en"));
    this.figures.set("loss", means.length > 0 ? roughNumber(means.at(-1)!) : "–");
    if (this.#curveDue.isDue(nowMs) || !isRunning) this.chart.draw(steps, [means]);
    if (this.#describeDue.isDue(nowMs) || !isRunning) this.#describe(this.#words(step));
  }

  #words(step: number): string {
    const quality = Number.isNaN(this.#psnr) ? "" : `, PSNR ${this.#psnr.toFixed(1)} dB`;
    return `The network's output after ${step.toLocaleString("en")} steps${quality}`;
  }
}
