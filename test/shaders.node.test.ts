// Files of shaders/: what they import and expect, and that each compiles by itself.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createKernel } from "../src/backend/webgpu/kernel.ts";
import { layerKernel } from "../src/backend/webgpu/kernels.ts";
import { blockOf, placesOf } from "../src/backend/webgpu/layout.ts";
import { kernelOf, type Shader, sourceOf } from "../src/backend/webgpu/shader.ts";
import { bindingsOf, layoutsOf, type Piece, readShader } from "../vite.shaders.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const folder = join(import.meta.dirname, "..", "shaders");
const files = readdirSync(folder).filter((name) => name.endsWith(".wgsl"));

const codeOf = ({ lines }: Piece): string => lines.join("\n");
const shaderOf = (pieces: readonly Piece[]): Shader => ({
  pieces: pieces.map((piece) => `//# ${basename(piece.path)}\n${codeOf(piece)}`),
  bindings: [],
});

/** Word, name and all that follows of an expected declaration. */
function partsOf(declaration: string): { word: string; name: string; rest: string } {
  const [, word, name, rest] = /^(fn|const|alias|struct|var) (\w+)(.*)$/.exec(declaration) ?? [];
  if (!word) throw new Error(`no declaration: ${declaration}`);
  return { word, name: name!, rest: rest! };
}

/** The least WGSL that declares what a file expects. */
function standIn(declaration: string): string {
  const { word, name, rest } = partsOf(declaration);
  const type = /(?:->|^:) (.*)$/.exec(rest)?.[1];
  if (word === "fn") return `${declaration} {${type ? ` return ${type}(); ` : ""}}`;
  if (word === "const") return `${declaration} = ${type}(1);`;
  if (word === "alias") return `${declaration} = f32;`;
  if (word === "var") return `var<private> ${name}${rest};`;
  return declaration;
}

const declares = (code: string, name: string): boolean =>
  new RegExp(`^(?:@.* )?(?:fn|const|alias|struct|override|var(?:<[^>]*>)?) ${name}\\b`, "m").test(code);

test.each(files)("%s compiles with what it expects", async (file) => {
  const pieces = readShader(join(folder, file));
  const code = pieces.map(codeOf).join("\n");
  const expected = new Map(pieces.flatMap(({ expects }) => expects).map((each) => [partsOf(each).name, each]));
  const missing = [...expected.values()].filter((each) => !declares(code, partsOf(each).name));
  const source = kernelOf(file, [shaderOf(pieces), missing.map(standIn).join("\n")]);
  const { gpu } = device();
  gpu.pushErrorScope("validation");
  const { messages } = await gpu.createShaderModule({ label: file, code: source.code }).getCompilationInfo();
  await gpu.popErrorScope();
  const errors = messages.filter(({ type }) => type === "error");
  expect(errors.map(({ lineNum, message }) => `${sourceOf(source, lineNum)}: ${message}`)).toEqual([]);
});

const uses = ({ lines, expects }: Piece, name: string): boolean =>
  [...lines, ...expects].join("\n").split(new RegExp(`\\b${name}\\b`)).length > 1;
const all = files.map((file) => readShader(join(folder, file)));

test.each(files)("%s declares nothing that it expects, and all is used in it or where it is imported", (file) => {
  const path = join(folder, file);
  const { lines, expects } = readShader(path).at(-1)!;
  const importers = all.filter((pieces) => pieces.some((piece) => piece.path === path)).map((pieces) => pieces.at(-1)!);
  const isUsed = (declaration: string) => {
    const { name } = partsOf(declaration);
    const others = expects.filter((each) => each !== declaration);
    return importers.some((piece) => uses(piece.path === path ? { ...piece, expects: others } : piece, name));
  };
  expect(expects.filter((each) => !isUsed(each) || declares(lines.join("\n"), partsOf(each).name))).toEqual([]);
});

const folders: string[] = [];
/** A folder of shaders. */
function write(shaders: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), "shaders-"));
  folders.push(path);
  for (const [name, text] of Object.entries(shaders)) writeFileSync(join(path, `${name}.wgsl`), text);
  return path;
}
afterEach(() => folders.splice(0).forEach((path) => rmSync(path, { recursive: true })));

