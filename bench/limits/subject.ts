import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { sgd } from "../../src/math/optimizer.ts";
import { checkedSteps, deviationAt, truthOf as trainingTruthOf } from "../strategies/checkStrategy.ts";
import { StrategyRun } from "../strategies/strategyRun.ts";
import type { PointPlan as StrategiesPointPlan } from "../strategies/sweeps.ts";
import { ProductRun } from "../products/productRun.ts";
import { checkProduct, factorsOf, faultOf, truthOf as productTruthOf } from "../products/truth.ts";
import { workOf as productWorkOf } from "../products/shapes.ts";
import { stepOf } from "../race/races.ts";
import { startOf } from "../race/start.ts";
import { workOf as trainingWorkOf } from "../race/workload.ts";
import type { PointPlan, ProductSubject, Subject, TrainingSubject } from "./plans.ts";

/** How far a result is from float64, and how far it may be. */
export interface Checked {
  readonly deviation: number;
  readonly bound: number;
  /** What is wrong; undefined where nothing is. */
  readonly fault: string | undefined;
}

/** The work of a point on one device, over and over. */
export interface Opened {
  /** Milliseconds of so many runs, `atOnce` of them a call. */
  time(runs: number, atOnce: number | undefined): Promise<number>;
  /** Holds the first runs against float64: to be called before any other. */
  check(): Promise<Checked>;
  /** @throws Error where what was timed had stopped to compute */
  requireSound(): Promise<void>;
  /** With its device. */
  dispose(): void;
}

/** So small that weights stay near where they began: without a part a kernel has wrong gradients, and a member that diverges stops. */
const optimizer = sgd({ learningRate: 0.01 });

const workloadOf = ({ widths, members, batchSize }: TrainingSubject) =>
  stepOf({ widths, activation: "sigmoid", batchSize, members, optimizer });

/** Arithmetic of one run by formula, and networks that it advances. */
export function workOf(subject: Subject): { readonly flops: number; readonly networks: number } {
  if (subject.kind === "product") return { flops: productWorkOf(subject.shape).flops, networks: 1 };
  const { flops, networks } = trainingWorkOf(workloadOf(subject));
  return { flops, networks };
}

async function openTraining(device: GpuDevice, subject: TrainingSubject, { name }: PointPlan): Promise<Opened> {
  const workload = workloadOf(subject);
  const start = startOf(workload);
  const point: StrategiesPointPlan = { x: 0, name, description: name, workload, isQuick: false };
  const run = await StrategyRun.create({ device, point, start, strategy: subject.strategy });
  return {
    time: (steps, atOnce) => run.time(steps, atOnce),
    requireSound: () => run.requireFinite(),
    dispose: () => run.dispose(),
    async check() {
      const truth = await trainingTruthOf(workload, start);
      let [worst, done] = [{ deviation: 0, bound: 1 }, 0];
      for (const [index, steps] of checkedSteps.entries()) {
        await run.time(steps - done);
        done = steps;
        const found = await deviationAt(run, truth, index);
        if (found.deviation / found.bound >= worst.deviation / worst.bound) worst = found;
      }
      const { deviation, bound } = worst;
      const fault = deviation <= bound ? undefined : "its parameters differ from the float64 reference";
      return { deviation, bound, fault };
    },
  };
}

function openProduct(device: GpuDevice, { shape }: ProductSubject): Opened {
  const factors = factorsOf(shape);
  const run = new ProductRun(device, shape, factors);
  return {
    time: (products) => run.time(products, undefined),
    requireSound: async () => {},
    dispose() {
      run.dispose();
      device.dispose();
    },
    async check() {
      run.poison();
      await run.time(1, undefined);
      const found = checkProduct(await run.read(), shape, productTruthOf(shape, factors));
      const { deviation, bound } = found;
      return { deviation, bound, fault: faultOf(found) };
    },
  };
}

/**
 * @param device that nothing has been compiled on; what is opened disposes it, and so does a failure
 * @throws what the library throws where the work does not fit the device
 */
export async function openSubject(device: GpuDevice, subject: Subject, plan: PointPlan): Promise<Opened> {
  if (subject.kind === "training") return openTraining(device, subject, plan);
  try {
    return openProduct(device, subject);
  } catch (error) {
    device.dispose();
    throw error;
  }
}
