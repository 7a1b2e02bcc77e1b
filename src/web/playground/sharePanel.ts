// What can be taken away: the address, a program, the weights, the curves.

import { download, element } from "../dom.ts";
import { notice } from "../notices.ts";
import { curvesCsv, curvesJson } from "./curveFiles.ts";
import type { Curves } from "./curves.ts";
import { createLinkDialog } from "./linkDialog.ts";
import { typescriptProgram } from "./typescriptProgram.ts";
import { type Snapshot, weightsJson, weightsNpz, weightsOnnx, weightsSafetensors } from "./weightFiles.ts";

async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notice("info", `${what} copied.`);
  } catch {
    // Without leave for the clipboard, or from a page without https.
    const name = what === "Link" ? "link.txt" : "train.ts";
    download(name, new Blob([text], { type: "text/plain" }));
    notice("info", `${what} saved as ${name}: this browser denied access to the clipboard.`);
  }
}

const save = (name: string, type: string, content: BlobPart): void => download(name, new Blob([content], { type }));

const pictureOf = async ({ runs, view, colors }: Curves): Promise<string> =>
  (await import("./curvePicture.ts")).curvesSvg(runs, view, colors);

/** Pixels of the picture for each of the drawing. */
const pictureScale = 2;

async function savePng(curves: Curves): Promise<void> {
  const url = URL.createObjectURL(new Blob([await pictureOf(curves)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const [width, height] = [pictureScale * image.width, pictureScale * image.height];
    const canvas = element("canvas", { width, height });
    canvas.getContext("2d")!.drawImage(image, 0, 0, width, height);
    const picture = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!picture) throw new Error("This browser could not create the PNG; use the SVG instead.");
    download("curves.png", picture);
  } finally {
    URL.revokeObjectURL(url);
  }
}

type Act = (snapshot: Snapshot) => Promise<void> | void;
/** Label and what it does, by group. */
type Buttons = Readonly<Record<string, readonly (readonly [label: string, act: Act])[]>>;

function buttonsOf(curves: Curves, openLink: Act): Buttons {
  return {
    Setup: [
      ["Copy link…", openLink],
      [
        "Copy as TypeScript",
        ({ state, split, step }) => copy(typescriptProgram(state, split, Math.max(1, step)), "Program"),
      ],
    ],
    Weights: [
      [
        "Weights, safetensors",
        async (now) => save("playground.safetensors", "application/octet-stream", await weightsSafetensors(now)),
      ],
      ["Weights, npz", (now) => save("playground.npz", "application/zip", weightsNpz(now))],
      ["Network, ONNX", async (now) => save("playground.onnx", "application/octet-stream", await weightsOnnx(now))],
      ["Weights, JSON", (now) => save("playground.json", "application/json", weightsJson(now))],
    ],
    Curves: [
      ["Curves, CSV", () => save("curves.csv", "text/csv", curvesCsv(curves.runs))],
      ["Curves, JSON", () => save("curves.json", "application/json", curvesJson(curves.runs))],
      ["Curves, SVG", async () => save("curves.svg", "image/svg+xml", await pictureOf(curves))],
      ["Curves, PNG", () => savePng(curves)],
    ],
  };
}

/** @param take what there is to save; undefined before the first frame */
export function createSharePanel(take: () => Snapshot | undefined, curves: Curves): HTMLElement {
  const dialog = createLinkDialog((link) => void copy(link, "Link"));
  const button = ([label, act]: readonly [string, Act]): HTMLElement => {
    const onclick = (): void => {
      const snapshot = take();
      if (!snapshot) return;
      const told = (error: unknown): void => void notice("bad", error instanceof Error ? error.message : String(error));
      void Promise.resolve(snapshot).then(act).catch(told);
    };
    return element("button", { type: "button", onclick }, label);
  };
  const rows = Object.entries(buttonsOf(curves, ({ state }) => dialog.open(state))).map(([group, buttons]) =>
    element("div", { class: "row", role: "group", "aria-label": group }, ...buttons.map(button)),
  );
  return element(
    "section",
    { class: "card share", "aria-label": "Export", "data-group": "takeaway" },
    element("h2", {}, "Export"),
    ...rows,
    element("p", { class: "quiet" }, "This URL saves your setup; the same seed trains the same network."),
    dialog.element,
  );
}
