import { network } from "../../index.ts";
import { element } from "../dom.ts";
import { handOver } from "../handOver.ts";
import { notice } from "../notices.ts";
import { tellDevice, tellFailed, tellOutOfMemory, tellResumed } from "../sessionNotices.ts";
import type { ViewState } from "../view.ts";
import { RunKeeper } from "../restore/runKeeper.ts";
import { canBeKept, keptOf, type SavedRun, type SessionStart, startOf } from "../restore/savedRun.ts";
import { SessionClient } from "../worker/client.ts";
import type { DeviceMessage, Pace, StartedMessage } from "../worker/protocol.ts";
import { showPlan } from "../planText.ts";
import { Controls } from "./controls.ts";
import { networksOf, shrunk } from "./grid.ts";
import type { PopulationFrame, PopulationOptions } from "./protocol.ts";
import { duration, playgroundAddress, Results } from "./results.ts";
import { type MetricName, mostNetworks, type PopulationState, readAddress, writeAddress } from "./state.ts";
import { sessionSettings } from "./training.ts";

/** Longer than this, a smaller grid is suggested; it takes so long. */
const longSeconds = 90;
const shortSeconds = 20;
/** Time that scoring may take beside training. */
const scoringShare = 1 / 3;
/** A GPU that is lost answers no more; one with a million networks takes its time. */
const patienceMs = 30_000;

const count = (number: number): string => number.toLocaleString("en");
const nothingAfter = (ms: number): Promise<undefined> => new Promise((resolve) => setTimeout(resolve, ms, undefined));

const lead =
  "Thousands of networks of one architecture train side by side, each with its own settings and seed. " +
  "Brighter is better. Point at a cell to read it, click it to open that network in the playground.";

/** Frames of a quick training, and the longest that one may take: a slower one is told as often as it can be. */
const frames = 60;
const frameMs = 80;

/** What is under way. */
type Phase = "idle" | "running" | "paused" | "finished";

