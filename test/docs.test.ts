// Runs every block of JavaScript in README.md and docs/ as written, on the device and on the CPU. The blocks of a page are one program;
// a comment before a block starts another: `<!-- program -->`, with setup code as `<!-- program: … -->`, for Node only as
// `<!-- program in node -->`.

import { expect, test } from "vitest";
import * as data from "../src/data.ts";
import * as main from "../src/index.ts";
import * as tensor from "../src/tensor.ts";

const pages = import.meta.glob<string>(["../README.md", "../docs/*.md"], {
  query: "?raw",
  import: "default",
  eager: true,
});
const isNode = typeof process !== "undefined" && process.versions?.node !== undefined;

interface Program {
  readonly page: string;
  readonly place: number;
  readonly needsNode: boolean;
  readonly blocks: string[];
}

const pattern = /(?:<!-- program( in node)?(?:: ([\s\S]*?))? -->\s*)?```(?:js|ts)\n([\s\S]*?)```/g;

function programsOf([path, text]: [string, string]): Program[] {
  const page = path.slice(3);
  const programs: Program[] = [];
  for (const [whole, inNode, given, code] of text.matchAll(pattern)) {
    if (programs.length === 0 || whole.startsWith("<!--")) {
      programs.push({
        page,
        place: programs.length + 1,
        needsNode: inNode !== undefined,
        blocks: given ? [given] : [],
      });
    }
    programs.at(-1)!.blocks.push(code!);
  }
  return programs;
}

const programs = Object.entries(pages).flatMap(programsOf);
const given = globalThis as { thalwegDocs?: unknown };
let runs = 0;

/** Text of a printed value; plain objects as the console shows them. */
const shown = (value: unknown): string =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? `{ ${Object.entries(value)
        .map(([key, own]) => `${key}: ${String(own)}`)
        .join(", ")} }`
    : String(value);

/** Runs a program as a separate module. @returns the lines it printed */
async function run({ blocks }: Program, kind: "auto" | "wasm" | "reference"): Promise<string[]> {
  const printed: string[] = [];
  const log = (...values: unknown[]): void => void printed.push(values.map(shown).join(" "));
  const acquire = () => main.acquire({ device: kind });
  const forNode = isNode ? await import("../src/node.ts") : {};
  const entries = { thalweg: { ...forNode, ...main, acquire }, "thalweg/data": data, "thalweg/tensor": tensor };
  given.thalwegDocs = { entries, console: { log } };
  const local = blocks.join("\n").replace(/import \{([^}]*)\} from ("[^"]*");/g, (_, names: string, entry: string) => {
    return `var {${names.replaceAll(" as ", ": ")}} = globalThis.thalwegDocs.entries[${entry}];`;
  });
  const module = `// ${++runs}: a module is run but once\nconst { console } = globalThis.thalwegDocs;\n${local}`;
  await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(module)}`);
  return printed;
}

/** Matches a line with any text for `…`; a comment that begins with `about` promises nothing. */
function patternOf(comment: string): RegExp {
  if (comment.startsWith("about ")) return /^/;
  const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  return new RegExp(`^${comment.split("…").map(literal).join(".*")}$`);
}

/** The comments behind `console.log` in a program: where it has any, they are all that it prints, in order. */
const commentsOf = ({ blocks }: Program): string[] =>
  [...blocks.join("\n").matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => text!);

test("there are blocks on every page for programmers", () => {
  const found = new Set(programs.map(({ page }) => page));
  for (const page of ["README.md", "docs/library.md", "docs/tensor.md", "docs/training.md", "docs/coming-from.md"])
    expect(found).toContain(page);
});

for (const program of programs.filter(({ needsNode }) => isNode || !needsNode)) {
  const comments = commentsOf(program);
  const kinds = comments.length === 0 ? (["auto"] as const) : (["auto", "wasm", "reference"] as const);
  test.each(kinds)(`${program.page}, program ${program.place}, on %s: runs, and prints its comments`, async (kind) => {
    const printed = await run(program, kind);
    if (comments.length === 0) return;
    expect(printed).toHaveLength(comments.length);
    for (const [at, comment] of comments.entries()) {
      const hasDigits = comment.includes("…"); // those of float64
      if (!hasDigits || kind === "reference") expect(printed[at]).toMatch(patternOf(comment));
    }
  });
}
