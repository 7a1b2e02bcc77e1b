// "Copy as TypeScript": the training of the page as a program of its own.

import { hyperParameterDefaults, takesLogits } from "../../index.ts";
import type { Split } from "./datasets.ts";
import { featureCode } from "./features.ts";
import type { Point } from "./points.ts";
import { scheduleCode } from "./schedules.ts";
import { batchSizeOf, effective, hyperParametersOf, networkOf, trainingOptionsOf } from "./setup.ts";
import { type PlaygroundState, seedOf } from "./state.ts";

const pointsPerLine = 6;

function listOf(points: readonly Point[]): string {
  const texts = points.map(({ x1, x2, value }) => `[${x1}, ${x2}, ${value}]`);
  const lines = Array.from({ length: Math.ceil(texts.length / pointsPerLine) }, (_, line) =>
    texts.slice(line * pointsPerLine, (line + 1) * pointsPerLine).join(", "),
  );
  return `[\n  ${lines.join(",\n  ")},\n]`;
}

function optimizerCode(state: PlaygroundState): string {
  const usual: Readonly<Record<string, unknown>> = hyperParameterDefaults(state.optimizer);
  const own = hyperParametersOf(state).filter(([name, value]) => name === "learningRate" || value !== usual[name]);
  return `${state.optimizer}({ ${own.map(([name, value]) => `${name}: ${value}`).join(", ")} })`;
}

function layersCode(state: PlaygroundState): string {
  const { dropout: rate } = effective(state);
  const layers = networkOf(state).layers.map(({ width, activation }) => `dense(${width}, "${activation}")`);
  const last = layers.pop()!;
  const hidden = rate > 0 ? layers.flatMap((layer) => [layer, `dropout(${rate})`]) : layers;
  return [...hidden, last].join(", ");
}

/** `{ patience: 5, interval: { steps: 50 } }` */
const codeOf = (values: object): string =>
  `{ ${Object.entries(values)
    .map(([name, value]) => `${name}: ${typeof value === "object" ? codeOf(value as object) : String(value)}`)
    .join(", ")} }`;

/** Options of the training, one a line. */
function optionsCode(state: PlaygroundState, split: Split, steps: number): string {
  const { l1, labelSmoothing, clipNorm, average, earlyStopping, reduceOnPlateau } = trainingOptionsOf(state, split);
  const schedule = scheduleCode(effective(state));
  const lines = [
    `optimizer: ${optimizerCode(state)}`,
    `batchSize: ${batchSizeOf(state, split)}`,
    `seed: ${seedOf(state)}`,
    `steps: ${steps}`,
    schedule && `schedule: ${schedule}`,
    l1 && `l1: ${l1}`,
    labelSmoothing && `labelSmoothing: ${labelSmoothing}`,
    clipNorm && `clipNorm: ${clipNorm}`,
    average && `average: ema(${state.ema})`,
    split.test.length > 0 && "validation: dataOf(testPoints)",
    earlyStopping && `earlyStopping: ${codeOf(earlyStopping)}`,
    reduceOnPlateau && `reduceOnPlateau: ${codeOf(reduceOnPlateau)}`,
  ];
  return lines
    .filter(Boolean)
    .map((line) => `  ${line},\n`)
    .join("");
}

/** What a program takes from the package: the functions that it calls, but its own. */
function importsOf(code: string): string {
  const called = [...code.matchAll(/(\w+)\(/g)].map(([, name]) => name!).filter((name) => name !== "dataOf");
  return [...new Set(["acquire", "createModel", ...called])].toSorted((a, b) => a.localeCompare(b, "en")).join(", ");
}

/**
 * A program that trains the same network on the same points with the library: same seed, same batches.
 * @param steps as many as the page has taken
 */
export function typescriptProgram(state: PlaygroundState, split: Split, steps: number): string {
  const { training, test } = split;
  const { features, loss, initializer } = state;
  const seed = seedOf(state);
  const target = takesLogits(loss) ? "value > 0 ? 1 : 0" : "value";
  const start = initializer === "auto" ? "" : `, initializer: "${initializer}"`;
  const net = `network({ inputs: ${features.length}, layers: [${layersCode(state)}], loss: "${loss}" })`;
  const options = optionsCode(state, split, steps);
  const tests = test.length > 0 ? `\nconst testPoints: Point[] = ${listOf(test)};` : "";
  return `// Trains the network of the playground: ${steps} steps on ${training.length} points.

import { ${importsOf(net + options)} } from "thalweg";

/** x1, x2, and what to predict. */
type Point = [x1: number, x2: number, value: number];

const points: Point[] = ${listOf(training)};${tests}

/** What the network sees of a point. */
const features = ([x1, x2]: Point): number[] => [${features.map(featureCode).join(", ")}];

const dataOf = (rows: Point[]) => ({
  inputs: Float32Array.from(rows.flatMap(features)),
  targets: Float32Array.from(rows, ([, , value]) => ${target}),
});

const device = await acquire();
const net = ${net};
const model = await createModel(net, { device, seed: ${seed}${start} });
const options = {
${options}};

for await (const { step, loss, validation } of model.train(dataOf(points), options)) {
  console.log(\`step \${step}: loss \${loss.toFixed(4)}\${validation ? \`, on test points \${validation.loss.toFixed(4)}\` : ""}\`);
}
console.log(device.name, await model.predict(dataOf(points.slice(0, 4)).inputs));
model.dispose();
device.dispose();
`;
}
