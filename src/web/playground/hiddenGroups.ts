// Groups of controls that a link may leave out: for a class, so that there is nothing but what the lesson is about.

/** By their names in the address, with what they are called. */
export const groupLabels = {
  data: "Data: set, noise, split, seed, files",
  painting: "Painting points",
  inputs: "Choice of inputs",
  layers: "Layers: number, neurons, activations",
  training: "Training: rate, optimizer, loss, batch …",
  speed: "Speed",
  weights: "Table of weights",
  curves: "Curves",
  takeaway: "Export: files, links, program",
} as const;

export type GroupName = keyof typeof groupLabels;
export const groupNames = Object.keys(groupLabels) as readonly GroupName[];

/** `data_speed`; undefined where a name is none of them, or comes twice. */
export function parseGroups(text: string): GroupName[] | undefined {
  if (text === "") return [];
  const named = text.split("_");
  const known = groupNames.filter((name) => named.includes(name));
  return known.length === named.length ? known : undefined;
}
