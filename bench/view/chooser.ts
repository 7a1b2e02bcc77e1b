import { element } from "../../src/web/dom.ts";
import { contenders } from "../contenders/table.ts";
import type { ContenderCard } from "../race/contract.ts";
import { full, quick } from "../race/efforts.ts";
import type { Effort } from "../race/host.ts";
import { races, type RacePlan } from "../race/races.ts";
import { type Choice, type Offer, readHash, writeHash } from "./choice.ts";
import { button, byId } from "./dom.ts";
import { showError } from "./messages.ts";
import { plural } from "./sources.ts";
import type { Surroundings } from "./surroundings.ts";

/** Everyone who can be chosen here: the others are listed and cannot be ticked. */
const canRace = ({ hosts, processor, withoutWebGpu }: ContenderCard, { hasWebGpu }: Surroundings): boolean =>
  hosts.includes("chrome") && (hasWebGpu || (withoutWebGpu ?? processor === "cpu"));

const processorNames = { cpu: "CPU", gpu: "GPU", either: "GPU and CPU" } as const;

/** What there is to know of a contender before it races. */
function remarkOn(card: ContenderCard, surroundings: Surroundings): string {
  if (!card.hosts.includes("chrome")) return "not in a browser";
  if (!canRace(card, surroundings)) return "needs WebGPU";
  const slower =
    !surroundings.isIsolated && card.withoutIsolation ? `${card.withoutIsolation}: not isolated` : undefined;
  const untrained = card.kinds.includes("step") ? undefined : "no training";
  return [processorNames[card.processor], untrained, slower].filter(Boolean).join(" · ");
}

interface Option {
  readonly name: string;
  readonly label: string;
  readonly remark: string;
  readonly isPossible: boolean;
}

