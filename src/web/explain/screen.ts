// The parts of the first screen, and what happens between them.

import { type Trace } from "../../index.ts";
import { centralDifferences, describeStep } from "../../explain.ts";
import { element } from "../dom.ts";
import { cpuNotice, notice, type Notice } from "../notices.ts";
import type { MountedView, ViewState } from "../view.ts";
import { Canvas } from "./canvas.ts";
import { createCheckCard } from "./checkCard.ts";
import { copyStep } from "./copy.ts";
import { createLesson, knownAt, type Lesson } from "./lesson.ts";
import { partsOfLines } from "./lights.ts";
import { net, numbersOf, withNumber, writeNumbers } from "./numbers.ts";
import { createNumbersBar } from "./numbersBar.ts";
import { createPanel } from "./panel.ts";
import type { Place } from "./protocol.ts";
import { Remote } from "./remote.ts";
import { type Digits, digitChoices } from "./shownDigits.ts";
import { State } from "./state.ts";
import { Stepper } from "./stepper.ts";
import { createNumbersTable } from "./table.ts";
import { createTrainCard } from "./trainCard.ts";
import { createWorksheet } from "./worksheet.ts";

const lead =
  "A small network, one example, every number visible. Walk through one training step, forward and backward, " +
  "point at a factor to see where it comes from, change any number and see all others update.";

/** Classes of what the drawing paints → what they are called. */
const keys = { input: "input", weight: "weight", "weight negative": "negative weight", bias: "bias", target: "target" };

const legend = (): HTMLElement =>
  element(
    "p",
    { class: "legend" },
    ...Object.entries(keys).map(([kind, label]) => element("span", { class: `key ${kind}` }, label)),
    element("span", { class: "hint" }, "Click any number to change it."),
  );

/** The stop that an address names, from 1; else the first. */
function stopOf(params: URLSearchParams, count: number): number {
  const stop = Number(params.get("stop") ?? 1);
  return Number.isInteger(stop) && stop >= 1 && stop <= count ? stop - 1 : 0;
}

const digitsOf = (params: URLSearchParams): Digits =>
  digitChoices.find((digits) => digits === params.get("digits")) ?? "4";

/** Safari has no `requestIdleCallback`. */
function whenIdle(run: () => void, signal: AbortSignal): void {
  const unlessGone = (): void => void (signal.aborted || run());
  if ("requestIdleCallback" in globalThis) requestIdleCallback(unlessGone, { timeout: 3000 });
  else setTimeout(unlessGone, 300);
}

