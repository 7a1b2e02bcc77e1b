import { dropsOf, hasDrops, type LayerShape, type Network, takesLogits, isRowWise } from "../../../graph/network.ts";
import { savesPreActivation } from "../../../math/scalarFunction.ts";
import {
  describe,
  forEach,
  forwardOf,
  maskOf,
  gradientOf,
  lossOf,
  namesOf,
  parametersOf,
  readInputs,
  type Sample,
  samplesOf,
  sumOfProducts,
  undropped,
  unit,
  upTo,
  wgslLossName,
} from "./emitForward.ts";
import { callsOf, emitActivations, emitLoss } from "./emitFunctions.ts";
import { isNamed } from "./networkLayout.ts";

// Writes the straight-line WGSL of one network: network.wgsl, updateNetwork.wgsl, writePartials.wgsl, sumLanes.wgsl and
// scoreNetwork.wgsl of test/golden/ are its output for the worked example. Only validated integers and names of the project go into the text.

/** Declarations of parameters, and of their gradients with a `d` in front. */
function declarationsOf(network: Network, withGradients: boolean): string {
  if (!isNamed(network)) {
    const names = withGradients ? ["p", "dp"] : ["p"];
    return names.map((name) => `var<private> ${name}: array<f32, PARAMETERS>;`).join("\n");
  }
  return network.layers
    .flatMap((layer) => {
      const { index, fanIn, fanOut } = layer;
      const names = parametersOf(network, layer).flatMap((name) => (withGradients ? [name, gradientOf(name)] : [name]));
      const shape = `weights [${fanIn}, ${fanOut}], bias [${fanOut}]${withGradients ? ", and their gradients" : ""}`;
      return [`// layer ${index + 1}: ${shape}`, ...names.map((name) => `var<private> ${name}: f32;`)];
    })
    .join("\n");
}

const readNetworkOf = (network: Network): string =>
  forEach(network, "readNetwork(first: u32)", (name, _, at) => `${name} = parameters[first + ${at}];`);

/** A gradient times the slope of a unit's activation, told from what its derivative takes. */
function slopeProductOf(
  network: Network,
  shape: LayerShape,
  { at, sample }: { readonly at: number; readonly sample: Sample },
  gradient: string,
): string {
  const { index, activation } = shape;
  const saved = savesPreActivation(activation) ? `z${index + 1}_${at}${sample}` : undropped(shape, at, sample);
  return callsOf(network, activation).backward(gradient, saved);
}

/** Gradient of the loss by the last layer's pre-activations, scaled. */
function lossGradientOf(network: Network, sample: Sample): string[] {
  const { layers, loss } = network;
  const last = layers[layers.length - 1]!;
  const units = upTo(last.fanOut);
  const of = (name: string, at: number): string => `${name}_${at}${sample}`;
  const d = `d${last.index + 1}`;
  if (!isRowWise(loss)) {
    return units.map((at) => {
      const gradient = `scale${sample} * ${of("e", at)}.y`;
      return `  let ${of(d, at)} = ${slopeProductOf(network, last, { at, sample }, gradient)};`;
    });
  }
  return [
    `  let slopes${sample} = slopesOf(sums${sample}, scale${sample});`,
    ...units.map((at) => {
      const own = `${of("e", at)}, ${of("t", at)}, place${sample} == ${at}u`;
      return `  let ${of(d, at)} = slopeOf(slopes${sample}, ${own});`;
    }),
  ];
}

function backwardOf(network: Network, shape: LayerShape, samples: readonly Sample[]): string[] {
  const { index, fanIn, fanOut } = shape;
  const { weight, bias } = namesOf(network, shape);
  const layer = index + 1;
  const gradients = upTo(fanIn).flatMap((from) =>
    upTo(fanOut).map((to) => {
      const name = gradientOf(weight(from, to));
      const add = (sum: string, sample: Sample): string =>
        `fma(${unit(index, from, sample)}, d${layer}_${to}${sample}, ${sum})`;
      return `  ${name} = ${samples.reduce(add, name)};`;
    }),
  );
  const biases = upTo(fanOut).map((to) => {
    const name = gradientOf(bias(to));
    return `  ${name} = ${[name, ...samples.map((sample) => `d${layer}_${to}${sample}`)].join(" + ")};`;
  });
  const below = index === 0 ? undefined : network.layers[index - 1]!;
  const inputs = below
    ? samples.flatMap((sample) =>
        upTo(fanIn).map((from) => {
          const pairs = upTo(fanOut).map((to) => [weight(from, to), `d${layer}_${to}${sample}`] as const);
          const sum = sumOfProducts(pairs);
          const byOutput = below.drop ? `${maskOf(index, from, sample)} * (${sum})` : sum;
          const gradient = slopeProductOf(network, below, { at: from, sample }, byOutput);
          return `  let d${index}_${from}${sample} = ${gradient};`;
        }),
      )
    : [];
  return [`  // backward, layer ${layer}`, ...gradients, ...biases, ...inputs];
}

