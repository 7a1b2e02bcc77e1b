import { type ActivationName, type LayerShape, type Network, widthsOf, savesPreActivation } from "../network.ts";

// Writes the straight-line WGSL of one network: shaders/network.wgsl, updateNetwork.wgsl and writePartials.wgsl are its output
// for the worked example. Only validated integers and names of the project go into the text.

/**
 * Networks of more parameters keep them in arrays: named values are for registers, and a compiler that has to place hundreds of
 * them takes many seconds.
 */
export const maxNamedParameters = 48;

/**
 * Samples that an invocation takes at once where parameters lie in memory: each is then loaded, and its gradient stored, once for
 * all of them. The sums keep their order.
 */
const samplesAtOnce = 2;

const isNamed = ({ parameterCount }: Network): boolean => parameterCount <= maxNamedParameters;

/** Functions of shaders/activation.wgsl; their slopes are named `…Slope`. */
const functionOf = (name: ActivationName): string => (name === "tanh" ? "hyperbolicTangent" : name);

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** How the text calls the parameters of one layer. Units are counted from 1. */
interface Names {
  readonly weight: (from: number, to: number) => string;
  readonly bias: (to: number) => string;
}

/** The gradient by a parameter, by either kind of name. */
const gradientOf = (name: string): string => `d${name}`;

function namesOf(network: Network, { index, fanOut, weightsOffset, biasOffset }: LayerShape): Names {
  if (isNamed(network)) {
    const layer = index + 1;
    return {
      weight: (from, to) => `w${layer}_${from}_${to}`,
      bias: (to) => `b${layer}_${to}`,
    };
  }
  return {
    weight: (from, to) => `p[${weightsOffset + (from - 1) * fanOut + to - 1}]`,
    bias: (to) => `p[${biasOffset + to - 1}]`,
  };
}

/** A layer's parameters in their order: weights [fanIn, fanOut], then bias. */
function parametersOf(network: Network, layer: LayerShape): string[] {
  const { weight, bias } = namesOf(network, layer);
  const weights = upTo(layer.fanIn).flatMap((from) => upTo(layer.fanOut).map((to) => weight(from, to)));
  return [...weights, ...upTo(layer.fanOut).map((to) => bias(to))];
}

/** What is appended to the names of a sample's values: nothing where samples are taken one by one. */
type Sample = string;

const samplesOf = (network: Network): Sample[] =>
  isNamed(network) ? [""] : upTo(samplesAtOnce).map((sample) => `_s${sample}`);

/** Activation of a unit; layer 0 is the input. */
const unit = (layer: number, at: number, sample: Sample): string =>
  layer === 0 ? `x_${at}${sample}` : `a${layer}_${at}${sample}`;

/** `fma(a, b, fma(c, d, e · f))`: the sum of products in order. */
const sumOfProducts = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.slice(1).reduce((sum, [left, right]) => `fma(${left}, ${right}, ${sum})`, `${pairs[0]![0]} * ${pairs[0]![1]}`);

/** Declarations of parameters, and of their gradients with a `d` in front. */
function declarationsOf(network: Network): string {
  if (!isNamed(network)) {
    return "var<private> p: array<f32, PARAMETERS>;\nvar<private> dp: array<f32, PARAMETERS>;";
  }
  return network.layers
    .flatMap((layer) => {
      const { index, fanIn, fanOut } = layer;
      const names = parametersOf(network, layer).flatMap((name) => [name, gradientOf(name)]);
      const head = `// layer ${index + 1}: weights [${fanIn}, ${fanOut}], bias [${fanOut}], and their gradients`;
      return [head, ...names.map((name) => `var<private> ${name}: f32;`)];
    })
    .join("\n");
}

/** A function without a result that does one thing with every parameter; `at` is its place. */
function forEach(network: Network, head: string, line: (name: string, gradient: string, at: string) => string): string {
  if (!isNamed(network)) {
    const loop = `  for (var at = 0u; at < PARAMETERS; at++) {\n    ${line("p[at]", "dp[at]", "at")}\n  }`;
    return `fn ${head} {\n${loop}\n}`;
  }
  const names = network.layers.flatMap((layer) => parametersOf(network, layer));
  return `fn ${head} {\n${names.map((name, at) => `  ${line(name, gradientOf(name), `${at}u`)}`).join("\n")}\n}`;
}

