import { dropThreshold } from "../../dropout.ts";
import { type Activation, dropsOf, hasDrops, type Network, isRowWise, targetWidth } from "../../../graph/network.ts";
import { emitMaskKeys } from "./emitNetwork.ts";
import { activationsOf, emitFours, f32Text, preparationOf, wgslNameOf, emitLoss } from "./emitFunctions.ts";
import { describe } from "./emitForward.ts";
import {
  fours,
  type LayerLayout,
  layoutOf,
  lossThreads,
  type Owned,
  ownedBy,
  ownerThreads,
  type PlacedLayer,
  type TileSizes,
} from "./networkLayout.ts";

// Writes the WGSL of one network for shaders/trainGroups.wgsl and trainTiles.wgsl: test/golden/layers.wgsl is its output for the
// worked example. Only validated integers and names of the project go into the text.

const slots = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

function constantsOf(network: Network, sizes: TileSizes, layout: LayerLayout): string {
  const { threads, tileRows, isWide, isTurned } = sizes;
  const quads = tileRows / 4;
  const span = isWide ? 2 : 1;
  const constants: [string, number, string][] = [
    ["INPUTS", network.inputs, ""],
    ["OUTPUTS", targetWidth(network), ""],
    ["PARAMETERS", network.parameterCount, ""],
    ["LAYERS", network.layers.length, ""],
    ["THREADS", threads, "of a workgroup"],
    ["TILE", tileRows, "samples"],
    ["QUADS", quads, "vec4f that hold them"],
    ["SPAN", span, "of these for a thread at a time"],
    ["SPANS", quads / span, "times"],
    ["TURN", isTurned ? quads - 1 : 0, "mask by which rows are turned"],
    ["ROWS", layout.rows, "of a tile"],
    ["COPY", layout.copy, "vec4f of a copy of the parameters"],
    ["OWNERS", ownerThreads(layout, threads), "threads that own gradients"],
    ["LOSS_PARTS", lossThreads(network, sizes), "threads that sum losses"],
  ];
  const lines = constants.map(([name, value, text]) => `const ${name} = ${value}u;${text && ` // ${text}`}`);
  const saves = layout.layers.some(({ saved, outputs }) => saved !== outputs);
  return [...lines, `const SAVES = ${saves}; // pre-activations beside activations`].join("\n");
}

/** A layer as `Dense` of shaders/sampleTile.wgsl, word by word. */
function denseOf(layer: PlacedLayer, activation: number): string {
  const { fanIn, fanOut, weightsOffset, copyOffset, inputs, outputs, saved, firstBlock, firstQuad } = layer;
  const places = [weightsOffset, copyOffset, inputs, outputs, saved, firstBlock, firstQuad];
  const words = [fanIn, fanOut, fours(fanOut), activation, ...places];
  return `Dense(${words.map((word) => `${word}u`).join(", ")})`;
}

/** A function with one value for each number, the last for all others. */
function choose(head: string, argument: string, choices: readonly { readonly is: number; readonly value: string }[]) {
  const tests = choices
    .slice(0, -1)
    .map(({ is, value }) => `  if (${argument} == ${is}u) {\n    return ${value};\n  }`);
  return [`fn ${head} {`, ...tests, `  return ${choices[choices.length - 1]!.value};`, "}"].join("\n");
}

/** A function that calls the function of the activation that a number names. */
const callActivation = (head: string, used: readonly Activation[], call: (activation: Activation) => string) =>
  choose(
    head,
    "activation",
    used.map((activation, is) => ({ is, value: call(activation) })),
  );

/** What tileLayersDropped.wgsl leaves open; nothing where nothing is dropped. */
function dropsText(network: Network): string {
  if (!hasDrops(network)) return "";
  const drops = dropsOf(network);
  const none = "Drop(0u, 1.0, 1.0)";
  const values = drops.map((drop, is) => ({
    is,
    value: drop
      ? `Drop(${dropThreshold(drop.rate)}u, ${f32Text(1 / (1 - drop.rate))}, ${f32Text(1 - drop.rate)})`
      : none,
  }));
  const keys = drops.map((drop, is) => ({ is, value: drop ? `maskKey${drop.stream}` : "vec2u()" }));
  const functions = [
    choose("dropAt(place: u32) -> Drop", "place", values),
    choose("maskKeyAt(place: u32) -> vec2u", "place", keys),
  ];
  return `${emitMaskKeys(network)}
${functions.join("\n\n")}

`;
}

/** What pre-activations become before they are saved and activated. */
function prepareOf(used: readonly Activation[]): string {
  const head = "fn prepare4(activation: u32, z: vec4f) -> vec4f {";
  const preparations = [...new Set(used.map(preparationOf))].filter((each) => each !== undefined);
  if (preparations.length === 0) return `${head}\n  return z;\n}`;
  const loops = preparations.map((preparation, at) => {
    const numbers = used.flatMap((activation, is) => (preparationOf(activation) === preparation ? [is] : []));
    const isUsed = numbers.map((is) => `(activation == ${is}u)`).join(" | ");
    const mayNeed = numbers.length === 1 ? isUsed : `(${isUsed})`;
    return `  // One after the other, as in emitForward.ts.
  let mayNeed${at} = ${mayNeed} & (dot(z, z) >= ${preparation.from ** 2}.0);
  for (var left = select(0u, 4u, mayNeed${at}); left > 0u; left--) {
    prepared = vec4f(prepared.yzw, ${preparation.wgsl}(prepared.x));
  }`;
  });
  return [head, "  var prepared = z;", ...loops, "  return prepared;", "}"].join("\n");
}

/** The sums that a thread owns, by name: for registers. */
function namedSums(owned: Owned, threads: number): string {
  const weights = slots(owned.blocks);
  const biases = slots(owned.quads);
  const ifOwned = (owns: string, slot: number, line: (item: string) => string): string => {
    const item = `thread + ${slot * threads}u`;
    return `  if (${owns}(layer, ${item})) {\n    ${line(item)}\n  }`;
  };
  return [
    ...weights.map((slot) => `var<private> dw${slot}: mat4x4f;`),
    ...biases.map((slot) => `var<private> db${slot}: vec4f;`),
    "",
    "fn clearSums() {",
    ...weights.map((slot) => `  dw${slot} = mat4x4f();`),
    ...biases.map((slot) => `  db${slot} = vec4f();`),
    "  lossSum = 0.0;",
    "}",
    "",
    "fn addGradients(layer: Dense, thread: u32) {",
    ...weights.map((slot) => ifOwned("ownsBlock", slot, (item) => `dw${slot} += weightGradients(layer, ${item});`)),
    ...biases.map((slot) => ifOwned("ownsQuad", slot, (item) => `db${slot} += biasGradients(layer, ${item});`)),
    "}",
    "",
    "fn handOutGradients(layer: Dense, thread: u32) {",
    ...weights.map((slot) => ifOwned("ownsBlock", slot, (item) => `handOutBlock(layer, ${item}, dw${slot});`)),
    ...biases.map((slot) => ifOwned("ownsQuad", slot, (item) => `handOutQuad(layer, ${item}, db${slot});`)),
    "}",
  ].join("\n");
}

/** The sums that a thread owns, in arrays: for compilers that keep them in memory anyway, and take long to place names. */
function sumsInArrays({ blocks, quads }: Owned): string {
  const forOwned = (owns: string, first: string, count: string, line: string): string =>
    `  for (var slot = ${first} / THREADS; slot * THREADS < ${first} + ${count}; slot++) {
    if (${owns}(layer, thread + slot * THREADS)) {
      ${line}
    }
  }`;
  const forBlocks = (line: string): string => forOwned("ownsBlock", "layer.firstBlock", "blocksOf(layer)", line);
  const forQuads = (line: string): string => forOwned("ownsQuad", "layer.firstQuad", "layer.columns", line);
  return `var<private> dw: array<mat4x4f, ${blocks}>;
var<private> db: array<vec4f, ${quads}>;

fn clearSums() {
  // In loops: of an array of zeros some compilers write a store for each value.
  for (var slot = 0u; slot < ${blocks}u; slot++) {
    dw[slot] = mat4x4f();
  }
  for (var slot = 0u; slot < ${quads}u; slot++) {
    db[slot] = vec4f();
  }
  lossSum = 0.0;
}

fn addGradients(layer: Dense, thread: u32) {
${forBlocks("dw[slot] += weightGradients(layer, thread + slot * THREADS);")}
${forQuads("db[slot] += biasGradients(layer, thread + slot * THREADS);")}
}

fn handOutGradients(layer: Dense, thread: u32) {
${forBlocks("handOutBlock(layer, thread + slot * THREADS, dw[slot]);")}
${forQuads("handOutQuad(layer, thread + slot * THREADS, db[slot]);")}
}`;
}

/** What shaders/sampleTile.wgsl leaves open: the network's sizes, layers and activations, and the sums of a thread. */
export function emitLayers(network: Network, sizes: TileSizes): string {
  const layout = layoutOf(network);
  const { layers } = layout;
  const owned = ownedBy(layout, sizes.threads);
  const used = activationsOf(network);
  return `// One network for a workgroup: ${describe(network)}.
// Written by src/backend/webgpu/emit/emitLayers.ts; sampleTile.wgsl tells what the names mean.

${constantsOf(network, sizes, layout)}

${choose(
  "layerAt(index: u32) -> Dense",
  "index",
  layers.map((layer) => ({ is: layer.index, value: denseOf(layer, used.indexOf(layer.activation)) })),
)}

${dropsText(network)}${emitFours(network)}

// Activations by their numbers, and gradients times their slopes at what was saved.
${prepareOf(used)}

${callActivation("activate4(activation: u32, z: vec4f) -> vec4f", used, (own) => `${wgslNameOf(network, own)}4(z)`)}

${callActivation("slopeProduct4(activation: u32, d: vec4f, saved: vec4f) -> vec4f", used, (own) => `${wgslNameOf(network, own)}Backward4(d, saved)`)}

${isRowWise(network.loss) ? "" : `${emitLoss(network.loss)}\n`}
// Gradients of the blocks that this thread owns.
${sizes.isNamed ? namedSums(owned, sizes.threads) : sumsInArrays(owned)}
`;
}