/** Where a sample lies in the data, and its share of the mean, by its weight where it has one: 0 behind the last one. */
function readSample(network: Network, sample: Sample, place: number): string[] {
  const at = place === 0 ? "row" : `row + ${place}u * stride`;
  const position = place === 0 ? "row" : `min(${at}, end - 1u)`;
  const scale = place === 0 ? "step.lossScale" : `select(0.0, step.lossScale, ${at} < end)`;
  const { outputs, isWeighted } = network;
  const weight = isWeighted ? ` * targets[source${sample} * ${outputs + 1}u + ${outputs}u]` : "";
  return [
    ...(hasDrops(network) ? [`  let place${sample} = step.firstRow + ${at};`] : []),
    `  let source${sample} = rowOf(step.firstPosition + ${position}, step.rowCount, key, orderSeed);`,
    `  let scale${sample} = ${scale}${weight};`,
    ...readInputs(network, sample),
  ];
}

/** Forward, loss and its gradient of one sample. */
function forwardAndLoss(network: Network, sample: Sample): string[] {
  const { lines, loss } = lossOf(network, sample);
  return [
    ...network.layers.flatMap((layer) => forwardOf(network, layer, sample)),
    `  // ${wgslLossName(network.loss)}; d is the gradient by pre-activations`,
    ...lines,
    `  lossSum += scale${sample} * (${loss});`,
    ...lossGradientOf(network, sample),
  ];
}

function samplesFunction(network: Network): string {
  const samples = samplesOf(network);
  return [
    "fn addSamples(row: u32, stride: u32, end: u32, key: vec2u, orderSeed: vec2u) {",
    ...(hasDrops(network) ? ["  drawMaskKeys(orderSeed);"] : []),
    ...samples.flatMap((sample, place) => [...readSample(network, sample, place), ...forwardAndLoss(network, sample)]),
    ...network.layers.toReversed().flatMap((layer) => backwardOf(network, layer, samples)),
    "}",
  ].join("\n");
}

/** The keys of the network's dropouts, drawn again in each step; nothing where it has none. */
export function emitMaskKeys(network: Network): string {
  const streams = dropsOf(network).flatMap((drop) => (drop ? [drop.stream] : []));
  if (streams.length === 0) return "";
  const of = (stream: number): string => `maskKey${stream}`;
  return `
// Keys of what dropout draws in step maskStep.
${streams.map((stream) => `var<private> ${of(stream)}: vec2u;`).join("\n")}
var<private> maskStep = 0xffffffffu;

fn drawMaskKeys(orderSeed: vec2u) {
  if (maskStep != step.index) {
    maskStep = step.index;
${streams.map((stream) => `    ${of(stream)} = maskKeyOf(orderSeed, step.index, ${stream}u);`).join("\n")}
  }
}
`;
}

/** Functions of one number that the network is made of. */
function functionsOf(network: Network, passes: readonly ("forward" | "backward")[]): string {
  const loss = isRowWise(network.loss) ? "" : emitLoss(network.loss);
  return [emitActivations(network, passes), loss].filter((text) => text !== "").join("\n\n");
}

const namedHead = `w1_2_3 is the weight of layer 1 from its input 2 to its unit 3 and dw1_2_3 its gradient, b a bias, z a weighted sum, a its
// activation, d1_3 the gradient by z1_3. Values have names of their own: arrays and structs would be kept in memory by some.`;
const arrayHead = `p holds the parameters in the order of the flat layout and dp their gradients; z is a weighted sum, a its activation, d1_3 the
// gradient by z1_3.`;

/** The network's parameters as named values, and what one sample adds to their gradients. */
export const emitNetwork = (
  network: Network,
): string => `// One network as straight-line code: ${describe(network)}. Written by src/backend/webgpu/emit/emitNetwork.ts; the kernel that this is joined
// in front of declares \`step\`, \`inputs\`, \`targets\` and \`parameters\`.
// ${isNamed(network) ? namedHead : arrayHead}

const PARAMETERS = ${network.parameterCount}u;
const SAMPLES = ${samplesOf(network).length}u; // that addSamples takes at once

${functionsOf(network, ["forward", "backward"])}

${declarationsOf(network, true)}
// Losses of samples, scaled like their gradients.
var<private> lossSum: f32;
${emitMaskKeys(network)}
${readNetworkOf(network)}

${forEach(network, "clearGradients()", (_, gradient) => `${gradient} = 0.0;`)}

// Forward, loss and backward of the samples at row, row + stride, … of the chunk that lie before \`end\`; adds to gradients and
// loss, both scaled to the mean of the batch.
${samplesFunction(network)}
`;

/** The optimizer's step with every parameter. */
const emitOptimize = (network: Network, head: string): string =>
  forEach(network, head, (name, gradient, at) => `${name} = optimize(${name}, ${gradient}, ${at});`);

