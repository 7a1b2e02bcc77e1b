import { type ActivationName, type LayerShape, type Network, widthsOf, savesPreActivation } from "../network.ts";

// Writes the WGSL of one network for shaders/trainGroups.wgsl and trainTiles.wgsl: shaders/layers.wgsl is its output for the
// worked example. Only validated integers and names of the project go into the text.

/** How a workgroup takes a tile of samples through a network. None of this changes a bit of what a sample's values are. */
export interface TileSizes {
  /** Threads of the workgroup, a power of two. */
  readonly threads: number;
  /** Samples of a tile, a power of two from 4. */
  readonly tileRows: number;
  /** Whether a thread computes its four units for 8 samples rather than 4; needs tiles of 8. */
  readonly isWide: boolean;
  /** Whether rows are turned against each other in workgroup memory, against conflicts of memory banks. */
  readonly isTurned: boolean;
}

/** Where a layer lies in workgroup memory, in rows of a tile, and among the blocks of gradients that threads own. */
interface PlacedLayer extends LayerShape {
  readonly copyOffset: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly saved: number;
  readonly firstBlock: number;
  readonly firstQuad: number;
}

/** What a network takes in a workgroup, whatever the sizes of the tile. */
export interface LayerLayout {
  readonly layers: readonly PlacedLayer[];
  /** Rows of workgroup memory, each one value of every sample of the tile. */
  readonly rows: number;
  /** Blocks of 4 × 4 weights and of 4 biases whose gradients have an owner. */
  readonly blocks: number;
  readonly quads: number;
  /** Values, four to a unit, of a copy of the parameters. */
  readonly copy: number;
}

const fours = (count: number): number => Math.ceil(count / 4);
const blocksOf = ({ fanIn, fanOut }: LayerShape): number => fours(fanIn) * fours(fanOut);

/** Places every layer of a network. */
export function layoutOf(network: Network): LayerLayout {
  const layers: PlacedLayer[] = [];
  let [inputs, rows, blocks, quads, copy] = [0, 4 * fours(network.inputs), 0, 0, 0];
  for (const layer of network.layers) {
    const own = 4 * fours(layer.fanOut);
    const outputs = rows;
    const saved = savesPreActivation(layer.activation) ? outputs + own : outputs;
    layers.push({ ...layer, copyOffset: copy, inputs, outputs, saved, firstBlock: blocks, firstQuad: quads });
    inputs = outputs;
    rows = saved + own;
    blocks += blocksOf(layer);
    quads += fours(layer.fanOut);
    copy += (layer.fanIn + 1) * fours(layer.fanOut);
  }
  return { layers, rows, blocks, quads, copy };
}

/** Blocks of gradients that a thread owns at most: of 4 × 4 weights, and of 4 biases. */
export const ownedBy = ({ blocks, quads }: LayerLayout, threads: number): { blocks: number; quads: number } => ({
  blocks: Math.ceil(blocks / threads),
  quads: Math.ceil(quads / threads),
});

/** Threads that sum losses. */
export const lossThreads = ({ loss, outputs }: Network, { threads, tileRows }: TileSizes): number =>
  Math.min(threads, (loss === "softmaxCrossEntropy" ? 1 : outputs) * (tileRows / 4));

/** Threads that own gradients. */
export const ownerThreads = ({ blocks, quads }: LayerLayout, threads: number): number =>
  Math.min(threads, Math.max(blocks, quads));

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const nameOf = ({ index }: LayerShape): string => `layer${index + 1}`;

/** Functions of shaders/activation.wgsl; their slopes are named `…Slope`. */
const functionOf = (name: ActivationName): string => (name === "tanh" ? "hyperbolicTangent" : name);
const slopeOf = (name: ActivationName): string => `${functionOf(name)}Slope`;

/** A function of a number applied to each of four. */
const each = (name: string, value: string): string =>
  `vec4f(${["x", "y", "z", "w"].map((part) => `${name}(${value}.${part})`).join(", ")})`;

