// What a training may do beside its optimizer: nothing of it is on to begin with.

import "./trainingDetails.css";
import { takesLogits } from "../../index.ts";
import { element } from "../dom.ts";
import { selectField, type SelectField, showNumber } from "./controls.ts";
import { formatCount } from "./format.ts";
import type { Panel, Update } from "./panel.ts";
import { RateCurve } from "./rateCurve.ts";
import { scheduleHint, scheduleLabels, type ScheduleName, scheduleNames } from "./schedules.ts";
import type { PlaygroundState } from "./state.ts";
import { describeTraining } from "./trainingWords.ts";

const inSteps = (steps: number): string => (steps === 0 ? "off" : `${formatCount(steps)} steps`);
const orOff = (value: number): string => (value === 0 ? "off" : String(value));

interface NumberDetail {
  readonly label: string;
  readonly values: readonly number[];
  readonly text: (value: number) => string;
  readonly hint: string;
}

const details = {
  scheduleSteps: {
    label: "Schedule length",
    values: [200, 500, 1000, 2000, 5000, 10_000, 50_000],
    text: inSteps,
    hint: "Number of steps of the schedule.",
  },
  warmUp: {
    label: "Warm-up",
    values: [0, 50, 100, 200, 500, 1000],
    text: inSteps,
    hint: "Linear rise from a third of the rate, before the schedule.",
  },
  weightDecay: {
    label: "Weight decay (L2)",
    values: [0, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1],
    text: orOff,
    hint: "Pulls all weights towards 0, large ones most.",
  },
  l1: {
    label: "L1 penalty",
    values: [0, 1e-5, 1e-4, 1e-3, 0.003, 0.01, 0.03, 0.1],
    text: orOff,
    hint: "Pulls all weights towards 0 by the same amount; many become 0.",
  },
  dropout: {
    label: "Dropout",
    values: [0, 0.05, 0.1, 0.2, 0.3, 0.5],
    text: orOff,
    hint: "Share of hidden values that each step sets to 0.",
  },
  labelSmoothing: {
    label: "Label smoothing",
    values: [0, 0.05, 0.1, 0.2],
    text: orOff,
    hint: "Softens the class targets a little.",
  },
  clipNorm: {
    label: "Clip gradient norm",
    values: [0, 0.1, 0.3, 1, 3, 10],
    text: orOff,
    hint: "Scales larger gradients down to this norm.",
  },
  ema: {
    label: "Weight average (EMA)",
    values: [0, 0.9, 0.99, 0.999],
    text: orOff,
    hint: "Uses a moving average of the weights.",
  },
  patience: {
    label: "Early stopping",
    values: [0, 100, 250, 500, 1000, 2500, 5000],
    text: inSteps,
    hint: "Stops when the test loss has not improved for this many steps, and restores the best weights.",
  },
} as const satisfies Record<string, NumberDetail>;

type NumberName = keyof typeof details;
type DetailName = "schedule" | NumberName;

const groups: readonly { readonly legend: string; readonly names: readonly DetailName[] }[] = [
  { legend: "Learning-rate schedule", names: ["schedule", "scheduleSteps", "warmUp"] },
  { legend: "Regularisation", names: ["weightDecay", "l1", "dropout", "labelSmoothing"] },
  { legend: "Updates and stopping", names: ["clipNorm", "ema", "patience"] },
];

/** Why a field has no effect now; undefined where it has. */
function reasonAgainst(name: NumberName, state: PlaygroundState): string | undefined {
  if (name === "scheduleSteps" && state.schedule === "constant") return "Not used by a constant rate.";
  if (name === "labelSmoothing" && !takesLogits(state.loss)) return "Only for cross entropy.";
  return undefined;
}

/** A disclosure of fields in groups; its line says which are on. */
export class TrainingDetails implements Panel {
  readonly element: HTMLDetailsElement;
  readonly #schedule: SelectField<ScheduleName>;
  readonly #numbers: ReadonlyMap<NumberName, SelectField<string>>;
  readonly #curve = new RateCurve();
  readonly #told = element("span", { class: "quiet" });
  #isNew = true;

  /** @param without fields that are left out */
  constructor(update: Update, without: readonly DetailName[] = []) {
    this.#schedule = selectField({
      label: "Schedule",
      choices: scheduleNames.map((value) => ({ value, label: scheduleLabels[value] })),
      hint: scheduleHint("constant"),
      onChange: (schedule) => update({ schedule }),
    });
    const names = (Object.keys(details) as NumberName[]).filter((name) => !without.includes(name));
    this.#numbers = new Map(
      names.map((name) => {
        const { label, hint } = details[name];
        return [
          name,
          selectField({ label, hint, choices: [], onChange: (text) => update({ [name]: Number(text) }) }),
        ] as const;
      }),
    );
    const title = element("span", {}, "Schedule, regularisation, stopping");
    this.element = element(
      "details",
      { class: "training-details" },
      element("summary", {}, title, " ", this.#told),
      ...groups.map((group) => this.#groupOf(group)),
    );
  }

  #groupOf({ legend, names }: (typeof groups)[number]): HTMLElement | undefined {
    const fields = names.flatMap((name) => {
      const field = name === "schedule" ? this.#schedule : this.#numbers.get(name);
      return field ? [field.element] : [];
    });
    if (fields.length === 0) return undefined;
    const curve = names.includes("schedule") ? this.#curve.element : undefined;
    return element(
      "fieldset",
      {},
      element("legend", {}, legend),
      element("div", { class: "fields" }, ...fields),
      curve,
    );
  }

  /** @param isShare the curve is a share of the rates that networks have each for themselves */
  show(state: PlaygroundState, isShare = false): void {
    this.#schedule.set(state.schedule);
    this.#schedule.explain(scheduleHint(state.schedule));
    for (const [name, field] of this.#numbers) {
      const { values, text, hint } = details[name];
      const reason = reasonAgainst(name, state);
      showNumber(field, values, state[name], text);
      field.enable(reason === undefined);
      field.explain(reason ?? hint);
    }
    this.#curve.show(state, isShare);
    const on = describeTraining(state);
    this.#told.textContent = on.length === 0 ? "all off" : on.join(" · ");
    if (this.#isNew) this.element.open = on.length > 0;
    this.#isNew = false;
  }

  /** Where the training stands. */
  tell(step: number): void {
    this.#curve.tell(step);
  }
}