/** The same with gradients clipped by norm: they are measured once more in a smaller unit where their squares overflow. */
const emitClippedUpdate = (network: Network): string => `var<private> squares: f32;

${forEach(network, "addSquares(unit: f32)", (_, gradient) => `squares = fma(unit * ${gradient}, unit * ${gradient}, squares);`)}

${emitOptimize(network, "updateParameters()")}

fn updateNetwork() {
  var unit = 1.0;
  for (var turn = 0u; turn < 2u; turn++) {
    squares = 0.0;
    addSquares(unit);
    clipScale = scaleOf(squares, unit);
    if (isFinite(squares)) {
      break;
    }
    unit = SMALL_UNIT;
  }
  updateParameters();
}`;

/**
 * The optimizer's step with every parameter, and its moments in private memory.
 * @param momentCount values that the optimizer keeps per parameter
 * @param clipsNorm whether gradients are clipped by norm
 */
export const emitUpdate = (
  network: Network,
  momentCount: number,
  clipsNorm = false,
): string => `// Every parameter of one network updated: ${describe(network)}; ${momentCount} moments. Written by src/backend/webgpu/emit/emitNetwork.ts.

const MOMENTS = ${momentCount * network.parameterCount}u;

var<private> moments: array<f32, ${Math.max(1, momentCount * network.parameterCount)}>;

fn stateAt(at: u32, state: u32) -> u32 {
  return at + state * PARAMETERS;
}

// Moments of a member lie in planes, one behind all members' others.
fn momentAt(first: u32, index: u32) -> u32 {
  return index / PARAMETERS * hyper.members * PARAMETERS + first + index % PARAMETERS;
}

fn readMoments(first: u32) {
  for (var index = 0u; index < MOMENTS; index++) {
    moments[index] = storedMoments[momentAt(first, index)];
  }
}

fn writeMoments(first: u32) {
  for (var index = 0u; index < MOMENTS; index++) {
    storedMoments[momentAt(first, index)] = moments[index];
  }
}

${clipsNorm ? emitClippedUpdate(network) : emitOptimize(network, "updateNetwork()")}

${forEach(network, "writeNetwork(first: u32)", (name, _, at) => `parameters[first + ${at}] = ${name};`)}
`;

/** The gradients summed over the lanes of a subgroup. */
export const emitLaneSums = (
  network: Network,
): string => `// Gradients of one network summed over lanes: ${describe(network)}. Written by src/backend/webgpu/emit/emitNetwork.ts.

${forEach(network, "sumGradients()", (_, gradient) => `${gradient} = laneSum(${gradient});`)}
`;

/** The gradients written out as those of one slice of the batch. */
export const emitPartials = (
  network: Network,
): string => `// Gradients of one network written as those of a slice: ${describe(network)}. Written by src/backend/webgpu/emit/emitNetwork.ts.

${forEach(network, "writePartials(first: u32)", (_, gradient, at) => `partials[first + ${at}] = ${gradient};`)}
`;

/** Right answers among the outputs of one sample: statements, and their number. */
function hitsOf({ layers, loss, outputs }: Network): { lines: readonly string[]; hits: string } {
  const units = upTo(outputs);
  const logit = (at: number): string => unit(layers.length, at, "");
  if (isRowWise(loss)) {
    // The first of several that are largest counts.
    const larger = units.slice(1).map((at) => `  if (t_${at} > truthValue) { truth = ${at}u; truthValue = t_${at}; }`);
    return { lines: ["  var truth = 1u;", "  var truthValue = t_1;", ...larger], hits: "u32(place == truth)" };
  }
  const right = (at: number): string => `u32((${logit(at)} > 0.0) == (targets[firstTarget + ${at - 1}u] > 0.5))`;
  return { lines: [], hits: units.map(right).join(" + ") };
}

/** Forward, loss and right answers of one sample. */
function scoreSample(network: Network): string {
  const { lines, loss } = lossOf(network, "");
  const answers = takesLogits(network.loss) ? hitsOf(network) : undefined;
  return [
    "fn scoreSample(source: u32) {",
    ...readInputs(network, ""),
    ...network.layers.flatMap((layer) => forwardOf(network, layer, "")),
    `  // ${wgslLossName(network.loss)}`,
    ...lines,
    `  lossSum += ${loss};`,
    ...(answers ? [...answers.lines, `  hitSum += ${answers.hits};`] : []),
    "}",
  ].join("\n");
}

/** The network's parameters as named values, and what one sample adds to its score. */
export const emitScore = (
  network: Network,
): string => `// One network forward, and its loss: ${describe(network)}. Written by src/backend/webgpu/emit/emitNetwork.ts; names are those of network.wgsl.

const PARAMETERS = ${network.parameterCount}u;

${functionsOf(network, ["forward"])}

${declarationsOf(network, false)}
// Losses of samples, not scaled, and right answers.
var<private> lossSum: f32;
var<private> hitSum: u32;

${readNetworkOf(network)}

// Adds loss and right answers of the sample in row \`source\`.
${scoreSample(network)}
`;
