// Shaders as modules. A file of shaders/ names the files that it needs by lines `#import name`; its module gives the pieces of code in
// the order in which they are included, each once, the kinds of their bindings, and where the fields of their structs lie. Lines `#expects declaration` name
// what the file leaves to code that is joined with it at run time.

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { Plugin } from "vite";

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
 * @param folder of imports; default: the file's own
 * @throws Error with file and line where an import is missing or leads back to the file
 */
export function readShader(path: string, folder = dirname(path)): Piece[] {
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

/** Bytes of a host-shareable type, what it is aligned to, and its 4-byte words and their type; undefined of others. */
function sizeOf(
  type: string,
  aliases: ReadonlyMap<string, string>,
): { align: number; words: number; word: string } | undefined {
  const [, count, letter] = /^vec([24])([uf])$/.exec(type) ?? [];
  if (type === "u32" || type === "f32") return { align: 4, words: 1, word: type };
  if (count) return { align: 4 * Number(count), words: Number(count), word: `${letter}32` };
  const [, element, length] = /^array<(vec4[uf]), (\d+)>$/.exec(type) ?? [];
  if (element) return { align: 16, words: 4 * Number(length), word: `${element.at(-1)}32` };
  return aliases.has(type) ? sizeOf(aliases.get(type)!, aliases) : undefined;
}

interface Layout {
  readonly bytes: number;
  readonly u32: Readonly<Record<string, number>>;
  readonly f32: Readonly<Record<string, number>>;
}

const roundUp = (size: number, step: number): number => Math.ceil(size / step) * step;

/** Where the fields of a struct lie, by WGSL's rules of alignment; undefined where a type is not one that the host writes. */
function layoutOf(body: string, aliases: ReadonlyMap<string, string>): Layout | undefined {
  const fields: Record<string, Record<string, number>> = { u32: {}, f32: {} };
  let [end, widest] = [0, 4];
  for (const [, name, type] of body.matchAll(/^ *(\w+): (.+?),(?: *\/\/.*)?$/gm)) {
    const size = sizeOf(type!, aliases);
    if (!size) return undefined;
    const offset = roundUp(end, size.align);
    fields[size.word]![name!] = offset;
    end = offset + 4 * size.words;
    widest = Math.max(widest, size.align);
  }
  return { bytes: roundUp(end, widest), u32: fields.u32!, f32: fields.f32! };
}

/** Layouts of the structs of a file, which may use aliases of the files that it imports. */
export function layoutsOf(pieces: readonly Piece[]): Record<string, Layout> {
  const code = pieces.map(({ lines }) => lines.join("\n"));
  const aliases = new Map(
    [...code.join("\n").matchAll(/^alias (\w+) = (.+);$/gm)].map(([, name, type]) => [name!, type!]),
  );
  const structs = [...code.at(-1)!.matchAll(/^struct (\w+) \{\n([^}]*)\}/gm)];
  const layouts = structs.map(([, name, body]) => [name!, layoutOf(body!, aliases)] as const);
  return Object.fromEntries(layouts.filter((entry): entry is [string, Layout] => entry[1] !== undefined));
}

/** The struct of the uniform at binding 0. */
const uniformOf = (pieces: readonly Piece[]): string | undefined =>
  /@group\(0\) @binding\(0\) var<uniform> \w+: (\w+);/.exec(pieces.flatMap(({ lines }) => lines).join("\n"))?.[1];

/** Without comments and indentation, line by line: of the bytes of the shaders, gzipped, that is a third. */
const compact = (line: string): string => line.replace(/\/\/.*/, "").trim();

function moduleOf(path: string, isCompact: boolean): string {
  const pieces = readShader(path);
  const own = pieces.at(-1)!;
  const text = [`//# ${basename(path)}`, ...own.lines.map((line) => (isCompact ? compact(line) : line))].join("\n");
  const imports = pieces.slice(0, -1).map((piece, index) => {
    const file = JSON.stringify(`./${relative(dirname(path), piece.path)}`);
    return `import { text as text${index}, layouts as layouts${index} } from ${file};`;
  });
  return [
    ...imports,
    `export const text = ${JSON.stringify(text)};`,
    `export const layouts = ${JSON.stringify(layoutsOf(pieces))};`,
    `export default {`,
    `  pieces: [${[...imports.map((_, index) => `text${index}`), "text"].join(", ")}],`,
    ...kernelLines(pieces),
    `};`,
  ].join("\n");
}

/** Of a file that declares all bindings of a kernel: their kinds, and the layout of the uniform that moves. */
function kernelLines(pieces: readonly Piece[]): string[] {
  const { path, lines } = pieces.at(-1)!;
  const bindings = bindingsOf(pieces);
  const gap = Array.from(bindings).indexOf(undefined as never);
  if (gap >= 0 && lines.some((line) => line.startsWith("@compute"))) {
    throw new Error(`${placeOf(path, 1)}: binding ${gap} is declared nowhere`);
  }
  if (gap >= 0 || bindings.length === 0) return ["  bindings: [],"];
  const struct = uniformOf(pieces);
  const at = pieces.findIndex((_, index) => struct !== undefined && struct in layoutsOf(pieces.slice(0, index + 1)));
  if (struct !== undefined && at < 0)
    throw new Error(`${placeOf(path, 1)}: ${struct} has fields that the host cannot write`);
  const uniform = at < 0 ? [] : [`  uniform: layouts${at === pieces.length - 1 ? "" : at}.${struct},`];
  return [`  bindings: ${JSON.stringify(bindings)},`, ...uniform];
}

/** Loads `*.wgsl` as modules; their types are in src/backend/webgpu/wgsl.d.ts. */
export function shaders(): Plugin {
  let isBuild = false;
  return {
    name: "shaders",
    enforce: "pre",
    configResolved({ command }) {
      isBuild = command === "build";
    },
    /** A module names all files that its file imports at any depth: what a cache has of it is good while these are the same. */
    configureVitest({ defineCacheKeyGenerator }) {
      defineCacheKeyGenerator(({ id }) =>
        id.endsWith(".wgsl")
          ? readShader(id)
              .map(({ path, lines }) => [path, ...lines].join("\n"))
              .join("\n")
          : undefined,
      );
    },
    load(id) {
      if (!id.endsWith(".wgsl")) return undefined;
      for (const { path } of readShader(id)) this.addWatchFile(path);
      return moduleOf(id, isBuild);
    },
  };
}
