// Structs that the host writes for models, by their names in WGSL.

import { layouts as slices } from "../../../shaders/batchSlices.wgsl";
import { layouts as page } from "../../../shaders/gatherRows.wgsl";
import { layouts as optimizer } from "../../../shaders/optimizer.wgsl";
import { layouts as run } from "../../../shaders/memberRun.wgsl";
import { layouts as score } from "../../../shaders/score.wgsl";
import { layouts as scoring } from "../../../shaders/scoreMembers.wgsl";
import { layouts as step } from "../../../shaders/step.wgsl";

export const { Step, MemberSettings, Layer } = step;
export const { Hyper } = optimizer;
export const { Run } = run;
export const { Slices } = slices;
export const { Page } = page;
export const { Score } = score;
export const { Scoring } = scoring;
