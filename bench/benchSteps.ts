// The measuring part: no host but WebGPU, so that a page can run it as well.

import type { GpuDevice } from "../src/gpu/device.ts";
import { Profiler } from "../src/gpu/profile.ts";
import { widthsOf } from "../src/network.ts";
import { type BenchCase, startOf } from "./cases.ts";
import { CeilingProbes, type Ceilings } from "./ceilings.ts";
import type { Check } from "./contender.ts";
import { DispatchTimer } from "./dispatchTimer.ts";
import { type KernelTimes, measureKernels, ratesOf } from "./measureKernels.ts";
import { type Effort, measureStep, type StepReport } from "./measureStep.ts";
import { implausible, type TimedKernel } from "./report.ts";

export interface BenchEffort extends Effort {
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
  readonly replicas: number;
}

export interface CaseReport {
  readonly description: CaseDescription;
  /** Only the check where it failed. */
  readonly step: StepReport | { readonly check: Check };
  readonly kernels: readonly TimedKernel[] | undefined;
}

export interface BenchReport {
  /** Undefined without timestamp-query. */
  readonly ceilings: (Ceilings & { readonly samples: CeilingProbes["samples"] }) | undefined;
  /** Greatest common divisor of all durations on the GPU's clock. */
  readonly timestampResolutionNs: number | undefined;
  readonly cases: readonly CaseReport[];
  /** What makes the run fail. */
  readonly problems: readonly string[];
}

export const isTimed = (step: CaseReport["step"]): step is StepReport => "times" in step;

interface Clock {
  readonly timer: DispatchTimer;
  readonly probes: CeilingProbes;
}

async function createClock(device: GpuDevice, kernelMs: number): Promise<Clock | undefined> {
  if (!Profiler.canProfile(device)) return undefined;
  return { timer: new DispatchTimer(device, kernelMs), probes: await CeilingProbes.create(device) };
}

const describe = ({ name, network, optimizer, rows, batchSize, replicas }: BenchCase): CaseDescription => ({
  name,
  widths: widthsOf(network),
  activations: network.layers.map(({ activation }) => activation),
  loss: network.loss,
  optimizer: optimizer.name,
  rows,
  batchSize,
  replicas,
});

interface Measured {
  readonly description: CaseDescription;
  readonly step: CaseReport["step"];
  readonly kernelTimes: readonly KernelTimes[] | undefined;
}

async function measureCase(
  device: GpuDevice,
  benchCase: BenchCase,
  clock: Clock | undefined,
  effort: BenchEffort,
): Promise<Measured> {
  const start = startOf(benchCase);
  const description = describe(benchCase);
  const step = await measureStep(device, benchCase, start, effort);
  if (!clock || !isTimed(step)) return { description, step, kernelTimes: undefined };
  const { timer, probes } = clock;
  await probes.measure(timer);
  const kernelTimes = await measureKernels(timer, device, { benchCase, start }, effort.kernelRounds);
  return { description, step, kernelTimes };
}

const problemsOf = ({ description: { name }, step, kernels }: CaseReport): string[] => {
  const wrong = step.check.passed ? [] : [`${name}: parameters differ from the float64 reference`];
  return [...wrong, ...implausible(name, kernels ?? [])];
};

/** Measures cases one after the other; rates are held against the best ceilings of the whole run. */
export async function benchSteps(
  device: GpuDevice,
  cases: readonly BenchCase[],
  effort: BenchEffort,
  onCase: (name: string) => void,
): Promise<BenchReport> {
  const clock = await createClock(device, effort.kernelMs);
  const measured: Measured[] = [];
  for (const benchCase of cases) {
    onCase(benchCase.name);
    measured.push(await measureCase(device, benchCase, clock, effort));
  }
  await clock?.probes.measure(clock.timer);
  const ceilings = clock && { ...clock.probes.best, samples: clock.probes.samples };
  const timestampResolutionNs = clock?.timer.resolutionNs;
  clock?.probes.dispose();
  clock?.timer.dispose();
  const reports = measured.map(({ description, step, kernelTimes }): CaseReport => {
    const kernels = ceilings && kernelTimes?.map((times) => ({ ...times, ...ratesOf(times, ceilings) }));
    return { description, step, kernels };
  });
  return { ceilings, timestampResolutionNs, cases: reports, problems: reports.flatMap(problemsOf) };
}
