import { savesPreActivation } from "../cpu/activation.ts";
import { type ActivationName, type LayerShape, type Network, widthsOf } from "../network.ts";

// Writes the straight-line WGSL of one network: shaders/network.wgsl and shaders/updateNetwork.wgsl are its output for the
// worked example. Only validated integers and names of the project go into the text.

/** Functions of shaders/activation.wgsl; their slopes are named `…Slope`. */
const functionOf = (name: ActivationName): string => (name === "tanh" ? "hyperbolicTangent" : name);

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Names of a layer's parameters in their order: weights [fanIn, fanOut], then bias; all counted from 1. */
function parametersOf({ index, fanIn, fanOut }: LayerShape): string[] {
  const layer = index + 1;
  const weights = upTo(fanIn).flatMap((from) => upTo(fanOut).map((to) => weight(layer, from, to)));
  return [...weights, ...upTo(fanOut).map((to) => bias(layer, to))];
}

const weight = (layer: number, from: number, to: number): string => `w${layer}_${from}_${to}`;
const bias = (layer: number, to: number): string => `b${layer}_${to}`;
/** Activation of a unit; layer 0 is the input. */
const unit = (layer: number, at: number): string => (layer === 0 ? `x_${at}` : `a${layer}_${at}`);
const namesOf = ({ layers }: Network): string[] => layers.flatMap(parametersOf);

/** `fma(a, b, fma(c, d, e · f))`: the sum of products in order. */
const sumOfProducts = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.slice(1).reduce((sum, [left, right]) => `fma(${left}, ${right}, ${sum})`, `${pairs[0]![0]} * ${pairs[0]![1]}`);

/** Declarations of a layer's values: parameters, and their gradients with a `d` in front. */
function declarationsOf({ layers }: Network): string {
  return layers
    .flatMap((layer) => {
      const { index, fanIn, fanOut } = layer;
      const names = parametersOf(layer).flatMap((name) => [name, gradient(name)]);
      const head = `// layer ${index + 1}: weights [${fanIn}, ${fanOut}], bias [${fanOut}], and their gradients`;
      return [head, ...names.map((name) => `var<private> ${name}: f32;`)];
    })
    .join("\n");
}

const gradient = (name: string): string => `d${name}`;

/** A function without a result that does one thing with every parameter. */
const forEach = (network: Network, head: string, line: (name: string, at: number) => string): string =>
  `fn ${head} {\n${namesOf(network)
    .map((name, at) => `  ${line(name, at)}`)
    .join("\n")}\n}`;

function forwardOf({ index, fanIn, fanOut, activation }: LayerShape): string[] {
  const layer = index + 1;
  const sums = upTo(fanOut).map((to) => {
    const pairs = upTo(fanIn).map((from) => [weight(layer, from, to), unit(index, from)] as const);
    return `  let z${layer}_${to} = ${sumOfProducts(pairs)} + ${bias(layer, to)};`;
  });
  const activations = upTo(fanOut).map((to) => `  let a${layer}_${to} = ${functionOf(activation)}(z${layer}_${to});`);
  return [`  // layer ${layer}, ${activation}: [${fanIn}] → [${fanOut}]`, ...sums, ...activations];
}

/** Slope of a unit's activation, told from what its derivative takes. */
function slopeOf({ index, activation }: LayerShape, at: number): string {
  const saved = savesPreActivation(activation) ? `z${index + 1}_${at}` : `a${index + 1}_${at}`;
  return `${functionOf(activation)}Slope(${saved})`;
}

function elementLossOf(layer: LayerShape): string[] {
  const { index, fanOut } = layer;
  const units = upTo(fanOut);
  const elements = units.map(
    (at) => `  let e_${at} = elementLoss(a${index + 1}_${at}, targets[firstTarget + ${at - 1}u]);`,
  );
  const total = `  let loss = ${units.map((at) => `e_${at}.x`).join(" + ")};`;
  const slopes = units.map((at) => `  let d${index + 1}_${at} = step.lossScale * e_${at}.y * ${slopeOf(layer, at)};`);
  return [...elements, total, ...slopes];
}