/** The view of populations: a session, what is shown of it, and what the reader does. */
export class PopulationPage {
  readonly #address: ViewState;
  readonly #client: SessionClient<PopulationOptions, PopulationFrame>;
  readonly #controls = new Controls((state) => this.#change(state));
  readonly #results: Results;
  readonly #play = element("button", { type: "button", class: "primary play", onclick: () => this.#toggle() });
  readonly #reset = element("button", { type: "button", onclick: () => this.#begin() }, "Reset");
  readonly #plan = element("div", { class: "quiet plan" }, "Looking for a GPU…");
  readonly #advice = element("div", { class: "advice" });
  #state: PopulationState;
  #phase: Phase = "idle";
  #pace: Pace = "full";
  #device: DeviceMessage | undefined;
  #parameterCount = 0;
  #step = 0;
  #isGone = false;
  readonly #keeper = new RunKeeper({
    view: "population",
    read: () => this.#readRun(),
    goOn: (run) => this.#goOnFrom(run),
  });

  constructor(root: HTMLElement, address: ViewState) {
    this.#address = address;
    const { state, problems } = readAddress(address.read());
    for (const problem of problems) notice("warn", `In the URL, ${problem}.`);
    this.#state = state;
    this.#results = new Results(state, {
      metricChanged: (metric) => this.#setMetric(metric),
      opened: (network) => void this.#open(network),
    });
    root.append(...this.#layout());
    this.#client = this.#connect();
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#begin(isStill ? "idle" : "running");
  }

  dispose(): void {
    this.#isGone = true;
    this.#keeper.dispose();
    this.#client.dispose();
    this.#results.dispose();
  }

  /** `4,096 networks`. */
  get #networks(): string {
    return `${count(networksOf(this.#state.grid))} networks`;
  }

  #layout(): HTMLElement[] {
    const { map, band, best, figures } = this.#results;
    const card = (title: string, ...children: HTMLElement[]): HTMLElement =>
      element("section", { class: "card" }, element("h2", {}, title), ...children);
    const transport = element("div", { class: "row" }, this.#play, this.#reset);
    const main = element(
      "section",
      { class: "card", "aria-label": "Networks" },
      transport,
      this.#advice,
      figures.root,
      map,
    );
    const left = element(
      "div",
      { class: "column" },
      main,
      card("All networks over time", band),
      card("Best networks", best.root),
    );
    return [
      element("h1", {}, "A population of networks"),
      element("p", { class: "lead" }, lead),
      element("div", { class: "population-view" }, left, card("Networks", this.#controls.root, this.#plan)),
    ];
  }

  #connect(): SessionClient<PopulationOptions, PopulationFrame> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    return new SessionClient<PopulationOptions, PopulationFrame>(worker, {
      device: (message) => {
        this.#device = message;
        tellDevice(message);
        this.#plan.textContent = `Setting up ${this.#networks} on ${message.name}…`;
      },
      started: (message) => this.#tellPlan(message),
      frame: (message) => {
        this.#step = message.step;
        this.#controls.tell(message.step);
        this.#results.show(message);
        if (canBeKept(networksOf(this.#state.grid) * this.#parameterCount)) this.#keeper.show(message);
      },
      paused: ({ isFinished }) => this.#setPhase(isFinished ? "finished" : "paused"),
      resumed: tellResumed,
      diverged: () => {
        this.#setPhase("finished");
        notice("bad", "All networks diverged: choose lower learning rates.");
      },
      fitting: () => {
        this.#plan.textContent = `Not enough memory for ${this.#networks}: finding how many fit…`;
      },
      outOfMemory: (message) => {
        this.#plan.textContent = message.message;
        this.#setPhase("idle");
        tellOutOfMemory(message, (fits) => {
          if ("members" in fits) this.#shrinkTo(fits.members);
        });
      },
      failed: (message) => {
        this.#setPhase("idle");
        const goOn = (): void => {
          this.#client.goOn();
          this.#toggle();
        };
        tellFailed(message, () => this.#begin(), goOn);
      },
    });
  }

  #tellPlan({ plan, parameterCount }: StartedMessage): void {
    this.#parameterCount = parameterCount;
    const size = `${this.#networks} of ${count(parameterCount)} parameters`;
    const memory = `${(plan.bytes / 2 ** 20).toFixed(plan.bytes < 2 ** 27 ? 1 : 0)} MiB`;
    showPlan(this.#plan, `${size} on ${this.#device?.name ?? "?"}, ${memory}`, plan);
    this.#advise(plan.stepMs);
    this.#setPace(plan.stepMs);
  }

  /** So many steps between two frames that the whole training can be watched. */
  #setPace(stepMs: number | undefined): void {
    const steps = Math.ceil(this.#state.steps / frames);
    this.#pace = stepMs !== undefined && steps * stepMs <= frameMs ? { steps } : "full";
    if (this.#phase === "running") this.#client.play(this.#pace);
  }

  /** A smaller grid where the estimate is long. */
  #advise(stepMs: number | undefined): void {
    this.#advice.replaceChildren();
    const seconds = ((1 + scoringShare) * (stepMs ?? 0) * this.#state.steps) / 1000;
    if (seconds < longSeconds) return;
    const networks = networksOf(shrunk(this.#state.grid, (networksOf(this.#state.grid) * shortSeconds) / seconds));
    const text = `About ${duration(seconds)} on this device, by the cost model.`;
    const label = `Train ${count(networks)} instead`;
    this.#advice.append(
      element("span", {}, text),
      element("button", { type: "button", onclick: () => this.#shrinkTo(networks) }, label),
    );
  }

  #shrinkTo(networks: number): void {
    this.#state = { ...this.#state, grid: shrunk(this.#state.grid, networks) };
    this.#begin("running");
  }

  /** What the reader has set: a population of its own, which waits to be started. */
  #change(state: PopulationState): void {
    const networks = networksOf(state.grid);
    if (networks > mostNetworks) {
      notice("warn", `${count(networks)} networks are too many: at most ${count(mostNetworks)}.`);
      this.#controls.show(this.#state);
      return;
    }
    this.#state = state;
    this.#begin();
  }

  #begin(phase: "idle" | "running" = "idle", from?: SessionStart): void {
    this.#keeper.begin();
    this.#step = 0;
    this.#showState();
    this.#results.begin(this.#state);
    this.#setPhase(phase);
    this.#client.start({ ...sessionSettings(this.#state), ...from }, phase === "running" ? "full" : undefined);
  }

  /** What is kept, to continue from after a reload. */
  async #readRun() {
    const query = writeAddress(this.#state).toString();
    return { query, ...keptOf(await this.#client.readParameters()) };
  }

  #goOnFrom(run: SavedRun): void {
    const { state } = readAddress(new URLSearchParams(run.query));
    const { network: architecture } = sessionSettings(state);
    const from = startOf(run, networksOf(state.grid) * network(architecture).parameterCount);
    this.#state = state;
    this.#begin("running", from);
  }

  #setMetric(metric: MetricName): void {
    this.#state = { ...this.#state, metric };
    this.#results.setMetric(metric);
    this.#showState();
    this.#client.setOptions(sessionSettings(this.#state).options);
  }

  /** A network as it is, at the step that it has reached; by its address alone where none has been trained, or nobody answers. */
  async #open(network: number): Promise<void> {
    const [state, size] = [this.#state, this.#parameterCount];
    const told =
      this.#step > 0 ? await Promise.race([this.#client.readParameters(), nothingAfter(patienceMs)]) : undefined;
    if (this.#isGone) return;
    if (!told) return void (location.hash = playgroundAddress(state, network, state.steps));
    const parameters = told.parameters.slice(network * size, (network + 1) * size);
    const step = this.#results.restoredStep(network) ?? told.step;
    handOver(playgroundAddress(state, network, step), { parameters, firstStep: step });
  }

  #showState(): void {
    this.#controls.show(this.#state);
    this.#address.write(writeAddress(this.#state));
  }

  #setPhase(phase: Phase): void {
    this.#phase = phase;
    const labels: Record<Phase, string> = {
      idle: `Train ${this.#networks}`,
      running: "Pause",
      paused: "Continue",
      finished: "Train again",
    };
    this.#play.textContent = labels[phase];
    this.#play.dataset.phase = phase;
    this.#reset.disabled = phase === "idle";
  }

  #toggle(): void {
    if (this.#phase === "finished") return this.#begin("running");
    if (this.#phase === "running") {
      this.#setPhase("paused");
      this.#client.pause();
    } else {
      this.#setPhase("running");
      this.#client.play(this.#pace);
    }
  }
}
