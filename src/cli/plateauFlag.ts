import { InvalidInput, type ReduceOnPlateau } from "../node.ts";
import { name, number } from "./flags.ts";

// `--reduce-on-plateau`: names and values, separated by commas.

const flag = "--reduce-on-plateau";

/** As people write them, the option of the library that each is, and a value for example. */
const settings = {
  factor: ["factor", "0.1"],
  patience: ["patience", "10"],
  threshold: ["threshold", "1e-4"],
  "threshold-mode": ["thresholdMode", "rel"],
  cooldown: ["cooldown", "0"],
  "min-learning-rate": ["minLearningRate", "0"],
  epsilon: ["epsilon", "1e-8"],
  mode: ["mode", "min"],
} as const satisfies Record<string, readonly [keyof ReduceOnPlateau, string]>;

type Name = keyof typeof settings;
const names = Object.keys(settings) as readonly Name[];
const words = { "threshold-mode": ["rel", "abs"], mode: ["min", "max"] } as const;

/** What is requested, as it was written. */
export interface PlateauFlag {
  readonly text: string;
  readonly options: ReduceOnPlateau;
}

export const plateauUsage = `${names
  .filter((own) => own !== "mode")
  .map((own) => `${own}=${settings[own][1]}`)
  .join(",")} (these are the defaults)`;

function valueOf(own: Name, text: string): number | string {
  const place = `${flag} ${own}`;
  return own === "mode" || own === "threshold-mode" ? name(place, words[own])(text) : number(place)(text);
}

/** Names and values. @throws InvalidInput */
export function plateauFlag(text: string): PlateauFlag {
  const parts = text.split(",").map((part) => part.trim());
  const entries = parts.map((part) => {
    const [written, ...value] = part.split("=");
    if (value.length !== 1) {
      const expected = "names and values like factor=0.5,patience=5";
      const fix = `write ${flag}=factor=0.5,patience=5, or ${flag} behind the file for the defaults`;
      throw new InvalidInput({ place: flag, expected, got: JSON.stringify(text.slice(0, 60)), fix });
    }
    const own = name(flag, names)(written!);
    return [settings[own][0], valueOf(own, value[0]!)] as const;
  });
  const seen = entries.map(([key]) => key);
  const twice = seen.find((key, at) => seen.indexOf(key) !== at);
  if (twice !== undefined) {
    const fix = "leave one of them out";
    throw new InvalidInput({ place: flag, expected: "each name once", got: `${twice} twice`, fix });
  }
  return { text: parts.join(","), options: Object.fromEntries(entries) };
}