const namesOf = (path: string, name: string): string[] =>
  readShader(join(path, `${name}.wgsl`), path).map((piece) => basename(piece.path, ".wgsl"));

test("imports come first, in order, each once", () => {
  const path = write({ a: "#import c\n#import b\n", b: "#import d\n#import c\n", c: "#import d\n", d: "" });
  expect(namesOf(path, "a")).toEqual(["d", "c", "b", "a"]);
});

test.each([
  ["a missing import", { a: "// head\n\n#import b\n" }, /a\.wgsl:3: there is no .*b\.wgsl$/],
  [
    "a circle",
    { a: "#import b\n", b: "\n#import c\n", c: "#import b\n" },
    /c\.wgsl:1: circular import: b\.wgsl → c\.wgsl → b\.wgsl$/,
  ],
  ["a file that imports itself", { a: "#import a\n" }, /a\.wgsl:1: circular import: a\.wgsl → a\.wgsl$/],
  [
    "another word",
    { a: "\n#include b\n", b: "" },
    /a\.wgsl:2: expected `#import file` or `#expects declaration`, got #include b$/,
  ],
])("%s is an error that names file and line", (_, shaders, message) => {
  const path = write(shaders);
  expect(() => namesOf(path, "a")).toThrow(message);
});

test("a binding that is declared twice, or of an unknown kind, is an error that names file and line", () => {
  const read = (text: string) => bindingsOf(readShader(join(write({ a: text }), "a.wgsl")));
  const one = "@group(0) @binding(0) var<uniform> a: u32;";
  expect(read(`${one}\n@group(0) @binding(1) var<storage, read> b: array<u32>;`)).toEqual(["dynamic", "read"]);
  expect(() => read(`${one}\n${one}`)).toThrow(/a\.wgsl:2: binding 0 is declared twice$/);
  expect(() => read("@group(0) @binding(0) var<handle> a: u32;")).toThrow(
    /a\.wgsl:1: expected var<uniform> or .*, got var<handle>$/,
  );
});

test("fields of structs lie where WGSL has them", () => {
  const path = write({
    a: "#import b\n\nstruct A {\n  x: f32,  // note\n  key: vec2u,\n  y: u32,\n  axes: Axes,\n  z: f32,\n}\n\nstruct C {\n  own: mat4x4f,\n}\n",
    b: "alias Axes = array<vec4u, 2>;\n",
  });
  expect(layoutsOf(readShader(join(path, "a.wgsl"), path))).toEqual({
    A: { bytes: 80, u32: { key: 8, y: 16, axes: 32 }, f32: { x: 0, z: 64 } },
  });
});

test("structs are written field by field, and only with all of them", () => {
  const layout = { bytes: 16, u32: { a: 0 }, f32: { b: 8 } };
  const bytes = [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 192];
  expect([...new Uint8Array(blockOf(layout, { a: 258, b: [1, -2] }))]).toEqual(bytes);
  expect(() => blockOf(layout, { a: 1 })).toThrow("the field b has no value");
  expect(() => blockOf(layout, { a: 1, b: 2, c: 3 })).toThrow("the struct has no field c");
  expect(placesOf(layout, "a", "b")).toEqual({ a: 0, b: 8 });
  expect(() => placesOf(layout, "a")).toThrow("b");
  expect(() => placesOf(layout, "a", "b", "c")).toThrow("c");
});

test("an error of the compiler names the file and the line in it", async () => {
  const { code, ...forward } = layerKernel("forward", { activation: "silu" });
  const broken = code.replace("return 1.0 / (1.0 + exp(bounded));", "return 1.0 / (1.0 + exp(y));");
  expect(broken).not.toBe(code);
  const line =
    codeOf(readShader(join(folder, "scalar.wgsl")).at(-1)!)
      .split("\n")
      .findIndex((text) => text.includes("1.0 + exp(bounded)")) + 1;
  const created = createKernel(device(), { ...forward, variant: "broken", code: broken });
  await expect(created).rejects.toThrow(`scalar.wgsl:${line}:`);
});