/** −Σ t · log softmax, with the largest logit taken off first. */
function softmaxLossOf({ index, fanOut }: LayerShape): string[] {
  const layer = index + 1;
  const units = upTo(fanOut);
  const largest = units.slice(1).reduce((text, at) => `max(${text}, a${layer}_${at})`, `a${layer}_1`);
  return [
    `  let largest = ${largest};`,
    ...units.map((at) => `  let t_${at} = targets[firstTarget + ${at - 1}u];`),
    ...units.map((at) => `  let s_${at} = a${layer}_${at} - largest;`),
    ...units.map((at) => `  let e_${at} = exp(max(s_${at}, -80.0));`),
    `  let sum = ${units.map((at) => `e_${at}`).join(" + ")};`,
    `  let targetSum = ${units.map((at) => `t_${at}`).join(" + ")};`,
    "  let logSum = log(sum);",
    `  let loss = ${sumOfProducts(units.map((at) => [`t_${at}`, `(logSum - s_${at})`]))};`,
    ...units.map((at) => `  let d${layer}_${at} = step.lossScale * (e_${at} / sum * targetSum - t_${at});`),
  ];
}

function backwardOf({ layers }: Network, { index, fanIn, fanOut }: LayerShape): string[] {
  const layer = index + 1;
  const gradients = upTo(fanIn).flatMap((from) =>
    upTo(fanOut).map((to) => {
      const name = gradient(weight(layer, from, to));
      return `  ${name} = fma(${unit(index, from)}, d${layer}_${to}, ${name});`;
    }),
  );
  const biases = upTo(fanOut).map((to) => `  ${gradient(bias(layer, to))} += d${layer}_${to};`);
  const below = index === 0 ? undefined : layers[index - 1]!;
  const inputs = below
    ? upTo(fanIn).map((from) => {
        const pairs = upTo(fanOut).map((to) => [weight(layer, from, to), `d${layer}_${to}`] as const);
        return `  let d${index}_${from} = (${sumOfProducts(pairs)}) * ${slopeOf(below, from)};`;
      })
    : [];
  return [`  // backward, layer ${layer}`, ...gradients, ...biases, ...inputs];
}

function sampleOf(network: Network): string {
  const { inputs, outputs, layers, loss } = network;
  const last = layers[layers.length - 1]!;
  return [
    "fn addSample(row: u32) -> f32 {",
    `  let firstInput = row * ${inputs}u;`,
    `  let firstTarget = row * ${outputs}u;`,
    ...upTo(inputs).map((at) => `  let x_${at} = inputs[firstInput + ${at - 1}u];`),
    ...layers.flatMap(forwardOf),
    `  // ${loss}; d is the gradient by pre-activations`,
    ...(loss === "softmaxCrossEntropy" ? softmaxLossOf(last) : elementLossOf(last)),
    ...layers.toReversed().flatMap((layer) => backwardOf(network, layer)),
    "  return step.lossScale * loss;",
    "}",
  ].join("\n");
}

const describe = (network: Network): string =>
  `${widthsOf(network)} ${network.layers.map(({ activation }) => activation).join(" ")}, ${network.loss}`;

/** The network's parameters as named values, and what one sample adds to their gradients. */
export const emitNetwork = (
  network: Network,
): string => `// One network as straight-line code: ${describe(network)}. Written by src/gpu/emitNetwork.ts; the kernel that this is joined
// in front of declares \`step\`, \`inputs\`, \`targets\` and \`parameters\`.
// w1_2_3 is the weight of layer 1 from its input 2 to its unit 3 and dw1_2_3 its gradient, b a bias, z a weighted sum, a its
// activation, d1_3 the gradient by z1_3. Values have names of their own: arrays and structs would be kept in memory by some.

const PARAMETERS = ${network.parameterCount}u;

${declarationsOf(network)}

${forEach(network, "readNetwork(first: u32)", (name, at) => `${name} = parameters[first + ${at}u];`)}

${forEach(network, "clearGradients()", (name) => `${gradient(name)} = 0.0;`)}

// Forward, loss and backward of one row; adds to the gradients and returns the loss, both scaled to the mean of the batch.
${sampleOf(network)}
`;

/** The optimizer's step with every parameter. */
export const emitUpdate = (
  network: Network,
): string => `// Every parameter of one network updated: ${describe(network)}. Written by src/gpu/emitNetwork.ts.

fn updated(parameter: f32, gradient: f32, at: u32) -> f32 {
  watch(gradient);
  let value = optimize(parameter, gradient, at);
  watch(value);
  return value;
}

${forEach(network, "updateNetwork(first: u32)", (name, at) => `${name} = updated(${name}, ${gradient(name)}, first + ${at}u);`)}

${forEach(network, "writeNetwork(first: u32)", (name, at) => `parameters[first + ${at}u] = ${name};`)}
`;

/** The gradients written out as one slice of the batch. */
export const emitPartials = (
  network: Network,
): string => `// Gradients of one network added to a slice: ${describe(network)}. Written by src/gpu/emitNetwork.ts.

${forEach(network, "addPartials(first: u32)", (name, at) => `add(first + ${at}u, ${gradient(name)});`)}
`;
