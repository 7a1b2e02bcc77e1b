// The measuring part: every dispatch of one training step by the GPU's own clock.

import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { widthsOf } from "../../src/graph/network.ts";
import { CeilingProbes, type Ceilings } from "../measure/ceilings.ts";
import { DispatchTimer } from "../measure/dispatchTimer.ts";
import type { Contender } from "../race/contract.ts";
import { ReferenceJudge } from "../race/judgeRunner.ts";
import { checkOf, deviationOf } from "../race/plausibility.ts";
import type { Check } from "../race/record.ts";
import { startOf } from "../race/start.ts";
import type { KernelCase } from "./cases.ts";
import { type KernelTimes, measureKernels, ratesOf } from "./measureKernels.ts";
import { implausible, type TimedKernel } from "./report.ts";

export interface KernelEffort {
  /** Least time of a pass that repeats one dispatch. */
  readonly kernelMs: number;
  readonly kernelRounds: number;
}

export interface CaseDescription {
  readonly name: string;
  readonly widths: string;
  readonly activations: readonly string[];
  readonly loss: string;
  readonly optimizer: string;
  readonly rows: number;
  readonly batchSize: number;
  readonly members: number;
}

export interface CaseReport {
  readonly description: CaseDescription;
  readonly check: Check;
  /** None where the check failed. */
  readonly kernels: readonly TimedKernel[];
}

export interface KernelReport {
  readonly ceilings: Ceilings & { readonly samples: CeilingProbes["samples"] };
  /** Greatest common divisor of all durations on the GPU's clock. */
  readonly timestampResolutionNs: number;
  readonly cases: readonly CaseReport[];
  /** What makes the run fail. */
  readonly problems: readonly string[];
}

const describe = ({ name, network, optimizer, rows, batchSize, members }: KernelCase): CaseDescription => ({
  name,
  widths: widthsOf(network),
  activations: network.layers.map(({ activation }) => activation),
  loss: network.loss,
  optimizer: optimizer.name,
  rows,
  batchSize,
  members,
});

/** Holds parameters against the float64 reference after 1 and 10 steps. */
async function checkCase(contender: Contender, workload: KernelCase): Promise<Check> {
  const judge = new ReferenceJudge();
  const references = await judge.states({ workload, data: undefined, rounds: [1, 10], limitMs: 30_000 });
  const entry = await contender.createEntry(workload, startOf(workload));
  const deviations = [];
  let done = 0;
  for (const reference of references.slice(1)) {
    await entry.run(reference.rounds - done);
    done = reference.rounds;
    deviations.push(deviationOf(workload, await entry.readState(), reference, references[0]!.state));
  }
  entry.dispose();
  return checkOf(deviations);
}

const problemsOf = ({ description: { name }, check, kernels }: CaseReport): string[] => {
  const wrong = check.passed ? [] : [`${name}: parameters differ from the float64 reference`];
  return [...wrong, ...implausible(name, kernels)];
};

interface Measured {
  readonly description: CaseDescription;
  readonly check: Check;
  readonly times: readonly KernelTimes[];
}

export interface KernelBench {
  readonly device: GpuDevice;
  readonly contender: Contender;
  readonly effort: KernelEffort;
  readonly onCase: (name: string) => void;
}

/** Measures cases one after the other; rates are held against the best ceilings of the whole run. */
export async function benchKernels(bench: KernelBench, cases: readonly KernelCase[]): Promise<KernelReport> {
  const { device, contender, effort, onCase } = bench;
  const timer = new DispatchTimer(device, effort.kernelMs);
  const probes = await CeilingProbes.create(device);
  const measured: Measured[] = [];
  for (const workload of cases) {
    onCase(workload.name);
    await probes.measure(timer);
    const check = await checkCase(contender, workload);
    const start = startOf(workload);
    const times = check.passed ? await measureKernels(timer, device, { workload, start }, effort.kernelRounds) : [];
    measured.push({ description: describe(workload), check, times });
  }
  await probes.measure(timer);
  const ceilings = { ...probes.best, samples: probes.samples };
  const timestampResolutionNs = timer.resolutionNs;
  probes.dispose();
  timer.dispose();
  const reports = measured.map(({ description, check, times }): CaseReport => {
    return { description, check, kernels: times.map((each) => ({ ...each, ...ratesOf(each, ceilings) })) };
  });
  return { ceilings, timestampResolutionNs, cases: reports, problems: reports.flatMap(problemsOf) };
}
