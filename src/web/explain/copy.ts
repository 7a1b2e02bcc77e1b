// The step for other documents.

import { describeStep, explainStep, type StepOptions } from "../../explain.ts";
import { download } from "../dom.ts";
import { notice } from "../notices.ts";

/** What each format is called. */
export const copyFormats = { tex: "TeX", markdown: "Markdown", mathml: "MathML", csv: "CSV" } as const;
export type CopyFormat = keyof typeof copyFormats;
const fileNames: Record<CopyFormat, string> = {
  tex: "step.tex",
  markdown: "step.md",
  mathml: "step.mml",
  csv: "step.csv",
};

/** How long a success message is shown. */
const toldMs = 6000;

/** Into the clipboard; where the browser has none, as a file. */
export async function copyStep(options: StepOptions, format: CopyFormat): Promise<void> {
  const text = explainStep({ ...options, format });
  const lines = describeStep(options).length;
  try {
    await navigator.clipboard.writeText(text);
    const told = notice("info", `Copied as ${copyFormats[format]}: ${lines} quantities.`);
    setTimeout(() => told.dismiss(), toldMs);
  } catch {
    download(fileNames[format], new Blob([text], { type: "text/plain" }));
    notice("info", `The clipboard cannot be reached, so the step is saved as ${fileNames[format]}.`);
  }
}
