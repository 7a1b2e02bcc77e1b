// The rules of the house: who may import whom, and what a folder may touch.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSync } from "vite";
import { expect, test } from "vitest";

const maxLines = 300;

/** Files in src/ itself that touch no host. */
const pureFiles =
  "errors network random initializers optimizer ownOptimizer batches executor nextTask shape halfFloats".split(" ");

/** Place in src/ → places it may import. "pure" stands for the files above, "x.ts" for an entry, "x/" for a folder. */
const mayImport: Record<string, string[]> = {
  "math/": ["math/", "pure"],
  pure: ["pure", "math/", "graph/"],
  "graph/": ["graph/", "math/", "pure"],
  "cpu/": ["cpu/", "graph/", "math/", "pure"],
  "backend/": ["backend/", "cpu/", "graph/", "math/", "pure"],
  "gpu/": ["gpu/", "graph/", "math/", "pure", "shaders/"],
  "plan/": ["plan/", "gpu/", "cpu/", "graph/", "pure"],
  "train/": ["train/", "plan/", "cpu/", "graph/", "math/", "formats/", "type gpu/", "pure"],
  "data/": ["data/", "pure"],
  "formats/": ["formats/", "data/", "graph/", "math/", "pure"],
  "tensor/": ["tensor/", "gpu/", "cpu/", "math/", "type train/", "pure"],
  "explain/": ["explain/", "cpu/", "graph/", "math/", "train/", "pure"],
  "index.ts": ["pure", "math.ts", "math/", "cpu/", "graph/", "gpu/", "plan/", "train/", "data/", "formats/"],
  "explain.ts": ["explain/"],
  "math.ts": ["math/"],
  "data.ts": ["data/", "formats/"],
  "tensor.ts": ["tensor/", "pure"],
  "node.ts": ["index.ts", "node/", "gpu/"],
  "node/": ["node/", "index.ts", "gpu/"],
  "cli/": ["cli/", "node/", "index.ts", "node.ts", "data.ts", "explain.ts", "package.json"],
  "web/": ["web/", "index.ts", "data.ts", "explain.ts"],
};

/** Global names → the places that may use them; undefined: none may. */
const reserved: { names: RegExp; places: string[] }[] = [
  { names: /^(process|Buffer|__dirname)$/, places: ["cli/", "node.ts", "node/"] },
  { names: /^(document|window|localStorage)$/, places: ["web/"] },
  { names: /^(eval|Function)$/, places: [] },
];

interface Import {
  target: string;
  typeOnly: boolean;
}

interface SourceFile {
  path: string; // from src/, with slashes
  place: string;
  lines: number;
  imports: Import[];
  identifiers: Set<string>;
}

interface Node {
  type: string;
  [key: string]: unknown;
}

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === "string";

/** The nodes below a node; names that are keys (`options.process`, `{ process: 1 }`) are no use of a global. */
function children(node: Node): Node[] {
  const isKey = (key: string) => (key === "property" || key === "key") && node.computed === false;
  return Object.keys(node).flatMap((key) => (isKey(key) ? [] : [node[key]].flat().filter(isNode)));
}

function* walk(node: Node): Generator<Node> {
  yield node;
  for (const child of children(node)) yield* walk(child);
}

/** `import … from`, `export … from`, `import()` and the type `import("…")`. */
function importOf(node: Node): Import | undefined {
  const source = node.source as { value?: unknown } | null | undefined;
  if (typeof source?.value !== "string") return undefined;
  const typeOnly = node.importKind === "type" || node.exportKind === "type" || node.type === "TSImportType";
  return { target: source.value, typeOnly };
}

function placeOf(path: string): string {
  const [first = "", rest] = path.split("/");
  if (rest !== undefined) return `${first}/`;
  return pureFiles.includes(first.replace(/\.ts$/, "")) ? "pure" : first;
}

function read(path: string): SourceFile {
  const text = readFileSync(join("src", path), "utf8");
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`src/${path}: ${errors[0]!.message}`);
  const nodes = [...walk(program as unknown as Node)];
  const identifiers = new Set(nodes.filter((node) => node.type === "Identifier").map((node) => node.name as string));
  const imports = nodes.map(importOf).filter((found) => found !== undefined);
  return { path, place: placeOf(path), lines: text.trimEnd().split("\n").length, imports, identifiers };
}

