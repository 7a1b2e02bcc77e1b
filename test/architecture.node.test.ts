// The architecture as a test: which folder may import which, and what a folder may touch.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSync } from "vite";
import { expect, test } from "vitest";

/** Files in src/ itself that touch no host and know nothing of networks. */
const basicFiles = ["errors", "closest", "random", "nextTask", "halfFloats"];

/**
 * Place in src/ → places it may import. "basic" stands for the files above, "x.ts" for a public face, "x/" for a folder; a folder below
 * another one is a place of its own where it is listed. Nothing outside backend/ knows a machine: it sees backend/ itself.
 */
const mayImport: Record<string, string[]> = {
  basic: ["basic"],
  "math/": ["math/", "basic"],
  "graph/": ["graph/", "math/", "basic"],
  "backend/": [
    "backend/",
    "backend/cpu/",
    "backend/webgpu/",
    "backend/webgpu/strategies/",
    "backend/webgpu/tensor/",
    "graph/",
    "math/",
    "backend/wasm/",
    "basic",
  ],
  "backend/cpu/": ["backend/cpu/", "backend/", "graph/", "math/", "basic"],
  "backend/wasm/": ["backend/wasm/", "backend/", "graph/", "math/", "basic"],
  "backend/webgpu/": ["backend/webgpu/", "backend/webgpu/emit/", "backend/", "graph/", "math/", "basic", "shaders/"],
  "backend/webgpu/emit/": ["backend/webgpu/emit/", "backend/webgpu/", "backend/", "graph/", "math/", "basic"],
  "backend/webgpu/tensor/": [
    "backend/webgpu/tensor/",
    "backend/webgpu/",
    "backend/",
    "graph/",
    "math/",
    "basic",
    "shaders/",
  ],
  "backend/webgpu/strategies/": [
    "backend/webgpu/strategies/",
    "backend/webgpu/emit/",
    "backend/webgpu/",
    "backend/",
    "graph/",
    "math/",
    "basic",
  ],
  "metrics/": ["metrics/", "backend/", "basic"],
  "model/": ["model/", "metrics/", "backend/", "graph/", "math/", "formats/", "basic"],
  "data/": ["data/", "metrics/", "backend/", "graph/", "basic"],
  "formats/": ["formats/", "data/", "backend/", "graph/", "math/", "basic", "shaders/"],
  "tensor/": ["tensor/", "backend/", "graph/", "math/", "type model/", "basic"],
  "explain/": ["explain/", "backend/", "graph/", "math/", "model/", "basic"],
  "index.ts": ["math.ts", "metrics/", "model/", "backend/", "data/", "formats/", "graph/", "math/", "basic"],
  "explain.ts": ["explain/"],
  "math.ts": ["math/"],
  "data.ts": ["data/", "metrics/", "formats/", "basic"],
  "tensor.ts": ["tensor/", "backend/", "basic"],
  "node.ts": ["index.ts", "node/", "backend/"],
  "node/": ["node/", "index.ts", "backend/", "backend/webgpu/"],
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
  /** Whether it declares nothing: every statement is an import or passes an export on. */
  passesOn: boolean;
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

/** Longest first: `backend/webgpu/` before `backend/`. */
const folders = Object.keys(mayImport)
  .filter((place) => place.endsWith("/"))
  .toSorted((a, b) => b.length - a.length);

function placeOf(path: string): string {
  const folder = folders.find((each) => path.startsWith(each));
  if (folder !== undefined) return folder;
  if (path.includes("/")) return `${path.split("/")[0]}/`;
  return basicFiles.includes(path.replace(/\.ts$/, "")) ? "basic" : path;
}

function read(path: string): SourceFile {
  const text = readFileSync(join("src", path), "utf8");
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`src/${path}: ${errors[0]!.message}`);
  const nodes = [...walk(program as unknown as Node)];
  const identifiers = new Set(nodes.filter((node) => node.type === "Identifier").map((node) => node.name as string));
  const imports = nodes.map(importOf).filter((found) => found !== undefined);
  const { body } = program as unknown as { body: readonly Node[] };
  const passesOn = body.every(
    ({ type, source, declaration }) =>
      type === "ImportDeclaration" || (type.startsWith("Export") && (source !== null || declaration === null)),
  );
  return { path, place: placeOf(path), passesOn, imports, identifiers };
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

test("every file has a place", () => {
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
  const bare = (file: SourceFile) => ownImports(file).filter(({ target }) => !/\.(ts|js|css|json|wgsl)$/.test(target));
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

test("only the tables of kernels and structs read shaders, the probe that runs before there are kernels, and exported modules", () => {
  const readsShader = (file: SourceFile) => file.imports.some(({ target }) => /\.wgsl\b/.test(target));
  const readers = files.filter(readsShader).map(({ path }) => path);
  const allowed = [
    "kernels.ts",
    "fusedKernels.ts",
    "graphKernels.ts",
    "lbfgsKernel.ts",
    "orthogonalKernels.ts",
    "layouts.ts",
    "tensor/tensorKernels.ts",
    "quads.ts",
    "formats/source/wgslFunctions.ts",
  ];
  expect(readers.filter((path) => !allowed.includes(path.replace("backend/webgpu/", "")))).toEqual([]);
});

test("no file but the public faces only passes on what another one exports", () => {
  const isFace = ({ path }: SourceFile) => !path.includes("/");
  expect(files.filter((file) => !isFace(file) && file.passesOn).map(({ path }) => path)).toEqual([]);
});

test("host globals are used only where this file allows it", () => {
  const uses = (file: SourceFile) =>
    reserved.flatMap(({ names, places }) =>
      places.includes(file.place) ? [] : [...file.identifiers].filter((name) => names.test(name)),
    );
  expect(files.flatMap((file) => uses(file).map((name) => `${file.path} uses ${name}`))).toEqual([]);
});

/** Places that know the host that they run on. */
const hostPlaces = ["cli/", "node.ts", "node/", "web/"];

test("only the command line and the Node entry import node: modules", () => {
  const nodePlaces = hostPlaces.filter((place) => place !== "web/");
  const importsNode = (file: SourceFile) => file.imports.some(({ target }) => target.startsWith("node:"));
  expect(files.filter((file) => importsNode(file) && !nodePlaces.includes(file.place)).map(({ path }) => path)).toEqual(
    [],
  );
});

test("nothing outside backend/ names a WebGPU object", () => {
  const named = (file: SourceFile) => [...file.identifiers].filter((name) => /^GPU[A-Z]/.test(name));
  const others = files.filter(({ place }) => !place.startsWith("backend/") && !hostPlaces.includes(place));
  expect(others.flatMap((file) => named(file).map((name) => `${file.path} names ${name}`))).toEqual([]);
});
