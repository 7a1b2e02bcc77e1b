import type { RaceProgress } from "../race/host.ts";
import { byId } from "./dom.ts";

const clock = (ms: number): string => {
  const seconds = Math.floor(ms / 1000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return `${minutes}:${String(rest).padStart(2, "0")}`;
};

/** Painting takes time of the machine that races: not after every block. */
const phaseEveryMs = 250;

/** How far a race is. What is read out changes per point only; the rest is to be looked at. */
export class ProgressPanel {
  readonly #section = byId("progress", HTMLElement);
  readonly #status = byId("status", HTMLElement);
  readonly #bar = byId("bar", HTMLProgressElement);
  readonly #phase = byId("phase", HTMLElement);
  readonly #elapsed = byId("elapsed", HTMLElement);
  #startMs = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isStopping = false;
  #toldMs = 0;

  start(): void {
    this.#section.hidden = false;
    this.#isStopping = false;
    this.#bar.hidden = false;
    this.#bar.removeAttribute("value"); // until the number of points is known
    this.#tell("Starting: looking at the machine and its ceilings");
    this.#phase.textContent = "";
    this.#startMs = performance.now();
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), 1000);
  }

  show({ race, point, phase, contender, done, total }: RaceProgress): void {
    this.#bar.max = Math.max(1, total);
    this.#bar.value = done;
    if (this.#isStopping) return;
    if (done < total) this.#tell(`Point ${done + 1} of ${total}: ${race}, ${point}`);
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < phaseEveryMs) return;
    this.#toldMs = nowMs;
    this.#phase.textContent = [contender, phase].filter(Boolean).join(" ");
  }

  stopping(): void {
    this.#isStopping = true;
    this.#tell("Stopping as soon as the contender at work is done…");
    this.#phase.textContent = "";
  }

  end(text: string): void {
    clearInterval(this.#timer);
    this.#tick();
    this.#bar.hidden = true;
    this.#phase.textContent = "";
    this.#tell(text);
  }

  /** The same text again would be read out again. */
  #tell(text: string): void {
    if (this.#status.textContent !== text) this.#status.textContent = text;
  }

  #tick(): void {
    this.#elapsed.textContent = `${clock(performance.now() - this.#startMs)} elapsed`;
  }
}
