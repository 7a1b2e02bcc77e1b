// What can be taken away: the address, a program, the weights, the curves.

import { network } from "../../index.ts";
import { download, element } from "../dom.ts";
import { notice } from "../notices.ts";
import type { Split } from "./datasets.ts";
import type { History } from "./history.ts";
import { networkOf, optimizerOf } from "./setup.ts";
import { type PlaygroundState, seedOf } from "./state.ts";
import { typescriptProgram } from "./typescriptProgram.ts";

/** The network as it is now. */
export interface Snapshot {
  readonly state: PlaygroundState;
  readonly split: Split;
  readonly step: number;
  readonly epoch: number;
  readonly parameters: Float32Array;
}

const format = "thalweg playground weights";

/** Weights and biases by layer, with what the network sees of a point. */
export function weightsJson({ state, step, parameters }: Snapshot): string {
  const { layers, inputs, loss } = network(networkOf(state));
  const rows = (from: number, count: number, width: number): number[][] =>
    Array.from({ length: count }, (_, row) =>
      Array.from(parameters.subarray(from + row * width, from + (row + 1) * width)),
    );
  const content = {
    format,
    version: 1,
    features: state.features,
    inputs,
    loss,
    step,
    layers: layers.map(({ fanIn, fanOut, activation, weightsOffset, biasOffset }) => ({
      activation,
      weights: rows(weightsOffset, fanIn, fanOut),
      bias: rows(biasOffset, 1, fanOut)[0],
    })),
  };
  return `${JSON.stringify(content, null, 1)}\n`;
}

async function saveSafetensors({ state, split, step, epoch, parameters }: Snapshot): Promise<void> {
  const { encodeModel } = await import("../../data.ts");
  const training = {
    steps: step,
    epochs: Math.floor(epoch),
    batchSize: state.batchSize,
    seed: seedOf(state),
    optimizer: optimizerOf(state).name,
    learningRate: state.learningRate,
    trainingRows: split.training.length,
    finished: true,
  };
  const bytes = encodeModel({ network: network(networkOf(state)), replicas: 1, parameters, training });
  download(
    "playground.safetensors",
    new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" }),
  );
}

async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notice("info", `${what} copied.`);
  } catch {
    // Without leave for the clipboard, or from a page without https.
    const name = what === "Link" ? "link.txt" : "train.ts";
    download(name, new Blob([text], { type: "text/plain" }));
    notice("info", `${what} saved as ${name}: this browser gave no access to the clipboard.`);
  }
}

/** @param take what there is to save; undefined before the first frame */
export function createSharePanel(take: () => Snapshot | undefined, history: History): HTMLElement {
  const button = (label: string, act: (snapshot: Snapshot) => Promise<void> | void): HTMLElement =>
    element(
      "button",
      {
        type: "button",
        onclick: () => {
          const snapshot = take();
          if (!snapshot) return;
          Promise.resolve(act(snapshot)).catch((error: unknown) => notice("bad", String(error)));
        },
      },
      label,
    );
  const buttons = element(
    "div",
    { class: "row" },
    button("Copy link", () => copy(location.href, "Link")),
    button("Copy as TypeScript", ({ state, split, step }) =>
      copy(typescriptProgram(state, split, Math.max(1, step)), "Program"),
    ),
    button("Weights, safetensors", saveSafetensors),
    button("Weights, JSON", (snapshot) =>
      download("playground.json", new Blob([weightsJson(snapshot)], { type: "application/json" })),
    ),
    button("Curves, CSV", () => download("curves.csv", new Blob([history.toCsv()], { type: "text/csv" }))),
  );
  return element(
    "section",
    { class: "card share", "aria-label": "Take away" },
    element("h2", {}, "Take away"),
    buttons,
    element("p", { class: "quiet" }, "The address holds the whole state; the same seed trains the same network."),
  );
}
