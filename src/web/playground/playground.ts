// The playground: holds the state, the session that trains it, and the panels that show both.

import { element } from "../dom.ts";
import { type Notice, notice } from "../notices.ts";
import { tellDevice, tellDiverged, tellFailed, tellOutOfMemory, tellResumed } from "../sessionNotices.ts";
import type { ViewState } from "../view.ts";
import { SessionClient } from "../worker/client.ts";
import type {
  DeviceMessage,
  DivergedMessage,
  FailedMessage,
  FrameMessage,
  OutOfMemoryMessage,
  Pace,
} from "../worker/protocol.ts";
import { rampsOf } from "./colors.ts";
import { DataPanel } from "./dataPanel.ts";
import type { Split } from "./datasets.ts";
import { Drawing } from "./drawing.ts";
import { openFile } from "./filePanel.ts";
import { formatCount } from "./format.ts";
import type { FrameOptions, Neuron, PlaygroundFrame } from "./frame.ts";
import { History } from "./history.ts";
import { OutputPanel } from "./outputPanel.ts";
import { mostOwnPoints, type Point, roundPoint } from "./points.ts";
import { RedrawMeter } from "./redrawMeter.ts";
import { changeBetween, pointsOf, sessionOf } from "./setup.ts";
import { createSharePanel, type Snapshot } from "./sharePanel.ts";
import { decodeState, encodeState, type PlaygroundState } from "./state.ts";
import { Toolbar } from "./toolbar.ts";
import { TrainingPanel } from "./trainingPanel.ts";
import { WeightsTable } from "./weightsTable.ts";

/** Between two redraws where motion is to be reduced. */
const calmMs = 400;

const paceOf = ({ pace }: PlaygroundState): Pace => (pace === "full" ? "full" : { steps: Number(pace) });

export class Playground {
  readonly #address: ViewState;
  readonly #client: SessionClient<FrameOptions, PlaygroundFrame>;
  readonly #history = new History();
  readonly #toolbar: Toolbar;
  readonly #data: DataPanel;
  readonly #drawing: Drawing;
  readonly #output: OutputPanel;
  readonly #training: TrainingPanel;
  readonly #weights: WeightsTable;
  readonly #meter = new RedrawMeter();
  readonly #root: HTMLElement;
  #state: PlaygroundState;
  #split: Split;
  #neuron: Neuron | undefined;
  #isPlaying = false;
  #isBroken = false;
  #starts = 0;
  #last: FrameMessage<PlaygroundFrame> | undefined;
  #cpuNotice: Notice | undefined;

