// What a training does beside its optimizer, in words.

import { formatCount } from "./format.ts";
import { scheduleLabels } from "./schedules.ts";
import { effective, smoothingOf } from "./setup.ts";
import type { PlaygroundState } from "./state.ts";

/** `cosine over 2,000 steps`, `dropout 0.1`: those that are on. */
export function describeTraining(chosen: PlaygroundState): string[] {
  const state = effective(chosen);
  const { schedule, scheduleSteps, warmUp, weightDecay, l1, dropout, clipNorm, ema, patience, plateau } = state;
  const texts = [
    warmUp > 0 && `warm-up ${formatCount(warmUp)}`,
    schedule !== "constant" && `${scheduleLabels[schedule].toLowerCase()} over ${formatCount(scheduleSteps)} steps`,
    weightDecay > 0 && `decay ${weightDecay}`,
    l1 > 0 && `L1 ${l1}`,
    dropout > 0 && `dropout ${dropout}`,
    smoothingOf(state) > 0 && `label smoothing ${state.labelSmoothing}`,
    clipNorm > 0 && `clip norm ${clipNorm}`,
    ema > 0 && `EMA ${ema}`,
    plateau > 0 && `rate × ${state.plateauFactor} after ${formatCount(plateau)} steps`,
    patience > 0 && `patience ${formatCount(patience)}`,
  ];
  return texts.filter((text) => text !== false);
}
