import { version } from "../../package.json";
import { activate } from "../../src/backend/cpu/activation.ts";
import type { FloatArray, TrainingRun } from "../../src/backend/executor.ts";
import { createReference } from "../../src/backend/createReference.ts";
import type { Contender, Entry } from "../race/contract.ts";
import { runSeed, type Start } from "../race/start.ts";
import type {
  ElementWorkload,
  ForwardWorkload,
  GradientWorkload,
  ProductWorkload,
  StepWorkload,
  Workload,
} from "../race/workload.ts";

/** What happens to the state after every round. */
type AfterRound = (state: FloatArray) => FloatArray;

async function stepEntry(workload: StepWorkload, start: Start, after?: AfterRound): Promise<Entry> {
  const { network, members, optimizer, batchSize } = workload;
  const executor = createReference(network, members);
  let run: TrainingRun;
  let nextStep = 0;
  const restart = async (): Promise<void> => {
    executor.writeParameters(start.state);
    run = await executor.createRun({ data: start.data, optimizer, batchSize, shuffle: true, seed: runSeed });
    nextStep = 0;
  };
  await restart();
  return {
    run: async (rounds) => {
      const stride = after ? 1 : rounds;
      for (const end = nextStep + rounds; nextStep < end; nextStep += stride) {
        await run.execute(nextStep, stride);
        if (after) executor.writeParameters(after(await executor.readParameters()));
      }
    },
    finish: async () => (await executor.readParameters())[0]!,
    readState: () => executor.readParameters(),
    restart,
    dispose: () => executor.dispose(),
  };
}

type Round = (state: Float64Array) => Float64Array | Promise<Float64Array>;

/** An entry whose round is a function of the state. */
function pureEntry(start: Start, round: Round): Entry {
  let state: Float64Array = Float64Array.from(start.state);
  return {
    run: async (rounds) => {
      for (let index = 0; index < rounds; index++) state = await round(state);
    },
    finish: () => Promise.resolve(state[0]!),
    readState: () => Promise.resolve(state.slice()),
    restart: () => {
      state = Float64Array.from(start.state);
    },
    dispose: () => {},
  };
}

async function forwardRound({ network }: ForwardWorkload, start: Start): Promise<Round> {
  const executor = createReference(network, 1);
  executor.writeParameters(start.fixed);
  return async (state) => Float64Array.from(await executor.predict(state));
}

/** [size, size] of every matrix of a batch, transposed. */
function transpose(values: Float64Array, size: number): Float64Array {
  const matrix = size * size;
  return values.map((_, at) => {
    const [within, first] = [at % matrix, at - (at % matrix)];
    return values[first + (within % size) * size + Math.floor(within / size)]!;
  });
}

function product(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const out = new Float64Array(a.length);
  for (let first = 0; first < a.length; first += size * size) {
    for (let row = first; row < first + size * size; row += size) {
      for (let k = 0; k < size; k++) {
        const factor = a[row + k]!;
        const from = first + k * size;
        for (let column = 0; column < size; column++) out[row + column]! += factor * b[from + column]!;
      }
    }
  }
  return out;
}

function productRound({ form, size }: ProductWorkload, start: Start): Round {
  const fixed = Float64Array.from(start.fixed);
  const a = form.startsWith("T") ? transpose(fixed, size) : fixed;
  const takesTranspose = form.endsWith("T");
  return (state) => product(a, takesTranspose ? transpose(state, size) : state, size);
}

/** The product is the same in every round, and taken once. */
function gradientRound({ rows, fanIn, fanOut }: GradientWorkload, { fixed }: Start): Round {
  const sums = new Float64Array(fanIn * fanOut);
  const firstB = rows * fanIn;
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < fanIn; k++) {
      const input = fixed[row * fanIn + k]!;
      for (let column = 0; column < fanOut; column++) {
        sums[k * fanOut + column]! += input * fixed[firstB + row * fanOut + column]!;
      }
    }
  }
  return (state) => state.map((value, at) => sums[at]! + value / 2);
}

const elementRound = ({ operation }: ElementWorkload): Round =>
  operation === "sigmoid"
    ? (state) => state.map((value) => activate("sigmoid", value))
    : (state) => state.map((value) => 2 * value * (1 - value));

async function roundOf(workload: Exclude<Workload, StepWorkload>, start: Start): Promise<Round> {
  if (workload.kind === "forward") return forwardRound(workload, start);
  if (workload.kind === "gradient") return gradientRound(workload, start);
  return workload.kind === "product" ? productRound(workload, start) : elementRound(workload);
}

async function createEntry(workload: Workload, start: Start, after?: AfterRound): Promise<Entry> {
  if (workload.kind === "step") return stepEntry(workload, start, after);
  const round = await roundOf(workload, start);
  return pureEntry(start, after ? async (state) => Float64Array.from(after(await round(state))) : round);
}

/** The float64 reference: what the others are held against, and a contender itself. */
export const reference: Contender = {
  version,
  createEntry: (workload, start) => createEntry(workload, start),
};

/** The reference with its state rounded to float32 after every round: how far it drifts is what rounding alone does. */
export const roundedReference: Contender = {
  version,
  createEntry: (workload, start) => createEntry(workload, start, (state) => Float32Array.from(state)),
};
