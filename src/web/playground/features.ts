// What the network sees of a point.

/** `code` is the same in TypeScript, for "copy as TypeScript". */
interface Feature {
  readonly label: string;
  readonly code: string;
  readonly of: (x1: number, x2: number) => number;
}

const features = {
  x1: { label: "x₁", code: "x1", of: (x1) => x1 },
  x2: { label: "x₂", code: "x2", of: (_, x2) => x2 },
  sq1: { label: "x₁²", code: "x1 ** 2", of: (x1) => x1 ** 2 },
  sq2: { label: "x₂²", code: "x2 ** 2", of: (_, x2) => x2 ** 2 },
  prod: { label: "x₁x₂", code: "x1 * x2", of: (x1, x2) => x1 * x2 },
  sin1: { label: "sin x₁", code: "Math.sin(x1)", of: (x1) => Math.sin(x1) },
  sin2: { label: "sin x₂", code: "Math.sin(x2)", of: (_, x2) => Math.sin(x2) },
} as const satisfies Record<string, Feature>;

export type FeatureName = keyof typeof features;
export const featureNames = Object.keys(features) as readonly FeatureName[];

export const featureLabel = (name: FeatureName): string => features[name].label;
export const featureCode = (name: FeatureName): string => features[name].code;

/** Rows of features [points, names]. */
export function featuresOf(
  names: readonly FeatureName[],
  points: readonly { readonly x1: number; readonly x2: number }[],
): Float32Array {
  const rows = new Float32Array(points.length * names.length);
  for (const [row, { x1, x2 }] of points.entries()) {
    for (const [column, name] of names.entries()) rows[row * names.length + column] = features[name].of(x1, x2);
  }
  return rows;
}
