import type { OptimizerUpdate } from "../../math/optimizerUpdate.ts";
import type { Network } from "../../graph/network.ts";
import type { Body } from "./body.ts";
import { f32x4, i32 } from "./instructions.ts";
import { type ImportedMemory, ModuleBuilder } from "./moduleBuilder.ts";
import { runWords, stepValueWord, stepWords } from "./runLayout.ts";
import { planUpdate, type UpdatePlan, type UpdateSources } from "./updateCode.ts";
import type { Value } from "./value.ts";
import { VectorModule } from "./vectorCode.ts";
import { SplatMemory } from "./vectorStore.ts";

/** What a program is written for. */
export interface ProgramRequest {
  readonly network: Network;
  /** The optimizer's update, and the names of its numeric hyper-parameters. */
  readonly update: OptimizerUpdate;
  readonly numbers: readonly string[];
  readonly useRelaxed: boolean;
  /** Whether members take rows of their own in a step; default: all take the same. */
  readonly hasOwnRows?: boolean;
  readonly memory: Omit<ImportedMemory, "module" | "name">;
}

/** A program that trains one network, as a module. */
export interface Program {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly plan: UpdatePlan;
  /** Bytes of a step's description. */
  readonly stepBytes: number;
  /** Exports that threads call as (args, item, scratch, turn). */
  readonly kernels: readonly string[];
}

/** Vectors of samples that are taken at once: a parameter is read once for all of them, and they do not wait for each other. */
export const vectorsAtOnce = ({ parameterCount }: Network): number => (parameterCount <= 128 ? 4 : 2);

/**
 * Writes code for all of the indices from `from` to before `to`: for several at once, and one by one for those that are left.
 * @param write code for so many indices from one on
 */
export function forSeveral(
  body: Body,
  range: { readonly from: Value<"i32">; readonly to: Value<"i32">; readonly atOnce: number },
  write: (first: Value<"i32">, count: number) => void,
): void {
  const { from, to, atOnce } = range;
  const left = i32.remU(i32.sub(to, from), atOnce);
  const split = body.let(i32.sub(to, left));
  body.for({ from, to: split, by: atOnce }, (first) => write(first, atOnce));
  body.for({ from: split, to }, (first) => write(first, 1));
}

/** What the code of a program is written with. */
export interface ProgramParts {
  readonly request: ProgramRequest;
  readonly module: VectorModule;
  readonly plan: UpdatePlan;
  readonly stepBytes: number;
}

/** Writes a module whose functions `build` adds. @param build returns the names of the kernels for threads */
export function createProgram(request: ProgramRequest, build: (parts: ProgramParts) => readonly string[]): Program {
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "host", name: "memory", ...request.memory });
  const plan = planUpdate(request.update, request.numbers);
  const stepBytes = 4 * (stepValueWord + plan.ofStep.length);
  const kernels = build({ request, plan, stepBytes, module: new VectorModule(builder, request.useRelaxed) });
  return { bytes: builder.encode(), plan, stepBytes, kernels };
}

/** Words of the description of a run. */
export type RunValues = { readonly [name in keyof typeof runWords]: Value<"i32"> };

export const readRun = (body: Body, run: Value<"i32">): RunValues =>
  Object.fromEntries(
    Object.entries(runWords).map(([name, word]) => [name, body.let(i32.load(run, 4 * word))]),
  ) as unknown as RunValues;

/** One step's description. */
export class StepReader {
  readonly #address: Value<"i32">;

  constructor(address: Value<"i32">) {
    this.#address = address;
  }

  word(name: Exclude<keyof typeof stepWords, "lossScale">): Value<"i32"> {
    return i32.load(this.#address, 4 * stepWords[name]);
  }

  get lossScale(): Value<"f32x4"> {
    return f32x4.loadSplat(this.#address, 4 * stepWords.lossScale);
  }

  /** What the update takes of the step. */
  get values(): SplatMemory {
    return new SplatMemory(this.#address, 4 * stepValueWord);
  }
}

/** Bytes of the sums over samples: of a vector for each parameter, and one of losses. */
export const sumBytes = ({ parameterCount }: Network): number => 16 * (parameterCount + 1);

export const updateSources = (run: RunValues, rates: UpdateSources["rates"], step: StepReader): UpdateSources => ({
  rates,
  hyper: new SplatMemory(run.hyper),
  step: step.values,
});