/** Ticks many boxes at once, as if the reader had. */
function tickAll(box: HTMLFieldSetElement, isTicked: boolean): void {
  for (const input of box.querySelectorAll<HTMLInputElement>("input:enabled")) input.checked = isTicked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

const isWide = matchMedia("(min-width: 60rem)");

/** Where the results lie below, a long list would hide them. */
function openWhereWide(fold: HTMLDetailsElement): void {
  const adjust = (): void => void (fold.open = isWide.matches);
  adjust();
  isWide.addEventListener("change", adjust);
}

function fillBox(box: HTMLFieldSetElement, legend: string, options: readonly Option[]): void {
  const lines = options.map(({ name, label, remark, isPossible }) =>
    element(
      "label",
      { class: "line" },
      element("input", { type: "checkbox", name: box.id, value: name, disabled: !isPossible }),
      element("span", {}, label, " ", element("small", {}, remark)),
    ),
  );
  const quick = element(
    "p",
    { class: "row" },
    button("All", () => tickAll(box, true), { class: "small", "aria-label": `${legend}: all` }),
    button("None", () => tickAll(box, false), { class: "small", "aria-label": `${legend}: none` }),
  );
  const fold = element("details", {}, element("summary"), ...lines);
  openWhereWide(fold);
  box.replaceChildren(element("legend", {}, legend), quick, fold);
}

const optionOfRace = ({ name, title, points }: RacePlan): Option => ({
  name,
  label: title,
  remark: `${name} · ${plural(points.length, "point")}, ${points.filter(({ isQuick }) => isQuick).length} quick`,
  isPossible: true,
});

const effortOption = (value: string, label: string, { fewPoints, blocks, blockMs }: Effort): HTMLElement => {
  const remark = `${fewPoints ? "few points" : "every point"}, ${blocks} blocks of ${blockMs} ms or more`;
  const text = element("span", {}, label, " ", element("small", {}, remark));
  return element("label", { class: "line" }, element("input", { type: "radio", name: "effort", value }), text);
};

/** Also while the whole box is disabled. */
const ticked = (box: HTMLFieldSetElement): readonly string[] =>
  [...box.querySelectorAll("input")].filter(({ checked }) => checked).map(({ value }) => value);

function tellTicked(box: HTMLFieldSetElement): void {
  const possible = box.querySelectorAll("input").length;
  box.querySelector("summary")!.textContent = `${ticked(box).length} of ${possible} chosen`;
}

function tick(box: HTMLFieldSetElement, names: readonly string[]): void {
  for (const input of box.querySelectorAll("input")) input.checked = names.includes(input.value) && !input.disabled;
}

/** The form that says what races. Keeps the address and the boxes alike. */
export class Chooser {
  readonly #races = byId("races", HTMLFieldSetElement);
  readonly #contenders = byId("contenders", HTMLFieldSetElement);
  readonly #effort = byId("effort", HTMLFieldSetElement);
  readonly #plan = byId("plan", HTMLElement);
  readonly #run = byId("run", HTMLButtonElement);
  readonly #stop = byId("stop", HTMLButtonElement);
  readonly #offer: Offer;
  #isRunning = false;

  constructor(surroundings: Surroundings) {
    const options = contenders.map((card) => ({
      name: card.name,
      label: card.label,
      remark: remarkOn(card, surroundings),
      isPossible: canRace(card, surroundings),
    }));
    const possible = options.filter(({ isPossible }) => isPossible).map(({ name }) => name);
    this.#offer = { races: races.map(({ name }) => name), contenders: possible };
    fillBox(this.#races, "Races", races.map(optionOfRace));
    fillBox(this.#contenders, "Contenders", options);
    this.#effort.append(effortOption("quick", "Quick", quick), effortOption("full", "Full", full));
  }

  /** @param start called with what is chosen */
  listen(start: (choice: Choice) => void, stop: () => void): void {
    const form = byId("choice", HTMLFormElement);
    form.addEventListener("change", () => this.#tell());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.#isRunning) start(this.choice);
    });
    this.#stop.addEventListener("click", stop);
    addEventListener("hashchange", () => {
      // while a race runs the boxes show what runs
      if (!this.#isRunning) this.restore();
    });
  }

  get choice(): Choice {
    const effort = this.#effort.querySelector<HTMLInputElement>("input:checked");
    return { races: ticked(this.#races), contenders: ticked(this.#contenders), isQuick: effort?.value !== "full" };
  }

  /** Takes the choice from the address. Names in it that stand for nothing are told; the others count. */
  restore(): void {
    const { choice, unknown } = readHash(location.hash, this.#offer);
    tick(this.#races, choice.races);
    tick(this.#contenders, choice.contenders);
    const effort = choice.isQuick ? "quick" : "full";
    for (const input of this.#effort.querySelectorAll("input")) input.checked = input.value === effort;
    this.#show();
    if (unknown.length > 0) {
      const known = [...this.#offer.races, ...this.#offer.contenders].join(", ");
      showError(`address: nothing that can race here is called ${unknown.join(", ")}; there are: ${known}`);
    }
  }

  #tell(): void {
    history.replaceState(undefined, "", writeHash(this.choice, this.#offer));
    this.#show();
  }

  #show(): void {
    const { races: chosen, contenders: entrants, isQuick } = this.choice;
    const points = races
      .filter(({ name }) => chosen.includes(name))
      .reduce((sum, race) => sum + race.points.filter((point) => point.isQuick || !isQuick).length, 0);
    const lack = chosen.length === 0 ? "Choose a race." : entrants.length === 0 ? "Choose a contender." : undefined;
    for (const box of [this.#races, this.#contenders]) tellTicked(box);
    this.#plan.textContent = lack ?? `Up to ${plural(points, "point")}, ${plural(entrants.length, "contender")} each.`;
    this.#run.disabled = this.#isRunning || lack !== undefined;
  }

  /** The choice stands still while it runs; the keyboard stays where it was. */
  setRunning(isRunning: boolean): void {
    const hadFocus = document.activeElement === this.#run || document.activeElement === this.#stop;
    this.#isRunning = isRunning;
    for (const box of [this.#races, this.#contenders, this.#effort]) box.disabled = isRunning;
    this.#stop.disabled = !isRunning;
    this.#show();
    if (hadFocus) (isRunning ? this.#stop : this.#run).focus();
  }
}
