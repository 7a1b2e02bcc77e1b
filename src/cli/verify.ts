import type { ReadProgress } from "../data.ts";
import {
  acquire,
  createModel,
  type Device,
  type DeviceKind,
  type FloatArray,
  NoDevice,
  type Verification,
  verifyTraining,
  type VerifyRequest,
} from "../node.ts";
import { verificationLines } from "./describe.ts";
import { Stop, exitCodes } from "./exitCodes.ts";
import { duration, grouped } from "./numbers.ts";
import type { Output } from "./output.ts";
import type { CommonFlags } from "./trainFlags.ts";
import type { Outcome, Session } from "./training.ts";
import { working } from "./work.ts";

/** The steps of a training once more, on WebGPU. */
interface Repeated extends Verification {
  readonly device: string;
  readonly ms: number;
}

/** A training compared with float64. */
interface Verified {
  readonly verification: Verification;
  /** Or why there is no adapter. */
  readonly webgpu?: Repeated | { readonly unavailable: string };
}

/** Whether the steps are compared with float64. */
export const isVerified = ({
  verify: own,
  verifyWebgpu: more,
}: Pick<CommonFlags, "verify" | "verifyWebgpu">): boolean => own === true || more === true;

/** After a second it is known how long a check takes; one of ten seconds is said to be long. */
const measuredMs = 1000;
const longMs = 10_000;

/** Says once how long the check will take, where that is long. */
export function announceLength(output: Output): (progress: ReadProgress) => void {
  const startMs = performance.now();
  let isKnown = false;
  return ({ done, total }) => {
    const ms = performance.now() - startMs;
    if (isKnown || ms < measuredMs) return;
    isKnown = true;
    const leftMs = (ms * (total - done)) / done;
    if (leftMs < longMs) return;
    output.info("", `this takes about ${duration(leftMs)}; the model is already saved, Ctrl-C skips the check`);
  };
}

/** What computed the steps: a GPU offloads a tiny network to WebAssembly. */
const machineOf = async ({ model, prepared, options }: Session): Promise<DeviceKind> =>
  (await model.plan(prepared.training, options)).machine;

/** A hardware adapter, else a software one; or why there is none. */
async function openWebgpu(): Promise<Device | string> {
  try {
    return await acquire({ device: "gpu" });
  } catch {
    return acquire({ device: "software" }).catch((error: unknown) => {
      if (error instanceof NoDevice) return error.fault.got;
      throw error;
    });
  }
}

/** Takes the same steps on a WebGPU device, and compares them with float64 too. */
async function repeat({ model }: Session, device: Device, request: VerifyRequest): Promise<Repeated> {
  const { network, members } = model;
  const parameters = request.initialParameters;
  const repeated = await createModel(network, { device, members, parameters });
  try {
    let ms = 0;
    for await (const { elapsedMs } of repeated.train(request.data, request.options)) ms = elapsedMs;
    return { device: device.name, ms, ...(await verifyTraining(repeated, request)) };
  } finally {
    repeated.dispose();
  }
}

async function verifyWebgpu(
  session: Session,
  outcome: Outcome,
  request: VerifyRequest,
): Promise<NonNullable<Verified["webgpu"]>> {
  const { output, model } = session;
  const { steps, elapsedMs } = outcome.last!; // it has finished
  const device = await working(output, "opening a WebGPU device", openWebgpu);
  if (typeof device === "string") {
    output.result("webgpu", `the steps were not repeated: ${device}`);
    return { unavailable: device };
  }
  try {
    const repeated = await working(output, "repeating the steps on WebGPU", () => repeat(session, device, request));
    const { deviation, bound, passed, conclusive, ms } = repeated;
    const how = `${conclusive ? "" : "one more step: "}deviation from float64 ${deviation.toExponential(2)}`;
    const limit = `${passed ? "within" : "ABOVE"} the bound ${bound.toExponential(2)}`;
    const { kind, name } = model.device;
    const trainedOn = (await machineOf(session)) === kind ? name : "WebAssembly (offloaded from the GPU)";
    const times = `${grouped(ms)} ms there, ${grouped(elapsedMs)} ms on ${trainedOn}`;
    output.result("webgpu", `the same ${grouped(steps)} steps on ${device.name}: ${how} ${limit}; ${times}`);
    return repeated;
  } finally {
    device.dispose();
  }
}

/** Tells how far the model, and where it is requested the same training on WebGPU, is from float64 after the same steps. */
export async function verify(session: Session, outcome: Outcome, initialParameters: FloatArray): Promise<Verified> {
  const { model, prepared, options, output, flags, reductions, steps: done } = session;
  output.info("check", "repeating the steps in float64 on the CPU");
  const announce = announceLength(output);
  const known = { ...(reductions && { reductions }), ...(done !== undefined && { steps: done }) };
  const request = { initialParameters, data: prepared.training, options, ...known };
  const verification = await working(output, "comparing with float64", (tell) => {
    const onProgress = (progress: ReadProgress): void => {
      tell(progress);
      announce(progress);
    };
    return verifyTraining(model, { ...request, onProgress });
  });
  for (const [index, line] of verificationLines(verification).entries())
    output.result(index === 0 ? "check" : "", line);
  const machine = await machineOf(session);
  if (!flags.verifyWebgpu || machine === "gpu" || machine === "software") return { verification };
  const { earlyStopping: _, validation, epochs, ...others } = options;
  const steps = done ?? model.earlyStopping?.steps[0]; // of one member: with more it was refused
  const length = steps === undefined ? { ...(epochs !== undefined && { epochs }) } : { steps };
  const judged = options.reduceOnPlateau && validation && { validation }; // by which it reduces its own rate
  const { initialParameters: _initial, data } = request;
  const alike = { initialParameters, data, options: { ...others, ...length, ...judged, strategy: "auto" as const } };
  return { verification, webgpu: await verifyWebgpu(session, outcome, alike) };
}

/** What deviates from float64, if anything. */
function deviating(verified: Verified | undefined): string | undefined {
  if (verified?.verification.passed === false) return "the trained parameters deviate";
  const { webgpu } = verified ?? {};
  if (webgpu === undefined || "unavailable" in webgpu || webgpu.passed) return undefined;
  return "the parameters of the same training on WebGPU deviate";
}

export const exitCodeOfChecks = (verified: Verified | undefined): number =>
  deviating(verified) === undefined ? 0 : exitCodes.failed[0];

/** Throws where a check found wrong parameters. */
export function requireVerified(verified: Verified | undefined): void {
  const what = deviating(verified);
  if (what === undefined) return;
  throw new Stop(`${what} from the float64 reference by more than the bound`, exitCodes.failed[0]);
}
