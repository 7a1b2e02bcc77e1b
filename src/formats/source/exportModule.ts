import type { Preprocessing } from "../../data/preprocessing.ts";
import { InvalidInput, requireOptions } from "../../errors.ts";
import { describeArchitecture, parametersOf } from "../../graph/graphNetwork.ts";
import type { ParameterShape } from "../../graph/graph.ts";
import { nameOf, requireInteger, requireName, takesLogits } from "../../graph/network.ts";
import { shortestF32 } from "../../math/emitWgsl.ts";
import { finiteParameters, type ModelToSave, requireValueCount } from "../modelFile.ts";
import { encodeOnnx } from "../onnxModel.ts";
import { htmlPage } from "./htmlPage.ts";
import { NetworkSource, type WeightText } from "./networkSource.ts";
import { type SourceLanguage, syntaxes } from "./syntax.ts";
import { tableSource } from "./tableSource.ts";

export const moduleForms = ["js", "c", "wgsl", "html", "onnx"] as const;
/** What `exportModule` writes: source in JavaScript, C or WGSL, a page with a form, or the bytes of an ONNX file. */
export type ModuleForm = (typeof moduleForms)[number];

/** A storage buffer of a shader. */
export interface BufferPlace {
  readonly group: number;
  readonly binding: number;
}

export interface ModuleOptions {
  readonly to: ModuleForm;
  /** What the function of C and WGSL is called; default `network`. */
  readonly name?: string;
  /** Which of several members is written, from 0. ONNX takes all of them if none is named. */
  readonly member?: number;
  /**
   * Of WGSL: the parameters are read from a storage buffer that holds them as `readParameters` gives them. Default: they are
   * constants of the source, as up to 4,096 of them can be.
   */
  readonly weights?: BufferPlace;
}

/** Parameters beyond which compilers of shaders take too long over constants, and JavaScript packs its numbers. */
const mostConstants = 4096;
/** Parameters of the largest source. */
const mostParameters = 2 ** 24;

interface OneModel {
  readonly model: ModelToSave;
  /** Of one member. */
  readonly parameters: Float32Array;
  readonly name: string;
}

const fault = (place: string, expected: string, got: string, fix: string): InvalidInput =>
  new InvalidInput({ place: `exportModule: ${place}`, expected, got, fix });

/** Words that a name must not be: of C, of WGSL, and those that the source itself uses. */
const taken = new Set(
  `alias array asm auto bool break case char const const_assert continue continuing default diagnostic discard do double else enable enum
  extern false float fn for goto if inline int let long loop main override register requires restrict return short signed sizeof static
  struct switch true typedef union unsigned var void volatile while x y w i j`.split(/\s+/),
);

function requireFunctionName(name: unknown): string {
  if (
    typeof name === "string" &&
    /^[A-Za-z][A-Za-z0-9_]{0,62}$/.test(name) &&
    !taken.has(name) &&
    !name.includes("__")
  ) {
    return name;
  }
  const expected = "a name of letters, digits and _ that begins with a letter and is no word of C or WGSL";
  throw fault("name", expected, JSON.stringify(name), 'pass one like "brdf"');
}

/** The parameters of the member that is written. */
function oneMember(model: ModelToSave, { member, to }: ModuleOptions): Float32Array {
  const { members, network } = model;
  if (member === undefined && members > 1) {
    const fix = `pass { member: 0 }; ${to === "html" ? "a page" : "source"} is of one network`;
    throw fault("member", `one of the ${members} members`, "none", fix);
  }
  if (member !== undefined) requireInteger("exportModule: member", member, 0, members - 1);
  const first = (member ?? 0) * network.parameterCount;
  return finiteParameters("exportModule", model.parameters.slice(first, first + network.parameterCount));
}

function requireSize({ network }: ModelToSave): void {
  if (network.parameterCount <= mostParameters) return;
  throw fault("network", `at most ${mostParameters} parameters`, String(network.parameterCount), 'pass { to: "onnx" }');
}

