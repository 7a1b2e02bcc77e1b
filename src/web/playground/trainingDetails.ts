// What a training may do beside its optimizer: nothing of it is on to begin with.

import "./trainingDetails.css";
import { type OptimizerName, takesLogits } from "../../index.ts";
import { element } from "../dom.ts";
import { selectField, type SelectField, showNumber } from "./controls.ts";
import { formatCount } from "./format.ts";
import type { Panel, Update } from "./panel.ts";
import { RateCurve } from "./rateCurve.ts";
import { scheduleHint, scheduleLabels, type ScheduleName, scheduleNames } from "./schedules.ts";
import { effective, searchesLine } from "./setup.ts";
import { defaults, type PlaygroundState } from "./state.ts";
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
  plateau: {
    label: "Reduce rate on plateau",
    values: [0, 50, 100, 250, 500, 1000, 2500],
    text: inSteps,
    hint: "Lowers the learning rate when the test loss has not improved for this many steps.",
  },
  plateauFactor: {
    label: "Reduction factor",
    values: [0.1, 0.2, 0.5, 0.8],
    text: (factor) => `× ${factor}`,
    hint: "The learning rate is multiplied by this on a plateau.",
  },
  newtonSchulzSteps: {
    label: "Orthogonalisation steps",
    values: [1, 2, 3, 5, 8, 10],
    text: String,
    hint: "Newton–Schulz iterations that orthogonalise each update.",
  },
  rateOfOthers: {
    label: "Rate of biases",
    values: [0.03, 0.1, 0.3, 1, 3, 10],
    text: (factor) => `× ${factor}`,
    hint: "Biases use AdamW with this share of the learning rate.",
  },
  matchRmsAdamW: {
    label: "Size of updates",
    values: [0, 1],
    text: (isOn) => (isOn === 1 ? "as AdamW's" : "spectral"),
    hint: "With the size of AdamW's updates, its learning rates also suit Muon.",
  },
  hiddenOnly: {
    label: "Orthogonal updates of",
    values: [0, 1],
    text: (isOn) => (isOn === 1 ? "inner layers" : "all layers"),
    hint: "The first and last layers can use AdamW instead.",
  },
  historySize: {
    label: "History",
    values: [1, 3, 5, 10, 20, 50],
    text: (size) => `${size} steps`,
    hint: "Past steps from which L-BFGS estimates the curvature.",
  },
} as const satisfies Record<string, NumberDetail>;

type NumberName = keyof typeof details;
type DetailName = "schedule" | NumberName;

const groups: readonly { readonly legend: string; readonly names: readonly DetailName[] }[] = [
  { legend: "Learning-rate schedule", names: ["schedule", "scheduleSteps", "warmUp"] },
  { legend: "Regularisation", names: ["weightDecay", "l1", "dropout", "labelSmoothing"] },
  { legend: "Updates and stopping", names: ["clipNorm", "ema", "patience", "plateau", "plateauFactor"] },
  { legend: "Muon", names: ["newtonSchulzSteps", "rateOfOthers", "matchRmsAdamW", "hiddenOnly"] },
  { legend: "L-BFGS", names: ["historySize"] },
];

/** Fields that only their own optimizer has. */
const ofOptimizers: Partial<Record<DetailName, OptimizerName>> = {
  newtonSchulzSteps: "muon",
  rateOfOthers: "muon",
  matchRmsAdamW: "muon",
  hiddenOnly: "muon",
  historySize: "lbfgs",
};

/** What a line search rules out, since it compares losses that nothing else may change. */
const outsideSearch: ReadonlySet<DetailName> = new Set([
  "schedule",
  "scheduleSteps",
  "warmUp",
  "weightDecay",
  "l1",
  "dropout",
  "clipNorm",
  "ema",
  "plateau",
  "plateauFactor",
]);
const searchReason = "L-BFGS chooses each step length itself, from the loss of all points.";

/** Why a field has no effect now; undefined where it has. */
function reasonAgainst(name: NumberName, state: PlaygroundState): string | undefined {
  if (searchesLine(state) && outsideSearch.has(name)) return "Not with L-BFGS.";
  if (name === "plateauFactor" && state.plateau === 0) return "Only with a plateau.";
  if (name === "scheduleSteps" && state.schedule === "constant") return "Not used by a constant rate.";
  if (name === "labelSmoothing" && !takesLogits(state.loss)) return "Only for cross entropy.";
  return undefined;
}

const valueOf = (name: NumberName, text: string): number | boolean =>
  typeof defaults[name] === "boolean" ? text === "1" : Number(text);

/** A disclosure of fields in groups; its line says which are on. */
export class TrainingDetails implements Panel {
  readonly element: HTMLDetailsElement;
  readonly #schedule: SelectField<ScheduleName>;
  readonly #numbers: ReadonlyMap<NumberName, SelectField<string>>;
  readonly #curve = new RateCurve();
  /** Groups of one optimizer's own fields. */
  readonly #ofOptimizers = new Map<OptimizerName, HTMLElement>();
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
          selectField({ label, hint, choices: [], onChange: (text) => update({ [name]: valueOf(name, text) }) }),
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
    const group = element(
      "fieldset",
      {},
      element("legend", {}, legend),
      element("div", { class: "fields" }, ...fields),
      curve,
    );
    const optimizer = ofOptimizers[names[0]!];
    if (optimizer) this.#ofOptimizers.set(optimizer, group);
    return group;
  }

  /** @param isShare the curve is a share of the rates that networks have each for themselves */
  show(state: PlaygroundState, isShare = false): void {
    const isSearch = searchesLine(state);
    this.#schedule.set(state.schedule);
    this.#schedule.enable(!isSearch);
    this.#schedule.explain(isSearch ? searchReason : scheduleHint(state.schedule));
    for (const [optimizer, group] of this.#ofOptimizers) group.hidden = optimizer !== state.optimizer;
    for (const [name, field] of this.#numbers) {
      const { values, text, hint } = details[name];
      const reason = reasonAgainst(name, state);
      showNumber(field, values, Number(state[name]), text);
      field.enable(reason === undefined);
      field.explain(reason ?? hint);
    }
    this.#curve.show(effective(state), isShare);
    const on = describeTraining(state);
    this.#told.textContent = on.length === 0 ? "all off" : on.join(" · ");
    if (this.#isNew) this.element.open = on.length > 0;
    this.#isNew = false;
  }

  /** The current step of the training. */
  tell(step: number): void {
    this.#curve.tell(step);
  }
}
