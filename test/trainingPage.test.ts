// The code of docs/training.md as it stands, block after block, on the device and on the CPU.

import { expect, test } from "vitest";
import page from "../docs/training.md?raw";
import * as data from "../src/data.ts";
import * as main from "../src/index.ts";

const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code!);
const given = globalThis as { thalwegTraining?: unknown };
let runs = 0;

/** Runs blocks one behind the other as a module of its own. @returns what it has printed */
async function run(kind: "auto" | "wasm" | "reference"): Promise<string[]> {
  const printed: string[] = [];
  const log = (...values: unknown[]): void => void printed.push(values.join(" "));
  const acquire = () => main.acquire({ device: kind });
  given.thalwegTraining = { entries: { thalweg: { ...main, acquire }, "thalweg/data": data }, console: { log } };
  const local = blocks.join("\n").replace(/import \{([^}]*)\} from ("[^"]*");/g, (_, names: string, entry: string) => {
    const bound = names.replaceAll(" as ", ": ");
    return `const {${bound}} = globalThis.thalwegTraining.entries[${entry}];`;
  });
  const module = `// ${++runs}: a module is run but once\nconst { console } = globalThis.thalwegTraining;\n${local}`;
  await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(module)}`);
  return printed;
}

test.each(["auto", "wasm", "reference"] as const)(
  "%s: the blocks run, and print what their comments say",
  async (kind) => {
    const told = [...page.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => text);
    expect(told.length).toBeGreaterThan(0);
    expect(await run(kind)).toEqual(told);
  },
);