const shapeText = ({ name, shape }: ParameterShape): string => `${name} [${shape.join(", ")}]`;

/** `4-16-3, loss softmaxCrossEntropy: 4 numbers in x, 3 probabilities in y` */
function whatItIs({ model: { network } }: OneModel): string {
  const answers = takesLogits(network.loss) ? "probabilities" : "outputs";
  return `${describeArchitecture(network)}, loss ${nameOf(network.loss).replaceAll(/\W/g, "")}: ${network.inputs} inputs, ${network.outputs} ${answers}`;
}

/** Numbers in lines of eight. */
function numberLines(values: Float32Array, write: (value: number) => string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < values.length; at += 8)
    lines.push(`  ${Array.from(values.subarray(at, at + 8), write).join(", ")},`);
  return lines;
}

/** All parameters of a member as lines, each parameter under its name. */
const parameterLines = ({ model, parameters }: OneModel, write: (value: number) => string): string[] =>
  parametersOf(model.network).flatMap((part) => [
    `  // ${shapeText(part)}`,
    ...numberLines(parameters.subarray(part.offset, part.offset + part.size), write),
  ]);

const inOneArray: WeightText = { at: ({ offset }, index) => `w[${offset === 0 ? index : `${offset} + ${index}`}]` };

const bodyOf = ({ model }: OneModel, language: SourceLanguage, weights: WeightText): string[] =>
  new NetworkSource(model.network, syntaxes[language], weights).statements().map((line) => `  ${line}`);

