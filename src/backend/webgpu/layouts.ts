// Structs that the host writes for every model, by their names in WGSL.

import { layouts as hyper } from "../../../shaders/hyper.wgsl";
import { layouts as step } from "../../../shaders/step.wgsl";

export const { Step, MemberSettings, Layer } = step;
export const { Hyper } = hyper;

/** Distance of two step slots: the largest offset alignment that WebGPU allows a device to ask for. */
export const stepStride = 256;
/** Bytes that a kernel sees of a split: `Step` of shaders/step.wgsl. */
export const stepBytes = Math.ceil(Step.bytes / 16) * 16;
/** Distance of two `Step` in an array. */
export const storedStepBytes = Step.bytes;

/** 4-byte values that a run holds of a member beside its parameters, moments and losses: settings and status. */
export const memberWords = MemberSettings.bytes / 4 + 3;