function constantsOf(network: Network, sizes: TileSizes, layout: LayerLayout): string {
  const { threads, tileRows, isWide, isTurned } = sizes;
  const quads = tileRows / 4;
  const span = isWide ? 2 : 1;
  const constants: [string, number, string][] = [
    ["INPUTS", network.inputs, ""],
    ["OUTPUTS", network.outputs, ""],
    ["PARAMETERS", network.parameterCount, ""],
    ["LAYERS", network.layers.length, ""],
    ["THREADS", threads, "of a workgroup"],
    ["TILE", tileRows, "samples"],
    ["QUADS", quads, "vec4f that hold them"],
    ["SPAN", span, "of which a thread computes so many"],
    ["SPANS", quads / span, "so many times"],
    ["TURN", isTurned ? quads - 1 : 0, "mask by which rows are turned"],
    ["ROWS", layout.rows, "rows of a tile"],
    ["COPY", layout.copy, "vec4f of a copy of the parameters"],
    ["BLOCKS", layout.blocks, "of 4 × 4 weights"],
    ["BIAS_QUADS", layout.quads, "of 4 biases"],
    ["OWNERS", ownerThreads(layout, threads), "threads that own any of them"],
    ["LOSS_PARTS", lossThreads(network, sizes), "threads that sum losses"],
  ];
  return constants.map(([name, value, text]) => `const ${name} = ${value}u;${text && ` // ${text}`}`).join("\n");
}

function placesOf({ layers }: LayerLayout): string {
  const lines = layers.map((layer) => {
    const { fanIn, fanOut, weightsOffset, copyOffset, inputs, outputs, saved, firstBlock, firstQuad } = layer;
    const words = [fanIn, fanOut, weightsOffset, copyOffset, inputs, outputs, saved, firstBlock, firstQuad];
    return `const ${nameOf(layer)} = Dense(${words.map((word) => `${word}u`).join(", ")});`;
  });
  return lines.join("\n");
}

/** A function that finds a layer: the last one whose `start` is not above the argument. */
function findLayer(
  name: string,
  argument: string,
  layers: readonly PlacedLayer[],
  start: (one: PlacedLayer) => number,
) {
  const tests = layers.slice(1).map((layer, index) => {
    return `  if (${argument} < ${start(layer)}u) {\n    return ${nameOf(layers[index]!)};\n  }`;
  });
  const last = layers[layers.length - 1]!;
  return [`fn ${name}(${argument}: u32) -> Dense {`, ...tests, `  return ${nameOf(last)};`, "}"].join("\n");
}

/** Rows of four units, of the 4 or 8 samples that a thread has summed. */
const storeLoop = (first: string, lines: readonly string[]): string[] => [
  "    for (var part = 0u; part < 4u * SPAN; part++) {",
  `      let row = ${first} + part % 4u;`,
  "      let samples = quad + part / 4u * SPANS;",
  ...lines.map((line) => `      ${line}`),
  "    }",
];

/** A stage in which threads take blocks of four units; the workgroup waits for the last. */
function stage(head: string, blocks: number, sums: string, store: readonly string[]): string {
  return [
    `fn ${head}(thread: u32) {`,
    `  for (var item = thread; item < ${blocks}u * SPANS; item += THREADS) {`,
    "    let quad = item % SPANS;",
    `    var sums = ${sums};`,
    ...store,
    "  }",
    "  workgroupBarrier();",
    "}",
  ].join("\n");
}

function forwardOf(layer: PlacedLayer): string {
  const { index, fanIn, fanOut, activation } = layer;
  const name = nameOf(layer);
  const saves = savesPreActivation(activation)
    ? [`values[placeOf(${name}.saved - ${name}.outputs + row, samples)] = z;`]
    : [];
  const store = storeLoop(`${name}.outputs + item / SPANS * 4u`, [
    "let z = sums[part];",
    ...saves,
    `values[placeOf(row, samples)] = ${activation === "identity" ? "z" : each(functionOf(activation), "z")};`,
  ]);
  const head = `// layer ${index + 1}, ${activation}: [${fanIn}] → [${fanOut}]`;
  return `${head}\n${stage(`forward${index + 1}`, fours(fanOut), `forwardSums(${name}, item / SPANS, quad)`, store)}`;
}

/** The gradient by the pre-activations of the layer below, in place of what its slope is computed from. */
function backwardOf(below: PlacedLayer, layer: PlacedLayer): string {
  const at = "values[placeOf(row, samples)]";
  const slope = below.activation === "identity" ? "" : ` * ${each(slopeOf(below.activation), "saved")}`;
  const store = storeLoop(`${nameOf(below)}.saved + item / SPANS * 4u`, [
    ...(slope ? [`let saved = ${at};`] : []),
    `${at} = sums[part]${slope};`,
  ]);
  const sums = `backwardSums(${nameOf(layer)}, item / SPANS, quad)`;
  return stage(`backward${layer.index + 1}`, fours(layer.fanIn), sums, store);
}

/** Adds what the tile gives a layer's parameters to the sums of their owners. */
function addGradientsOf(layer: PlacedLayer, threads: number): string {
  const name = nameOf(layer);
  const slots = (first: number, count: number): number[] =>
    upTo(Math.ceil((first + count) / threads)).filter((slot) => (slot + 1) * threads > first);
  const add = (owns: string, sum: string, gradients: string, slot: number): string =>
    `  if (${owns}(${name}, thread + ${slot * threads}u)) {\n    ${sum} += ${gradients}(${name}, thread + ${slot * threads}u);\n  }`;
  return [
    `fn addGradients${layer.index + 1}(thread: u32) {`,
    ...slots(layer.firstBlock, blocksOf(layer)).map((slot) => add("ownsBlock", `dw${slot}`, "weightGradients", slot)),
    ...slots(layer.firstQuad, fours(layer.fanOut)).map((slot) => add("ownsQuad", `db${slot}`, "biasGradients", slot)),
    "}",
  ].join("\n");
}

function tileOf(layers: readonly PlacedLayer[]): string {
  const last = layers[layers.length - 1]!;
  const backward = layers.toReversed().flatMap(({ index }) => {
    const add = `  addGradients${index + 1}(thread);`;
    // the gradients take the place of activations that others may still be reading
    return index === 0 ? [add] : [add, "  workgroupBarrier();", `  backward${index + 1}(thread);`];
  });
  return [
    "fn addTile(thread: u32, first: u32, count: u32, key: vec2u, orderSeed: vec2u) {",
    "  readTile(thread, first, count, key, orderSeed);",
    ...layers.map(({ index }) => `  forward${index + 1}(thread);`),
    `  lossOfTile(${nameOf(last)}, thread, count);`,
    ...backward,
    "}",
  ].join("\n");
}

/** Declarations of the sums that a thread owns, and what is done with all of them. */
function ownedOf(layout: LayerLayout, threads: number): string {
  const owned = ownedBy(layout, threads);
  const weights = upTo(owned.blocks);
  const biases = upTo(owned.quads);
  const item = (slot: number): string => `thread + ${slot * threads}u`;
  return [
    ...weights.map((slot) => `var<private> dw${slot}: mat4x4f;`),
    ...biases.map((slot) => `var<private> db${slot}: vec4f;`),
    "",
    "fn clearGradients() {",
    ...weights.map((slot) => `  dw${slot} = mat4x4f();`),
    ...biases.map((slot) => `  db${slot} = vec4f();`),
    "  lossSum = 0.0;",
    "}",
    "",
    "fn handOutGradients(thread: u32) {",
    ...weights.map((slot) => `  handOutBlock(${item(slot)}, dw${slot});`),
    ...biases.map((slot) => `  handOutQuad(${item(slot)}, db${slot});`),
    "}",
  ].join("\n");
}

/** The network's sizes, and one function per layer and direction. */
export function emitLayers(network: Network, sizes: TileSizes): string {
  const layout = layoutOf(network);
  const { layers } = layout;
  const { activation } = layers[layers.length - 1]!;
  const names = layers.map((layer) => layer.activation).join(" ");
  return `// One network for a workgroup: ${widthsOf(network)} ${names}, ${network.loss}.
// Written by src/gpu/emitLayers.ts; sampleTile.wgsl tells what the names mean.

${constantsOf(network, sizes, layout)}

${placesOf(layout)}

${findLayer("layerAt", "index", layers, ({ index }) => index)}

// The layer that a block of weights or of biases belongs to.
${findLayer("layerOfBlock", "item", layers, ({ firstBlock }) => firstBlock)}

${findLayer("layerOfQuad", "item", layers, ({ firstQuad }) => firstQuad)}

// Gradients of the blocks that this thread owns.
${ownedOf(layout, sizes.threads)}

${layers.map(forwardOf).join("\n\n")}

fn lastSlope(saved: vec4f) -> vec4f {
  return ${each(slopeOf(activation), "saved")};
}

${[
  ...layers.slice(1).map((layer, index) => backwardOf(layers[index]!, layer)),
  ...layers.map((layer) => addGradientsOf(layer, sizes.threads)),
].join("\n\n")}

// Forward, loss and backward of up to TILE samples, from \`first\` of the chunk; adds to gradients and loss.
${tileOf(layers)}
`;
}