/** base64 of the parameters, little-endian. */
function packed(parameters: Float32Array): string {
  const view = new DataView(new ArrayBuffer(4 * parameters.length));
  for (const [index, value] of parameters.entries()) view.setFloat32(4 * index, value, true);
  const bytes = new Uint8Array(view.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

function jsWeights(one: OneModel): string[] {
  if (one.parameters.length <= mostConstants) {
    return ["const w = Float32Array.of(", ...parameterLines(one, shortestF32), ");"];
  }
  const parts = parametersOf(one.model.network).map(shapeText);
  return [
    `// ${parts.join(", ")}: float32, little-endian, as base64`,
    `const packed = Uint8Array.from(atob("${packed(one.parameters)}"), (sign) => sign.charCodeAt(0));`,
    "const view = new DataView(packed.buffer);",
    "const w = Float32Array.from({ length: packed.length / 4 }, (_, index) => view.getFloat32(4 * index, true));",
  ];
}

/** The module's functions, without `export`. */
function jsSource(one: OneModel): string {
  const { network, preprocessing } = one.model;
  const body = bodyOf(one, "js", inOneArray);
  const functions = [...syntaxes.js.functionsOf(body.join("\n"))];
  return [
    ...jsWeights(one),
    ...functions.flatMap((text) => ["", text]),
    "",
    `/** @param x ${network.inputs} numbers @returns ${network.outputs} numbers, in float64 */`,
    "function predict(x) {",
    `  if (x.length !== ${network.inputs}) throw new RangeError(\`predict: expected ${network.inputs} numbers, got \${x.length}\`);`,
    `  const y = new Float64Array(${network.outputs});`,
    ...body,
    "  return y;",
    "}",
    ...(preprocessing ? ["", tableSource(preprocessing)] : []),
  ].join("\n");
}

const exportsOf = (preprocessing: Preprocessing | undefined): string =>
  preprocessing ? "export { predict, predictRow };" : "export { predict };";

const jsModule = (one: OneModel): string =>
  [`// ${origin} ${whatItIs(one)}.`, "", jsSource(one), "", exportsOf(one.model.preprocessing), ""].join("\n");

const origin = "A network that thalweg trained:";

function cModule(one: OneModel): string {
  const { network } = one.model;
  const body = bodyOf(one, "c", inOneArray);
  return [
    `// ${origin} ${whatItIs(one)}. C99, float32; needs -lm.`,
    "",
    "#include <math.h>",
    "",
    `static const float w[${one.parameters.length}] = {`,
    ...parameterLines(one, syntaxes.c.number),
    "};",
    ...syntaxes.c.functionsOf(body.join("\n")).flatMap((text) => ["", text]),
    "",
    `void ${one.name}(const float x[${network.inputs}], float y[${network.outputs}]) {`,
    ...(body.join("").includes("x[") ? [] : ["  (void)x;"]), // no data reach the output
    ...body,
    "}",
    "",
  ].join("\n");
}

const wgslNumber = syntaxes.wgsl.number;

/** Four values of a vector, 0 beyond its end. */
const four = (unit: (index: number) => string, first: number, width: number): string =>
  `vec4f(${[0, 1, 2, 3].map((part) => (first + part < width ? unit(first + part) : "0.0")).join(", ")})`;

const blocks = (width: number): number[] => Array.from({ length: Math.ceil(width / 4) }, (_, block) => 4 * block);

/** Dense layers as products of 4 × 4 constants, of which compilers make plain multiplications and additions. */
function constantWeights({ parameters, name }: OneModel): WeightText {
  const valueAt = (offset: number): string => wgslNumber(parameters[offset]!);
  return {
    at: (part, index) => `${name}_${part.name.replaceAll(".", "_")}[${index}]`,
    dense(node, weights, bias, input) {
      const [fanIn, fanOut] = weights.shape as [number, number];
      const inputs = blocks(fanIn).map((first) => `let ${node}_in${first / 4} = ${four(input, first, fanIn)};`);
      const outputs = blocks(fanOut).map((to) => {
        const start = four((unit) => valueAt(bias.offset + unit), to, fanOut);
        const products = blocks(fanIn).map((from) => {
          const column = (row: number): string =>
            four((unit) => (row < fanIn ? valueAt(weights.offset + row * fanOut + unit) : "0.0"), to, fanOut);
          const columns = [0, 1, 2, 3].map((part) => column(from + part));
          return `  + mat4x4f(${columns.join(", ")}) * ${node}_in${from / 4}`;
        });
        return [`let ${node}_out${to / 4} = ${start}`, ...products].join("\n  ") + ";";
      });
      const units = Array.from(
        { length: fanOut },
        (_, unit) => `${node}_out${Math.floor(unit / 4)}.${"xyzw"[unit % 4]!}`,
      );
      return [...inputs, ...outputs, `var ${node} = array<f32, ${fanOut}>(${units.join(", ")});`];
    },
  };
}

/** Parameters that are no dense layer's as constants: scales, shifts, tables. */
function constantArrays({ model, parameters, name }: OneModel, body: string): string[] {
  return parametersOf(model.network).flatMap((part) => {
    const own = `${name}_${part.name.replaceAll(".", "_")}`;
    if (!body.includes(`${own}[`)) return [];
    const values = parameters.subarray(part.offset, part.offset + part.size);
    return [`const ${own} = array<f32, ${part.size}>(`, ...numberLines(values, wgslNumber), ");"];
  });
}

function weightsOfWgsl(one: OneModel, place: BufferPlace | undefined): { weights: WeightText; declaration: string[] } {
  if (!place) return { weights: constantWeights(one), declaration: [] };
  requireInteger("exportModule: weights.group", place.group, 0, 3);
  requireInteger("exportModule: weights.binding", place.binding, 0, 999);
  const array = `${one.name}_w`;
  return {
    weights: { at: ({ offset }, index) => `${array}[${offset} + ${index}]` },
    declaration: [
      `// ${one.parameters.length} numbers: ${parametersOf(one.model.network).map(shapeText).join(", ")}`,
      `@group(${place.group}) @binding(${place.binding}) var<storage, read> ${array}: array<f32>;`,
      "",
    ],
  };
}

/** One function, and those that it calls under names that begin with its own. */
function wgslModule(one: OneModel, place: BufferPlace | undefined): string {
  const { network } = one.model;
  if (!place && one.parameters.length > mostConstants) {
    const fix = "pass { weights: { group: 0, binding: 0 } }, and bind a buffer of the parameters there";
    throw fault("weights", `at most ${mostConstants} parameters as constants`, String(one.parameters.length), fix);
  }
  const { weights, declaration } = weightsOfWgsl(one, place);
  const body = bodyOf(one, "wgsl", weights).join("\n");
  const functions = syntaxes.wgsl.functionsOf(body).join("\n\n");
  const helpers = new Set([...functions.matchAll(/^(?:fn|const) (\w+)/gm)].map(([, helper]) => helper!));
  const renamed = (text: string): string =>
    text.replaceAll(/\b[A-Za-z_]\w*\b/g, (word) => (helpers.has(word) ? `${one.name}_${word}` : word));
  return [
    `// ${origin} ${whatItIs(one)}.`,
    "",
    ...declaration,
    ...(place ? [] : constantArrays(one, body)),
    ...(functions === "" ? [] : [renamed(functions), ""]),
    `fn ${one.name}(x: array<f32, ${network.inputs}>) -> array<f32, ${network.outputs}> {`,
    `  var y: array<f32, ${network.outputs}>;`,
    renamed(body),
    "  return y;",
    "}",
    "",
  ].join("\n");
}

/** The model with the member that is named, or all. */
const chosenMembers = (model: ModelToSave, options: ModuleOptions): ModelToSave =>
  options.member === undefined ? model : { ...model, members: 1, parameters: oneMember(model, options) };

/**
 * A trained network to take elsewhere, with its parameters, which needs nothing of thalweg. It answers as `predict` does: outputs,
 * or probabilities where the loss takes logits; dropout drops nothing.
 *
 * - `js`: an ES module with `predict(x)`, in float64. Where the model knows its columns also `predictRow({ column: value })`, which
 *   gives the target in the units of the table.
 * - `c`: `void name(const float x[inputs], float y[outputs])`.
 * - `wgsl`: `fn name(x: array<f32, inputs>) -> array<f32, outputs>`, to paste into a shader.
 * - `html`: one file with the network and a form, which loads nothing.
 * - `onnx`: what `encodeOnnx` writes.
 * @param model what `decodeModel` returns, for example
 * @throws InvalidInput on options that do not fit, on parameters that are not finite, and on too many of them
 */
export function exportModule(
  model: ModelToSave,
  options: ModuleOptions & { readonly to: "onnx" },
): Uint8Array<ArrayBuffer>;
export function exportModule(
  model: ModelToSave,
  options: ModuleOptions & { readonly to: Exclude<ModuleForm, "onnx"> },
): string;
export function exportModule(model: ModelToSave, options: ModuleOptions): string | Uint8Array<ArrayBuffer>;
export function exportModule(model: ModelToSave, options: ModuleOptions): string | Uint8Array<ArrayBuffer> {
  requireOptions("exportModule", options, ["to", "name", "member", "weights"]);
  const { to, name = "network", weights } = options;
  requireName("exportModule: to", to, moduleForms);
  requireValueCount("exportModule", model);
  if (weights && to !== "wgsl") throw fault("weights", 'none but with { to: "wgsl" }', to, "leave them out");
  if (to === "onnx") return encodeOnnx(chosenMembers(model, options));
  requireSize(model);
  const one: OneModel = { model, parameters: oneMember(model, options), name: requireFunctionName(name) };
  switch (to) {
    case "js":
      return jsModule(one);
    case "c":
      return cModule(one);
    case "wgsl":
      return wgslModule(one, weights);
    case "html":
      return htmlPage(jsSource(one), model, whatItIs(one));
  }
}
