// GPU calls that fail in the ways in which those of browsers and drivers do, by wrapping the prototypes.

const prototypes = () => ({
  onSubmittedWorkDone: GPUQueue.prototype,
  mapAsync: GPUBuffer.prototype,
  popErrorScope: GPUDevice.prototype,
  createComputePipelineAsync: GPUDevice.prototype,
});
type Method = keyof ReturnType<typeof prototypes>;
type Call = (...all: unknown[]) => unknown;

const restores: (() => void)[] = [];

/** Undoes everything of this file. */
export function restoreCalls(): void {
  for (const restore of restores.splice(0).toReversed()) restore();
}

function wrap(method: Method, around: (original: () => unknown, all: readonly unknown[]) => unknown): void {
  const prototype = prototypes()[method] as unknown as Record<string, Call>;
  const original = prototype[method]!;
  prototype[method] = function wrapped(this: unknown, ...all: unknown[]) {
    return around(() => original.apply(this, all), all);
  };
  restores.push(() => (prototype[method] = original));
}

/** The next `times` calls of a method never settle. */
export function neverSettle(method: Method, times = Number.POSITIVE_INFINITY): void {
  let left = times;
  wrap(method, (original) => (left-- > 0 ? new Promise(() => {}) : original()));
}

/** The driver refuses pipelines whose label is like this. */
export function refusePipelines(label: RegExp): void {
  wrap("createComputePipelineAsync", (original, [descriptor]) =>
    label.test((descriptor as GPUComputePipelineDescriptor).label ?? "")
      ? Promise.reject(new Error("the driver does not like it"))
      : original(),
  );
}
