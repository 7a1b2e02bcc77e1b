// Rows of logits and targets on which a cross entropy may lose its digits: one class leads by margins of 0 to 100.

import { createUniform } from "./random.ts";

export interface LogitRow {
  readonly logits: Float32Array;
  readonly targets: Float32Array;
}

/** The last ones lie where e^−margin is no normal number any more. */
export const margins = [0, 1e-3, 0.3, 1, 3, 8, 15, 16.6, 17.5, 25, 40, 60, 79, 81, 86.9, 87.1, 100] as const;

/** Targets of a row, by the class that leads and another one; soft ones among them, and some that do not add up to 1. */
const targetKinds: readonly ((classes: number, leads: number, other: number) => number[])[] = [
  (classes, leads) => Array.from({ length: classes }, (_, at) => (at === leads ? 1 : 0)),
  (classes, _, other) => Array.from({ length: classes }, (__, at) => (at === other ? 1 : 0)),
  (classes, leads) => Array.from({ length: classes }, (_, at) => (at === leads ? 1 - 1e-4 : 1e-4 / (classes - 1))),
  (classes, leads, other) => Array.from({ length: classes }, (_, at) => (at === leads ? 0.7 : at === other ? 0.3 : 0)),
  (classes, leads) => Array.from({ length: classes }, (_, at) => (at === leads ? 2 : at % 3 === 0 ? 0.25 : 0)),
  (classes) => Array.from({ length: classes }, () => 0),
];

/** A row for every margin and kind of targets. Logits of the others lie up to 1 below the margin. */
export function marginRows(classes: number): LogitRow[] {
  const uniform = createUniform(classes);
  return margins.flatMap((margin, index) =>
    targetKinds.map((targetsOf) => {
      const leads = (7 * index + 2) % classes;
      const other = (leads + 1) % classes;
      const offset = [0, 4, -9][index % 3]!;
      const logits = Float32Array.from({ length: classes }, (_, at) =>
        at === leads ? offset : offset - margin - (at === other ? 0 : uniform()),
      );
      return { logits, targets: Float32Array.from(targetsOf(classes, leads, other)) };
    }),
  );
}

/** The same rows with every class masked that has no target and does not lead, but one: its logit is −∞. */
export const maskedRows = (classes: number): LogitRow[] =>
  marginRows(classes).map(({ logits, targets }) => {
    const largest = Math.max(...logits);
    const masked = logits.map((logit, at) =>
      targets[at] === 0 && logit < largest && at % 3 !== 1 ? Number.NEGATIVE_INFINITY : logit,
    );
    return { logits: masked, targets };
  });
