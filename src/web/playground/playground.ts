// The playground: holds the state, the session that trains it, and the panels that show both.

import { element } from "../dom.ts";
import type { HandedOver } from "../handOver.ts";
import { notice } from "../notices.ts";
import { tellDiverged, tellFailed, tellOutOfMemory, tellResumed } from "../sessionNotices.ts";
import type { ViewState } from "../view.ts";
import { SessionClient } from "../worker/client.ts";
import type { DivergedMessage, FailedMessage, FrameMessage, OutOfMemoryMessage } from "../worker/protocol.ts";
import { rampsOf } from "./colors.ts";
import { DataPanel } from "./dataPanel.ts";
import type { Run } from "./curveLines.ts";
import type { Split } from "./datasets.ts";
import { Drawing } from "./drawing.ts";
import { EpochEnds } from "./epochEnds.ts";
import { openFile } from "./filePanel.ts";
import { formatCount } from "./format.ts";
import type { FrameOptions, Neuron, PlaygroundFrame, StoppedRun } from "./frame.ts";
import { HiddenNote } from "./hiddenNote.ts";
import { OutputPanel } from "./outputPanel.ts";
import { firstPoints, mostOwnPoints, type Point, roundPoint } from "./points.ts";
import { calm, RedrawMeter } from "./redrawMeter.ts";
import type { SessionStart } from "../restore/savedRun.ts";
import { createKeeper, type RestoredRun } from "./restoredRun.ts";
import { RunRecorder } from "./runRecorder.ts";
import { effective, changeBetween, paceOf, pointsOf, sessionOf } from "./setup.ts";
import { rateFunction, scheduleOf } from "./schedules.ts";
import { createSharePanel } from "./sharePanel.ts";
import { decodeState, encodeState, type PlaygroundState, withTask } from "./state.ts";
import { StopNotice } from "./stopNotice.ts";
import { type RunControls, type Standing, Toolbar } from "./toolbar.ts";
import { TrainingPanel } from "./trainingPanel.ts";
import type { Snapshot } from "./weightFiles.ts";
import { WeightsTable } from "./weightsTable.ts";