export class Screen implements MountedView {
  readonly parts: readonly HTMLElement[];
  readonly #address: ViewState;
  readonly #state: State;
  #lesson: Lesson;
  /** The device's trace of the numbers shown, once it is checked. */
  #deviceTrace: Trace | undefined;
  #place: Place | undefined;
  #lost: Notice | undefined;
  readonly #remote: Remote;
  readonly #stepper: Stepper;
  readonly #canvas = new Canvas((name, value) => this.#change(name, value));
  readonly #panel = createPanel({
    takeStep: () => this.#takeStep(),
    copy: (format) => void copyStep(this.#stepOptions(), format),
  });
  readonly #train = createTrainCard((steps) => void this.#run(steps));
  readonly #check = createCheckCard(() => void this.#compare());
  readonly #table = createNumbersTable((name, value) => this.#change(name, value));
  readonly #bar;
  readonly #leaving = new AbortController();

  constructor(address: ViewState) {
    this.#address = address;
    const params = address.read();
    this.#lesson = createLesson(numbersOf(params));
    this.#state = new State(this.#lesson.start, stopOf(params, this.#lesson.stops.length), digitsOf(params));
    this.#stepper = new Stepper(this.#state, this.#lesson.stops);
    this.#remote = new Remote({ place: (place) => this.#tellPlace(place), lost: () => this.#tellLost() });
    this.#bar = createNumbersBar(this.#state, (name, value) => this.#change(name, value));
    this.parts = this.#assemble();
    this.#canvas.follow(this.#panel.element);
    this.#state.listen(() => this.draw());
    const { signal } = this.#leaving;
    addEventListener("keydown", (event) => this.#press(event), { signal });
    whenIdle(() => void this.#remote.ask({ kind: "device" }).catch(tellFailure), signal);
  }

  #assemble(): HTMLElement[] {
    const head = element(
      "header",
      { class: "intro" },
      element("h1", {}, "One step of gradient descent, by hand"),
      element("p", { class: "lead" }, lead),
    );
    const picture = element("section", { class: "card picture", "aria-label": "The network" });
    picture.append(legend(), this.#canvas.element, this.#bar.element);
    const walk = element("div", { class: "walk" }, this.#stepper.element, this.#panel.element, picture);
    const more = element("div", { class: "more" }, this.#train.element, this.#check.element);
    const read = () => ({ lesson: this.#lesson, digits: this.#state.digits });
    const worksheet = createWorksheet(read, this.#table, this.#leaving.signal);
    return [head, walk, more, this.#table.element, worksheet];
  }

  /** Shows the state in every part. */
  draw(): void {
    const { now, stop, digits } = this.#state;
    if (now.numbers !== this.#lesson.start) this.#renew();
    const { stops, lines } = this.#lesson;
    const { kind, lines: own } = stops[stop]!;
    const parts = kind === "given" || kind === "after" ? new Set<string>() : partsOfLines(own);
    this.#canvas.show({ lesson: this.#lesson, known: knownAt(this.#lesson, stop), now: parts, digits });
    this.#panel.show(this.#lesson, stop, digits);
    this.#stepper.show(stops);
    this.#bar.show(this.#state);
    this.#table.show(this.#lesson);
    this.#train.showCurve([...now.losses, lines.find(({ quantity }) => quantity.text === "L")!.result]);
    this.#writeAddress();
  }

  #renew(): void {
    this.#lesson = createLesson(this.#state.now.numbers);
    this.#deviceTrace = undefined;
    this.#check.clear();
  }

  #writeAddress(): void {
    const params = new URLSearchParams();
    if (this.#state.stop > 0) params.set("stop", String(this.#state.stop + 1));
    if (this.#state.digits !== "4") params.set("digits", this.#state.digits);
    writeNumbers(this.#state.now.numbers, params);
    this.#address.write(params);
  }

  #change(name: string, value: number): void {
    this.#state.change({ numbers: withNumber(this.#state.now.numbers, name, value), losses: [] });
  }

  /** Goes on from the updated numbers, as the CPU has computed them. */
  #takeStep(): void {
    const { numbers, losses } = this.#state.now;
    const { after, losses: own } = this.#lesson.trace;
    this.#state.change({ numbers: { ...numbers, parameters: Float64Array.from(after) }, losses: [...losses, own[0]!] });
    this.#state.goTo(0);
  }

  async #run(steps: number): Promise<void> {
    const { numbers, losses } = this.#state.now;
    this.#train.showBusy(true);
    try {
      const { run } = await this.#remote.ask({ kind: "run", start: numbers, steps });
      this.#state.change({ numbers: { ...numbers, parameters: run.parameters }, losses: [...losses, ...run.losses] });
      this.#train.tell(run);
    } catch (error) {
      tellFailure(error);
    } finally {
      this.#train.showBusy(false);
    }
  }

  #stepOptions() {
    const { start, trace } = this.#lesson;
    const { input, target, learningRate } = start;
    const device = this.#deviceTrace && { device: this.#deviceTrace };
    return { network: net, reference: trace, input, target, learningRate, ...device };
  }

  async #compare(): Promise<void> {
    const { start } = this.#lesson;
    this.#check.showBusy(true);
    try {
      const { trace } = await this.#remote.ask({ kind: "trace", start });
      if (start !== this.#lesson.start) return this.#check.clear();
      if (this.#place!.kind !== "reference") this.#deviceTrace = trace;
      const lines = describeStep(this.#stepOptions());
      this.#check.show({ lines, differences: centralDifferences(net, start), place: this.#place! });
    } catch (error) {
      tellFailure(error);
    } finally {
      this.#check.showBusy(false);
    }
  }

  #tellPlace(place: Place): void {
    if (!this.#place && isProcessor(place))
      cpuNotice(`No GPU: ${place.fallbackReason}. Everything works on the CPU instead.`, place.fallbackReason);
    this.#place = place;
    this.#train.showPlace(place);
  }

  /** A browser that blocks the page after crashes gives no GPU back. */
  #tellLost(): void {
    const { fallbackReason } = this.#place!;
    this.#lost?.dismiss();
    this.#lost = isProcessor(this.#place!)
      ? cpuNotice(`The CPU has computed the steps again: ${fallbackReason}.`, fallbackReason)
      : notice("warn", "The GPU was lost. It is back, and the steps were computed again.");
  }

  #press(event: KeyboardEvent): void {
    const isUndo = (event.ctrlKey || event.metaKey) && !event.altKey;
    const isTyping = event.target instanceof HTMLInputElement && event.target.type === "text";
    const key = event.key.toLowerCase();
    if (isUndo && !isTyping && (key === "z" || key === "y")) {
      event.preventDefault();
      if (key === "y" || event.shiftKey) this.#state.redo();
      else this.#state.undo();
    } else if (this.#stepper.press(event)) event.preventDefault();
  }

  dispose(): void {
    this.#leaving.abort();
    this.#stepper.pause();
    this.#canvas.dispose();
    this.#remote.dispose();
  }
}

const isProcessor = ({ kind }: Place): boolean => kind === "wasm" || kind === "reference";

function tellFailure(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  notice("bad", `That could not be computed: ${text}`);
}
