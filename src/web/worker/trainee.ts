// Devices and models for a session.

import {
  type AcquireOptions,
  type AnyNetwork,
  createModel,
  type Device,
  dropout,
  type FloatArray,
  GpuLost,
  GpuOutOfMemory,
  LimitExceeded,
  type Model,
  network,
  ownSchedule,
  type Checkpoint,
  type Schedule,
  scheduleFunction,
  type TrainOptions,
} from "../../index.ts";
import { passedOn, type SessionSettings } from "./protocol.ts";

/** `acquire` of the library, or a test's own. */
export type Acquire = (options: AcquireOptions) => Promise<Device>;

/** Steps of a training without end: more than any will take. */
const endless = 2 ** 40;
/** Parameters that are kept on the host, as the library does at each event. */
const mostKept = 2 ** 22;

/** A state of a training on the host. */
export interface KeptState {
  /** Steps done, over all trainings of the library. */
  readonly step: number;
  /** [members, parameterCount]. */
  readonly parameters: FloatArray;
  /** What its training continues from; undefined where it has yet to begin. */
  readonly state: Checkpoint | undefined;
}

/** The network with its dropout. */
function trainedNetwork({ network: options, dropout: rate = 0 }: SessionSettings<unknown>): AnyNetwork {
  if (rate === 0) return network(options);
  const last = options.layers.length - 1;
  const layers = options.layers.flatMap((layer, at) => (at < last ? [layer, dropout(rate)] : [layer]));
  return network({ ...options, layers });
}

/** The model that settings ask for, and its first good state where it is small enough to keep. */
export async function createTrainee(
  device: Device,
  settings: SessionSettings<unknown>,
  onLost?: (why: string) => void,
): Promise<{ model: Model<AnyNetwork>; good: KeptState | undefined }> {
  const { seed = 0, members, initializer, resume, firstStep = 0 } = settings;
  const parameters = resume?.parameters ?? settings.parameters;
  const model = await createModel(trainedNetwork(settings), {
    device,
    seed,
    ...(members !== undefined && { members }),
    ...(initializer !== undefined && { initializer }),
    ...(parameters !== undefined && { parameters }),
    ...(onLost && { onLost }),
  });
  if (model.members * model.network.parameterCount > mostKept) return { model, good: undefined };
  try {
    return { model, good: { step: firstStep, parameters: await model.readParameters(), state: resume } };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** A schedule whose first steps have been taken. */
function schedulePast(schedule: Schedule, taken: number): Schedule {
  if (taken === 0) return schedule;
  const factorAt = scheduleFunction(schedule, endless);
  return ownSchedule(`${schedule.name} from step ${taken}`, (step) => factorAt(step + taken));
}

/** Options of the library for what is left to train, counted from `firstStep`. */
export function optionsFrom(settings: SessionSettings<unknown>, firstStep: number): Omit<TrainOptions, "epochs"> {
  const { optimizer, batchSize, orderSeed = 0, schedule, lastStep = endless } = settings;
  const own = passedOn.filter((name) => settings[name] !== undefined).map((name) => [name, settings[name]]);
  return {
    optimizer,
    batchSize,
    seed: orderSeed,
    steps: Math.max(1, lastStep - firstStep),
    ...(schedule && { schedule: schedulePast(schedule, firstStep) }),
    ...(Object.fromEntries(own) as Pick<TrainOptions, (typeof passedOn)[number]>),
  };
}

/** Whether there is memory for a training of these settings. */
export async function trainsOneStep(device: Device, settings: SessionSettings<unknown>): Promise<boolean> {
  let model: Model<AnyNetwork> | undefined;
  try {
    const own = withSeedsOf(settings);
    ({ model } = await createTrainee(device, own));
    await model.fit(settings.data, { ...optionsFrom(own, 0), steps: 1 });
    return true;
  } catch (error) {
    if (error instanceof GpuLost || !(error instanceof GpuOutOfMemory || error instanceof LimitExceeded)) throw error;
    return false;
  } finally {
    model?.dispose();
  }
}

/** As many seeds, parameters and values of `perMember` as there are members. */
function withSeedsOf(settings: SessionSettings<unknown>): SessionSettings<unknown> {
  const { members = 1, seed, perMember } = settings;
  const { parameters: _, resume: __, ...others } = settings;
  const first = (values: ArrayLike<number>) => Float64Array.from({ length: members }, (_, at) => values[at]!);
  const cut = Object.entries(perMember ?? {}).map(([name, values]) => [name, first(values)]);
  return {
    ...others,
    ...(typeof seed === "object" && { seed: first(seed) }),
    ...(perMember && { perMember: Object.fromEntries(cut) }),
  };
}
