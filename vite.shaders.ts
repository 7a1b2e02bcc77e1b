// Shaders as modules. A file of shaders/ names the files that it needs by lines `#import name`; its module gives the pieces of code in
// the order in which they are included, each once, and the kinds of the bindings that they declare. Lines `#expects declaration` name
// what the file leaves to code that is joined with it at run time.

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { Plugin } from "vite";

const root = join(import.meta.dirname, "shaders");

/** One file, without the files that it imports. */
export interface Piece {
  readonly path: string;
  /** Code alone: a line `#…` is left empty, so that lines keep their numbers. */
  readonly lines: readonly string[];
  readonly imports: readonly { readonly path: string; readonly line: number }[];
  /** Declarations without a body or a value. */
  readonly expects: readonly string[];
}

const placeOf = (path: string, line: number): string => `${relative(import.meta.dirname, path)}:${line}`;

function readPiece(path: string, folder: string): Piece {
  const imports: { path: string; line: number }[] = [];
  const expects: string[] = [];
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const code = lines.map((text, index) => {
    if (!text.startsWith("#")) return text;
    const [, word, rest] = /^#(import|expects) (\S.*)$/.exec(text) ?? [];
    if (word === "import") imports.push({ path: join(folder, `${rest}.wgsl`), line: index + 1 });
    else if (word === "expects") expects.push(rest!);
    else
      throw new Error(
        `${placeOf(path, index + 1)}: expected \`#import file\` or \`#expects declaration\`, got ${text}`,
      );
    return "";
  });
  return { path, lines: code, imports, expects };
}

/**
 * A file and all that it needs: first what it imports, each file once.
 * @param folder of imports
 * @throws Error with file and line where an import is missing or leads back to the file
 */
export function readShader(path: string, folder = root): Piece[] {
  const found = new Map<string, Piece>();
  const visit = (at: string, trail: readonly string[]): void => {
    if (found.has(at)) return;
    const piece = readPiece(at, folder);
    for (const { path: next, line } of piece.imports) {
      const names = [...trail, at, next].map((file) => basename(file));
      if ([...trail, at].includes(next)) {
        throw new Error(
          `${placeOf(at, line)}: circular import: ${names.slice(names.indexOf(basename(next))).join(" → ")}`,
        );
      }
      if (!existsSync(next))
        throw new Error(`${placeOf(at, line)}: there is no ${relative(import.meta.dirname, next)}`);
      visit(next, [...trail, at]);
    }
    found.set(at, piece);
  };
  visit(path, []);
  return [...found.values()];
}

const kinds = new Map([
  ["uniform", "uniform"],
  ["storage, read", "read"],
  ["storage, read_write", "write"],
]);

/** Kinds of the bindings 0, 1, … of group 0. A uniform at 0 moves by a dynamic offset. */
export function bindingsOf(pieces: readonly Piece[]): string[] {
  const bindings: string[] = [];
  for (const { path, lines } of pieces) {
    for (const [index, line] of lines.entries()) {
      const [, binding, space] = /@group\(0\) @binding\((\d+)\) var<([^>]*)>/.exec(line) ?? [];
      if (!binding) continue;
      const kind = kinds.get(space!);
      const place = placeOf(path, index + 1);
      if (!kind) throw new Error(`${place}: expected var<${[...kinds.keys()].join("> or var<")}>, got var<${space}>`);
      if (bindings[Number(binding)]) throw new Error(`${place}: binding ${binding} is declared twice`);
      bindings[Number(binding)] = binding === "0" && kind === "uniform" ? "dynamic" : kind;
    }
  }
  return bindings;
}

/** Without comments and indentation, line by line: of the bytes of the shaders, gzipped, that is a third. */
const compact = (line: string): string => line.replace(/\/\/.*/, "").trim();

function moduleOf(path: string, isCompact: boolean): string {
  const pieces = readShader(path);
  const own = pieces.at(-1)!;
  const others = pieces.slice(0, -1).map((piece) => relative(dirname(path), piece.path));
  const name = basename(path, ".wgsl");
  const text = [`//# ${basename(path)}`, ...own.lines.map((line) => (isCompact ? compact(line) : line))].join("\n");
  const bindings = bindingsOf(pieces);
  const isKernel =
    own.lines.some((line) => line.includes(`fn ${name}(`)) && own.lines.some((line) => line.startsWith("@compute"));
  const gap = isKernel ? Array.from(bindings).indexOf(undefined as never) : -1;
  if (gap >= 0) throw new Error(`${placeOf(path, 1)}: binding ${gap} is declared nowhere`);
  return [
    ...others.map((other, index) => `import { text as text${index} } from ${JSON.stringify(`./${other}`)};`),
    `export const text = ${JSON.stringify(text)};`,
    `export default {`,
    `  name: ${JSON.stringify(name)},`,
    `  pieces: [${[...others.map((_, index) => `text${index}`), "text"].join(", ")}],`,
    `  bindings: ${JSON.stringify(isKernel ? bindings : [])},`,
    `};`,
  ].join("\n");
}

/** Loads `*.wgsl` as modules; their types are in src/gpu/wgsl.d.ts. */
export function shaders(): Plugin {
  let isBuild = false;
  return {
    name: "shaders",
    enforce: "pre",
    configResolved({ command }) {
      isBuild = command === "build";
    },
    load(id) {
      if (!id.endsWith(".wgsl")) return undefined;
      for (const { path } of readShader(id)) this.addWatchFile(path);
      return moduleOf(id, isBuild);
    },
  };
}