  constructor(root: HTMLElement, address: ViewState, worker: Worker) {
    this.#root = root;
    this.#address = address;
    const { state, problems } = decodeState(address.read());
    for (const problem of problems) notice("warn", `In the address, ${problem}.`);
    this.#state = state;
    this.#split = pointsOf(state);
    const ramps = rampsOf(root);
    const update = (changes: Partial<PlaygroundState>): void => this.#update(changes);
    this.#toolbar = new Toolbar({
      update,
      onToggle: () => this.toggle(),
      onStep: (steps) => this.step(steps),
      onReset: () => this.reset(),
    });
    this.#output = new OutputPanel(ramps, this.#history, { update, onPaint: (points) => this.#paint(points) });
    this.#data = new DataPanel(ramps.points, {
      update,
      onFile: (file) => this.open(file),
      onClear: () => this.#clear(),
    });
    this.#drawing = new Drawing(ramps.maps, {
      update,
      onNeuron: (neuron) => this.#look(neuron),
      onLink: (index) => this.#weights.goTo(index),
    });
    this.#weights = new WeightsTable((index, value) => void this.#goOn({ index, value }));
    this.#training = new TrainingPanel(update);
    this.#client = new SessionClient(worker, {
      device: (message) => this.#showDevice(message),
      frame: (message) => this.#draw(message),
      resumed: tellResumed,
      diverged: (message) => this.#diverged(message),
      outOfMemory: (message) => this.#outOfMemory(message),
      failed: (message) => this.#failed(message),
    });
    this.#assemble();
    this.#show();
    this.#restart();
  }

  toggle(): void {
    if (this.#isPlaying) {
      this.#setPlaying(false);
      this.#client.pause();
    } else this.#play();
  }

  step(steps: number): void {
    this.#setPlaying(false);
    if (this.#isBroken) this.#restart();
    this.#client.step(steps);
  }

  reset(): void {
    this.#setPlaying(false);
    this.#restart();
  }

  /** A table as points of one's own. */
  open(file: File): void {
    void openFile(file, this.#data.fileSlot, ({ points, task }) => {
      const loss = task === "regression" ? "meanSquaredError" : "binaryCrossEntropy";
      this.#update({ data: "own", points, task, ...(task !== this.#state.task && { loss }) });
    });
  }

  /** Colours of the theme that is shown now. */
  restyle(): void {
    const ramps = rampsOf(this.#root);
    this.#data.ramp = ramps.points;
    this.#drawing.ramp = ramps.maps;
    this.#output.surface.ramps = ramps;
    this.#output.curves.restyle();
    if (this.#last) this.#draw(this.#last);
  }

  dispose(): void {
    this.#client.dispose();
    this.#drawing.dispose();
    this.#output.dispose();
  }

  #assemble(): void {
    const share = createSharePanel(() => this.#snapshot(), this.#history);
    this.#drawing.element.append(this.#weights.element);
    const middle = element("div", { class: "middle" }, this.#drawing.element, this.#training.element, share);
    this.#root.classList.add("playground");
    this.#root.append(
      element("h1", { class: "visually-hidden" }, "Playground"),
      this.#toolbar.element,
      element("div", { class: "columns" }, this.#data.element, middle, this.#output.element),
    );
  }

  #snapshot(): Snapshot | undefined {
    if (!this.#last) return undefined;
    const { step, epoch, content } = this.#last;
    return { state: this.#state, split: this.#split, step, epoch, parameters: content.parameters };
  }

  #show(): void {
    for (const panel of [this.#toolbar, this.#data, this.#drawing, this.#output, this.#training, this.#weights]) {
      panel.show(this.#state);
    }
    this.#output.showPoints(this.#split);
  }

  #setPlaying(isPlaying: boolean): void {
    this.#isPlaying = isPlaying;
    this.#toolbar.setPlaying(isPlaying);
  }

  #play(): void {
    this.#setPlaying(true);
    if (this.#isBroken) this.#restart();
    else this.#client.play(paceOf(this.#state));
  }

  #update(changes: Partial<PlaygroundState>): void {
    const before = this.#state;
    this.#state = { ...before, ...changes };
    const change = changeBetween(before, this.#state);
    if (change !== "none") this.#split = pointsOf(this.#state);
    this.#address.write(encodeState(this.#state));
    this.#show();
    if (change === "restart" || (change === "goOn" && this.#isBroken)) this.#restart();
    else if (change === "goOn") void this.#goOn();
    else if (before.learningRate !== this.#state.learningRate) this.#client.setLearningRate(this.#state.learningRate);
    if (before.pace !== this.#state.pace && this.#isPlaying) this.#client.play(paceOf(this.#state));
  }

  #restart(): void {
    this.#starts++;
    this.#isBroken = false;
    this.#neuron = undefined;
    this.#history.clear();
    this.#output.curves.show();
    this.#toolbar.showStanding({ step: 0, epoch: 0, stepsPerSecond: 0, redrawsPerSecond: 0 });
    const settings = sessionOf(this.#state, this.#split, undefined);
    this.#client.start(settings, this.#isPlaying ? paceOf(this.#state) : undefined);
  }

  /** The same network with other data, another optimizer or one other weight: it keeps its parameters. */
  async #goOn(edit?: { readonly index: number; readonly value: number }): Promise<void> {
    const start = ++this.#starts;
    const { parameters, step } = await this.#client.readParameters();
    if (start !== this.#starts) return; // changed again meanwhile
    if (edit) parameters[edit.index] = edit.value;
    const settings = { ...sessionOf(this.#state, this.#split, this.#neuron), parameters, firstStep: step };
    this.#client.start(settings, this.#isPlaying ? paceOf(this.#state) : undefined);
  }

  #paint(painted: readonly Point[]): void {
    if (painted.length > mostOwnPoints) {
      notice("warn", `There is room for ${formatCount(mostOwnPoints)} points; erase some before painting more.`);
    }
    const points = painted.slice(0, mostOwnPoints).map(roundPoint);
    if (points.length > 0) this.#update({ data: "own", points });
    else this.#show();
  }

  /** One point of each kind is left: without any there is nothing to learn. */
  #clear(): void {
    const points = [
      { x1: -3, x2: -3, value: -1 },
      { x1: 3, x2: 3, value: 1 },
    ];
    this.#update({ data: "own", points });
  }

  #look(neuron: Neuron | undefined): void {
    this.#neuron = neuron;
    this.#client.setOptions(sessionOf(this.#state, this.#split, neuron).options);
  }

  #draw(message: FrameMessage<PlaygroundFrame>): void | Promise<void> {
    this.#last = message;
    const { content, step, epoch, stepsPerSecond, isRunning } = message;
    const { parameters, neuron, details } = content;
    this.#output.draw(content);
    this.#drawing.draw(parameters, details?.maps, neuron ? undefined : this.#output.surface.canvas);
    this.#weights.draw(parameters, !isRunning);
    if (details && step > 0) this.#record(step, details);
    const redrawsPerSecond = this.#meter.count(isRunning);
    this.#toolbar.showStanding({ step, epoch, stepsPerSecond: isRunning ? stepsPerSecond : 0, redrawsPerSecond });
    this.#root.dataset.redraws = String(this.#meter.total);
    if (isRunning && matchMedia("(prefers-reduced-motion: reduce)").matches) {
      return new Promise((resolve) => setTimeout(resolve, calmMs));
    }
  }

  #record(step: number, { training, test }: NonNullable<PlaygroundFrame["details"]>): void {
    this.#history.add({
      step,
      trainingLoss: training.loss,
      testLoss: test?.loss,
      trainingAccuracy: training.accuracy,
      testAccuracy: test?.accuracy,
    });
    this.#output.curves.show();
  }

  #showDevice(message: DeviceMessage): void {
    this.#toolbar.showDevice(message);
    this.#cpuNotice?.dismiss();
    this.#cpuNotice = tellDevice(message);
  }

  #diverged(message: DivergedMessage): void {
    this.#setPlaying(false);
    this.#history.marks.push(message.step);
    const details = this.#last?.content.details;
    if (details && this.#history.entries.length === 0) this.#record(message.goodStep, details);
    this.#output.curves.show();
    tellDiverged(message, (learningRate) => {
      this.#update({ learningRate });
      this.#play();
    });
  }

  #outOfMemory(message: OutOfMemoryMessage): void {
    this.#setPlaying(false);
    this.#isBroken = true;
    tellOutOfMemory(message, (fits) => {
      if ("batchSize" in fits) this.#update(fits);
    });
  }

  #failed(message: FailedMessage): void {
    this.#setPlaying(false);
    this.#isBroken = true;
    tellFailed(message, () => this.#restart());
  }
}