function forwardOf(network: Network, shape: LayerShape, sample: Sample): string[] {
  const { index, fanIn, fanOut, activation } = shape;
  const { weight, bias } = namesOf(network, shape);
  const layer = index + 1;
  const sums = upTo(fanOut).map((to) => {
    const pairs = upTo(fanIn).map((from) => [weight(from, to), unit(index, from, sample)] as const);
    return `  let z${layer}_${to}${sample} = ${sumOfProducts(pairs)} + ${bias(to)};`;
  });
  const activations = upTo(fanOut).map((to) => {
    return `  let a${layer}_${to}${sample} = ${functionOf(activation)}(z${layer}_${to}${sample});`;
  });
  return [`  // layer ${layer}, ${activation}: [${fanIn}] → [${fanOut}]`, ...sums, ...activations];
}

/** Slope of a unit's activation, told from what its derivative takes. */
function slopeOf({ index, activation }: LayerShape, at: number, sample: Sample): string {
  const saved = savesPreActivation(activation) ? "z" : "a";
  return `${functionOf(activation)}Slope(${saved}${index + 1}_${at}${sample})`;
}

function elementLossOf(layer: LayerShape, sample: Sample): string[] {
  const { index, fanOut } = layer;
  const units = upTo(fanOut);
  const scale = `scale${sample}`;
  const elements = units.map((at) => {
    const output = unit(index + 1, at, sample);
    return `  let e_${at}${sample} = elementLoss(${output}, targets[firstTarget${sample} + ${at - 1}u]);`;
  });
  const total = `  lossSum += ${scale} * (${units.map((at) => `e_${at}${sample}.x`).join(" + ")});`;
  const slopes = units.map((at) => {
    return `  let d${index + 1}_${at}${sample} = ${scale} * e_${at}${sample}.y * ${slopeOf(layer, at, sample)};`;
  });
  return [...elements, total, ...slopes];
}

/** −Σ t · log softmax, with the largest logit taken off first. */
function softmaxLossOf({ index, fanOut }: LayerShape, sample: Sample): string[] {
  const layer = index + 1;
  const units = upTo(fanOut);
  const named = (name: string) => (at: number) => `${name}_${at}${sample}`;
  const [logit, t, s, e] = [named(`a${layer}`), named("t"), named("s"), named("e")];
  const largest = units.slice(1).reduce((text, at) => `max(${text}, ${logit(at)})`, logit(1));
  const total = sumOfProducts(units.map((at) => [t(at), `(logSum${sample} - ${s(at)})`]));
  return [
    `  let largest${sample} = ${largest};`,
    ...units.map((at) => `  let ${t(at)} = targets[firstTarget${sample} + ${at - 1}u];`),
    ...units.map((at) => `  let ${s(at)} = ${logit(at)} - largest${sample};`),
    ...units.map((at) => `  let ${e(at)} = exp(max(${s(at)}, -80.0));`),
    `  let sum${sample} = ${units.map(e).join(" + ")};`,
    `  let targetSum${sample} = ${units.map(t).join(" + ")};`,
    `  let logSum${sample} = log(sum${sample});`,
    `  lossSum += scale${sample} * (${total});`,
    ...units.map((at) => {
      const gradient = `${e(at)} / sum${sample} * targetSum${sample} - ${t(at)}`;
      return `  let ${named(`d${layer}`)(at)} = scale${sample} * (${gradient});`;
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
          return `  let d${index}_${from}${sample} = (${sumOfProducts(pairs)}) * ${slopeOf(below, from, sample)};`;
        }),
      )
    : [];
  return [`  // backward, layer ${layer}`, ...gradients, ...biases, ...inputs];
}

/** Where a sample lies in the data, and its share of the mean: 0 behind the last one. */
function readSample({ inputs, outputs }: Network, sample: Sample, place: number): string[] {
  const at = place === 0 ? "row" : `row + ${place}u * stride`;
  const position = place === 0 ? "row" : `min(${at}, end - 1u)`;
  const scale = place === 0 ? "step.lossScale" : `select(0.0, step.lossScale, ${at} < end)`;
  return [
    `  let source${sample} = rowOf(step.firstPosition + ${position}, step.rowCount, key, orderSeed);`,
    `  let scale${sample} = ${scale};`,
    `  let firstInput${sample} = source${sample} * ${inputs}u;`,
    `  let firstTarget${sample} = source${sample} * ${outputs}u;`,
    ...upTo(inputs).map((at) => `  let x_${at}${sample} = inputs[firstInput${sample} + ${at - 1}u];`),
  ];
}