/** "network.ts" for `../network.ts` in src/gpu/, "shaders/x.wgsl" for `../../shaders/x.wgsl`. */
function resolve(from: SourceFile, target: string): string {
  const path = join("src", dirname(from.path), target.replace(/\?.*$/, "")).replaceAll("\\", "/");
  return path.replace(/^src\//, "");
}

const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts"))
  .map(read);

const ownImports = (file: SourceFile) => file.imports.filter(({ target }) => target.startsWith("."));

test("src/ has files to look at", () => expect(files).not.toEqual([]));

test("every file has a place in the house", () => {
  expect(files.filter(({ place }) => !(place in mayImport)).map(({ path }) => path)).toEqual([]);
});

test("a file imports only what its place allows", () => {
  const isAllowed = (file: SourceFile, { target, typeOnly }: Import) => {
    const place = placeOf(resolve(file, target));
    const allowed = mayImport[file.place] ?? [];
    return allowed.includes(place) || (typeOnly && allowed.includes(`type ${place}`));
  };
  const strangers = (file: SourceFile) => ownImports(file).filter((found) => !isAllowed(file, found));
  expect(files.flatMap((file) => strangers(file).map(({ target }) => `${file.path} imports ${target}`))).toEqual([]);
});

test("errors.ts imports nothing", () => {
  expect(files.find(({ path }) => path === "errors.ts")?.imports ?? []).toEqual([]);
});

test("own imports carry their extension", () => {
  const bare = (file: SourceFile) => ownImports(file).filter(({ target }) => !/\.(ts|css|json|wgsl)$/.test(target));
  expect(files.flatMap((file) => bare(file).map(({ target }) => `${file.path} imports ${target}`))).toEqual([]);
});

test("no import cycles", () => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const finished = new Set<string>();
  const findCycle = (path: string, trail: string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    const file = byPath.get(path);
    if (!file || finished.has(path)) return undefined;
    for (const { target } of ownImports(file)) {
      const cycle = findCycle(resolve(file, target), [...trail, path]);
      if (cycle) {
        finished.add(path); // each cycle is told once
        return cycle;
      }
    }
    finished.add(path);
    return undefined;
  };
  expect(files.map(({ path }) => findCycle(path, [])?.join(" → ")).filter(Boolean)).toEqual([]);
});

test("only the tables of kernels and structs read shaders, and the probe that runs before there are kernels", () => {
  const readsShader = (file: SourceFile) => file.imports.some(({ target }) => /\.wgsl\b/.test(target));
  const readers = files.filter(readsShader).map(({ path }) => path);
  const allowed = ["gpu/kernels.ts", "gpu/graphKernels.ts", "gpu/layouts.ts", "gpu/tensorKernels.ts", "gpu/quads.ts"];
  expect(readers.filter((path) => !allowed.includes(path))).toEqual([]);
});

test(`no file is longer than ${maxLines} lines`, () => {
  expect(files.filter(({ lines }) => lines > maxLines).map(({ path, lines }) => `${path}: ${lines}`)).toEqual([]);
});

test("no barrel files except the entries", () => {
  const barrels = files.map(({ path }) => path).filter((path) => path.endsWith("/index.ts"));
  expect(barrels).toEqual([]);
});

test("hosts are touched only where the house says so", () => {
  const uses = (file: SourceFile) =>
    reserved.flatMap(({ names, places }) =>
      places.includes(file.place) ? [] : [...file.identifiers].filter((name) => names.test(name)),
    );
  expect(files.flatMap((file) => uses(file).map((name) => `${file.path} uses ${name}`))).toEqual([]);
});

test("only the command line and the Node entry import node: modules", () => {
  const nodePlaces = ["cli/", "node.ts", "node/"];
  const importsNode = (file: SourceFile) => file.imports.some(({ target }) => target.startsWith("node:"));
  expect(files.filter((file) => importsNode(file) && !nodePlaces.includes(file.place)).map(({ path }) => path)).toEqual(
    [],
  );
});

test("train/ never names a WebGPU object", () => {
  const named = (file: SourceFile) => [...file.identifiers].filter((name) => /^GPU[A-Z]/.test(name));
  const trainers = files.filter(({ place }) => place === "train/");
  expect(trainers.flatMap((file) => named(file).map((name) => `${file.path} names ${name}`))).toEqual([]);
});