export class Playground implements RunControls {
  readonly #address: ViewState;
  readonly #client: SessionClient<FrameOptions, PlaygroundFrame>;
  readonly #recorder = new RunRecorder();
  readonly #toolbar: Toolbar;
  readonly #data: DataPanel;
  readonly #drawing: Drawing;
  readonly #output: OutputPanel;
  readonly #training: TrainingPanel;
  readonly #weights: WeightsTable;
  readonly #hidden: HiddenNote;
  readonly #epochs = new EpochEnds();
  readonly #keeper = createKeeper(
    () => this.#snapshot(),
    (run) => this.#restore(run),
  );
  readonly #meter = new RedrawMeter();
  readonly #stop = new StopNotice();
  readonly #root: HTMLElement;
  #state: PlaygroundState;
  #split: Split;
  #neuron: Neuron | undefined;
  #isPlaying = false;
  #isBroken = false;
  /** The learning rate of each step, where a schedule changes it. */
  #rateAt: ((step: number) => number) | undefined;
  #starts = 0;
  #last: FrameMessage<PlaygroundFrame> | undefined;

  constructor(root: HTMLElement, address: ViewState, worker: Worker, start?: HandedOver) {
    this.#root = root;
    this.#address = address;
    const { state, problems } = decodeState(address.read());
    for (const problem of problems) notice("warn", `In the URL, ${problem}.`);
    this.#state = state;
    this.#split = pointsOf(state);
    const ramps = rampsOf(root);
    const update = (changes: Partial<PlaygroundState>): void => this.#update(changes);
    this.#toolbar = new Toolbar(update, this);
    const run = (): Run => this.#recorder.run(this.#state);
    this.#output = new OutputPanel(ramps, run, { update, onPaint: (points) => this.#paint(points) });
    this.#data = new DataPanel(ramps.points, {
      update,
      onFile: (file) => this.open(file),
      onClear: () => this.#update({ data: "own", points: firstPoints }),
    });
    this.#drawing = new Drawing(ramps.maps, {
      update,
      onNeuron: (neuron) => this.#look(neuron),
      onLink: (index) => this.#weights.goTo(index),
    });
    this.#weights = new WeightsTable((index, value) => void this.#goOn({ index, value }));
    this.#training = new TrainingPanel(update);
    this.#hidden = new HiddenNote(root, update);
    this.#client = new SessionClient(worker, {
      device: (message) => this.#toolbar.showDevice(message),
      started: ({ plan }) => this.#toolbar.showPlan(plan),
      frame: (message) => this.#draw(message),
      resumed: tellResumed,
      diverged: (message) => this.#diverged(message),
      outOfMemory: (message) => this.#outOfMemory(message),
      failed: (message) => this.#failed(message),
    });
    this.#assemble();
    this.#show();
    this.#restart(start);
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
    this.#recorder.go();
    if (this.#stop.isStopped) void this.#goOn().then(() => this.#client.step(steps));
    else this.#client.step(steps);
  }

  /** Pauses, and continues to the end of the epoch; from an end to the next one. */
  finishEpoch(): void {
    this.#setPlaying(false);
    if (this.#isBroken) this.#restart();
    this.#client.pause();
    const readStep = async (): Promise<number> => (await this.#client.readParameters()).step;
    this.#epochs.next(this.#state, this.#split, readStep, (steps) => this.step(steps));
  }

  reset(): void {
    this.#setPlaying(false);
    this.#restart();
  }

  /** A table as points of one's own. */
  open(file: File): void {
    void openFile(file, this.#data.fileSlot, ({ points, task }) => {
      this.#update({ ...withTask(this.#state, task), data: "own", points });
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
    this.#keeper.dispose();
    this.#client.dispose();
    this.#drawing.dispose();
    this.#output.dispose();
  }

  #assemble(): void {
    const share = createSharePanel(() => this.#snapshot(), this.#output.curves);
    this.#drawing.element.append(this.#weights.element);
    const middle = element("div", { class: "middle" }, this.#drawing.element, this.#training.element, share);
    this.#root.classList.add("playground");
    this.#root.append(
      element("h1", { class: "visually-hidden" }, "Playground"),
      this.#toolbar.element,
      element("div", { class: "columns" }, this.#data.element, middle, this.#output.element),
      this.#hidden.element,
    );
  }

  #snapshot(): Snapshot | undefined {
    if (!this.#last) return undefined;
    const { step, epoch, content } = this.#last;
    const { parameters, state: trainingState } = content;
    return { state: this.#state, split: this.#split, step, epoch, parameters, trainingState };
  }

  #show(): void {
    const panels = [
      this.#toolbar,
      this.#data,
      this.#drawing,
      this.#output,
      this.#training,
      this.#weights,
      this.#hidden,
    ];
    for (const panel of panels) panel.show(this.#state);
    const state = effective(this.#state);
    this.#rateAt = scheduleOf(state) && rateFunction(state);
    this.#output.showPoints(this.#split);
  }

  #setPlaying(isPlaying: boolean): void {
    this.#isPlaying = isPlaying;
    this.#toolbar.setPlaying(isPlaying);
  }

  #play(): void {
    this.#setPlaying(true);
    this.#recorder.go();
    if (this.#isBroken) this.#restart();
    else if (this.#stop.isStopped) void this.#goOn();
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

  /** Goes on where a reload or a crash has cut a training off. */
  #restore({ state, split, start }: RestoredRun): void {
    this.#state = state;
    this.#split = split;
    this.#address.write(encodeState(state));
    this.#show();
    this.#setPlaying(true);
    this.#restart(start);
  }

  #restart(start?: SessionStart | HandedOver): void {
    this.#keeper.begin();
    this.#starts++;
    this.#epochs.forget();
    this.#isBroken = false;
    this.#neuron = undefined;
    this.#stop.clear();
    this.#recorder.reset();
    if (this.#isPlaying) this.#recorder.go();
    this.#output.curves.show();
    this.#showStanding({ step: 0, epoch: 0, stepsPerSecond: 0 }, 0);
    const settings = { ...sessionOf(this.#state, this.#split, undefined), ...start };
    this.#client.start(settings, this.#isPlaying ? paceOf(this.#state) : undefined);
  }

  /** The same network with other data, another optimizer or one other weight, or after it has stopped: it keeps its parameters. */
  async #goOn(edit?: { readonly index: number; readonly value: number }): Promise<void> {
    this.#keeper.begin();
    const start = ++this.#starts;
    this.#epochs.forget();
    const { parameters, step } = await this.#client.readParameters();
    if (start !== this.#starts) return; // changed again meanwhile
    this.#stop.clear();
    if (edit) parameters[edit.index] = edit.value;
    const settings = { ...sessionOf(this.#state, this.#split, this.#neuron), parameters, firstStep: step };
    this.#client.start(settings, this.#isPlaying ? paceOf(this.#state) : undefined);
  }

  #paint(painted: readonly Point[]): void {
    if (painted.length > mostOwnPoints) {
      notice("warn", `At most ${formatCount(mostOwnPoints)} points; erase some before painting more.`);
    }
    const points = painted.slice(0, mostOwnPoints).map(roundPoint);
    if (points.length > 0) this.#update({ data: "own", points });
    else this.#show();
  }

  #look(neuron: Neuron | undefined): void {
    this.#neuron = neuron;
    this.#client.setOptions(sessionOf(this.#state, this.#split, neuron).options);
  }

  #draw(message: FrameMessage<PlaygroundFrame>): void | Promise<void> {
    this.#last = message;
    this.#keeper.show(message);
    const { content, step, epoch, stepsPerSecond, isRunning } = message;
    const { parameters, neuron, details } = content;
    if (this.#recorder.add(message, isRunning || this.#isPlaying)) this.#output.curves.show();
    this.#output.draw(content);
    this.#drawing.draw(parameters, details, neuron ? undefined : this.#output.surface.canvas);
    this.#weights.draw(parameters, !isRunning);
    const redraws = this.#meter.count(isRunning);
    this.#showStanding({ step, epoch, stepsPerSecond: isRunning ? stepsPerSecond : 0 }, redraws);
    if (content.stopped && this.#stop.show(content.stopped, this.#state)) this.#stopped(content.stopped);
    this.#root.dataset.redraws = String(this.#meter.total);
    return isRunning ? calm() : undefined;
  }

  #showStanding(now: Pick<Standing, "step" | "epoch" | "stepsPerSecond">, redrawsPerSecond: number): void {
    this.#toolbar.showStanding({ ...now, redrawsPerSecond, learningRate: this.#rateNow(now.step) });
    this.#training.tell(now.step);
  }

  /** Where it changes by itself: of the next step by a schedule alone, else of the newest step. */
  #rateNow(step: number): number | undefined {
    if (effective(this.#state).plateau === 0) return this.#rateAt?.(step);
    return (step > 0 ? this.#last?.content.learningRate : undefined) ?? this.#state.learningRate;
  }

  #stopped(run: StoppedRun): void {
    this.#setPlaying(false);
    this.#recorder.stopped(run);
    this.#output.curves.restyle();
  }

  #diverged(message: DivergedMessage): void {
    this.#setPlaying(false);
    this.#recorder.diverged(message, this.#last);
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
    const goOn = (): void => {
      this.#isBroken = false;
      this.#client.goOn();
      this.#play();
    };
    tellFailed(message, () => this.#restart(), goOn);
  }
}
