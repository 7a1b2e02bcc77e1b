// What successive halving and Hyperband save: CPU time of a whole population and of one that is halved, in pairs, and how good the winners are.
//   npm run bench -- halving [--quick] [--device wasm|software|gpu] [--output FILE]

import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import process from "node:process";
import { Command, Option } from "commander";
import {
  acquire,
  adam,
  bestMembers,
  createModel,
  type Dataset,
  dense,
  type Device,
  type FloatArray,
  type Halving,
  hyperbandMembers,
  latinHypercube,
  network,
  uniformAt,
} from "../../src/node.ts";
import { gitRevision } from "../measure/machine.ts";
import { median } from "../measure/statistics.ts";

interface Flags {
  readonly quick?: true;
  readonly device: "wasm" | "software" | "gpu";
  readonly output?: string;
}

const {
  quick,
  device: kind,
  output,
} = new Command("npm run bench -- halving")
  .option("--quick", "one pair of two comparisons, a third of the epochs")
  .addOption(new Option("--device <kind>", "what computes").choices(["wasm", "software", "gpu"]).default("wasm"))
  .option("--output <file>", "keep the record in this file")
  .parse(process.argv.slice(3), { from: "user" })
  .opts<Flags>();

const epochs = quick ? 27 : 81;
const pairs = quick ? 1 : 3;
const batchSize = 32;
const net = network({ inputs: 8, layers: [dense(32, "tanh"), dense(32, "tanh"), dense(1)], loss: "meanSquaredError" });

/** Rows of a smooth function of eight numbers, with noise. */
function rowsOf(count: number, seed: number): Dataset {
  const inputs = Float32Array.from({ length: 8 * count }, (_, at) => 2 * uniformAt(seed, 0, at) - 1);
  const targets = Float32Array.from({ length: count }, (_, row) => {
    const x = inputs.subarray(8 * row, 8 * row + 8);
    return Math.sin(3 * x[0]! + x[1]!) + x[2]! * x[3]! - 0.5 * x[4]! ** 2 + 0.1 * (uniformAt(seed, 1, row) - 0.5);
  });
  return { inputs, targets };
}

const training = rowsOf(512, 1);
const validation = rowsOf(512, 2);

interface Trained {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly memberSteps: number;
  readonly loss: number;
  readonly parameters: FloatArray;
}

/** Trains members whose learning rates span five tenfolds, all to the end or halved, and takes the best of those that came to the end. */
async function train(device: Device, members: number, halving: Halving | undefined): Promise<Trained> {
  const model = await createModel(net, { device, members, seed: 1 }); // plain Node 20 has no `using`
  const learningRate = Array.from(latinHypercube(members, 1)[0]!, (share) => 10 ** (-4 + 5 * share));
  const optimizer = adam();
  const [before, startMs] = [process.cpuUsage(), performance.now()];
  const { steps } = await model.fit(training, {
    optimizer,
    batchSize,
    epochs,
    perMember: { learningRate },
    logInterval: { epochs },
    ...(halving && { halving, validation }),
  });
  const scores = await model.evaluate(validation);
  const { user, system } = process.cpuUsage(before);
  const wallMs = performance.now() - startMs;
  const all = await model.readParameters();
  const done = model.halving?.steps;
  const losses = scores.losses.map((loss, member) => (done && done[member] !== steps ? Number.NaN : loss));
  const [best] = bestMembers(losses);
  const { parameterCount } = net;
  const parameters = all.slice(best! * parameterCount, (best! + 1) * parameterCount);
  const memberSteps = model.halving?.memberSteps ?? members * steps;
  model.dispose();
  return { cpuMs: (user + system) / 1000, wallMs, memberSteps, loss: losses[best!]!, parameters };
}

async function compare(device: Device, members: number, halving: Halving) {
  await train(device, members, halving); // compiles what is compiled
  await train(device, members, undefined);
  const [whole, halved]: [Trained[], Trained[]] = [[], []];
  for (let pair = 0; pair < pairs; pair++) {
    const isFirst = pair % 2 === 0; // A B B A
    if (isFirst) whole.push(await train(device, members, undefined));
    halved.push(await train(device, members, halving));
    if (!isFirst) whole.push(await train(device, members, undefined));
  }
  const of = (all: readonly Trained[], key: "cpuMs" | "wallMs"): number => median(all.map((one) => one[key]));
  const [a, b] = [whole[0]!, halved[0]!];
  return {
    halving,
    members,
    memberSteps: { whole: a.memberSteps, halved: b.memberSteps, share: b.memberSteps / a.memberSteps },
    cpuMs: { whole: of(whole, "cpuMs"), halved: of(halved, "cpuMs"), share: of(halved, "cpuMs") / of(whole, "cpuMs") },
    wallMs: { whole: of(whole, "wallMs"), halved: of(halved, "wallMs") },
    bestLoss: { whole: a.loss, halved: b.loss },
    sameWinner: a.parameters.every((value, at) => value === b.parameters[at]),
  };
}

const device = await acquire({ device: kind });
const results = [];
const comparisons: readonly (readonly [number, Halving])[] = [
  [81, { factor: 3 }],
  [81, { factor: 3, minEpochs: epochs / 9 }],
  [243, { factor: 3 }],
  [hyperbandMembers(epochs), { factor: 3, hyperband: true }],
];
for (const [members, halving] of comparisons.slice(0, quick ? 2 : undefined)) {
  const result = await compare(device, members, halving);
  const { memberSteps, cpuMs, bestLoss, sameWinner } = result;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(
    `${members} members, ${halving.hyperband ? "Hyperband" : `halving after ${halving.minEpochs ?? 1} or more epochs`}: ${percent(memberSteps.share)} of the steps, ${percent(cpuMs.share)} of the CPU time ` +
      `(${cpuMs.halved.toFixed(0)} of ${cpuMs.whole.toFixed(0)} ms); best loss ${bestLoss.halved.toPrecision(4)}, of all ${bestLoss.whole.toPrecision(4)}` +
      `${sameWinner ? ", the same network to the same bits" : ""}`,
  );
  results.push(result);
}
if (output !== undefined) {
  const record = {
    bench: "halving",
    date: new Date().toISOString(),
    gitRevision: gitRevision(),
    cpu: { model: cpus()[0]?.model ?? "unknown", cores: cpus().length },
    loadAverage: loadavg(),
    versions: { node: process.version },
    device: device.name,
    network: "8-32-32-1",
    rows: 512,
    batchSize,
    epochs,
    pairs,
    results,
  };
  writeFileSync(output, `${JSON.stringify(record, undefined, 2)}\n`);
}
device.dispose();