function samplesFunction(network: Network): string {
  const { layers, loss } = network;
  const last = layers[layers.length - 1]!;
  const samples = samplesOf(network);
  return [
    "fn addSamples(row: u32, stride: u32, end: u32, key: vec2u, orderSeed: vec2u) {",
    ...samples.flatMap((sample, place) => [
      ...readSample(network, sample, place),
      ...layers.flatMap((layer) => forwardOf(network, layer, sample)),
      `  // ${loss}; d is the gradient by pre-activations`,
      ...(loss === "softmaxCrossEntropy" ? softmaxLossOf(last, sample) : elementLossOf(last, sample)),
    ]),
    ...layers.toReversed().flatMap((layer) => backwardOf(network, layer, samples)),
    "}",
  ].join("\n");
}

const namedHead = `w1_2_3 is the weight of layer 1 from its input 2 to its unit 3 and dw1_2_3 its gradient, b a bias, z a weighted sum, a its
// activation, d1_3 the gradient by z1_3. Values have names of their own: arrays and structs would be kept in memory by some.`;
const arrayHead = `p holds the parameters in the order of the flat layout and dp their gradients; z is a weighted sum, a its activation, d1_3 the
// gradient by z1_3.`;

const describe = (network: Network): string =>
  `${widthsOf(network)} ${network.layers.map(({ activation }) => activation).join(" ")}, ${network.loss}`;

/** The network's parameters as named values, and what one sample adds to their gradients. */
export const emitNetwork = (
  network: Network,
): string => `// One network as straight-line code: ${describe(network)}. Written by src/gpu/emitNetwork.ts; the kernel that this is joined
// in front of declares \`step\`, \`inputs\`, \`targets\` and \`parameters\`.
// ${isNamed(network) ? namedHead : arrayHead}

const PARAMETERS = ${network.parameterCount}u;
const SAMPLES = ${samplesOf(network).length}u; // that addSamples takes at once

${declarationsOf(network)}
// Losses of samples, scaled like their gradients.
var<private> lossSum: f32;

${forEach(network, "readNetwork(first: u32)", (name, _, at) => `${name} = parameters[first + ${at}];`)}

${forEach(network, "clearGradients()", (_, gradient) => `${gradient} = 0.0;`)}

// Forward, loss and backward of the samples at row, row + stride, … of the chunk that lie before \`end\`; adds to gradients and
// loss, both scaled to the mean of the batch.
${samplesFunction(network)}
`;

/**
 * The optimizer's step with every parameter, and its moments in private memory.
 * @param momentCount values that the optimizer keeps per parameter
 */
export const emitUpdate = (
  network: Network,
  momentCount: number,
): string => `// Every parameter of one network updated: ${describe(network)}; ${momentCount} moments. Written by src/gpu/emitNetwork.ts.

const MOMENTS = ${momentCount * network.parameterCount}u;

var<private> moments: array<f32, ${Math.max(1, momentCount * network.parameterCount)}>;

fn secondMoment(at: u32) -> u32 {
  return at + PARAMETERS;
}

// Moments of a replica lie in planes, one behind all replicas' others.
fn momentAt(first: u32, index: u32) -> u32 {
  return index / PARAMETERS * hyper.replicas * PARAMETERS + first + index % PARAMETERS;
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

${forEach(network, "updateNetwork()", (name, gradient, at) => `${name} = optimize(${name}, ${gradient}, ${at});`)}

${forEach(network, "writeNetwork(first: u32)", (name, _, at) => `parameters[first + ${at}] = ${name};`)}
`;

/** The gradients summed over the lanes of a subgroup. */
export const emitLaneSums = (
  network: Network,
): string => `// Gradients of one network summed over lanes: ${describe(network)}. Written by src/gpu/emitNetwork.ts.

${forEach(network, "sumGradients()", (_, gradient) => `${gradient} = laneSum(${gradient});`)}
`;

/** The gradients written out as those of one slice of the batch. */
export const emitPartials = (
  network: Network,
): string => `// Gradients of one network written as those of a slice: ${describe(network)}. Written by src/gpu/emitNetwork.ts.

${forEach(network, "writePartials(first: u32)", (_, gradient, at) => `partials[first + ${at}] = ${gradient};`)}
`;
