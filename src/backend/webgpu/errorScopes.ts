/** Kinds of errors that a device reports for a call. */
const filters = ["validation", "out-of-memory", "internal"] as const;

async function popped(gpu: GPUDevice, count: number): Promise<GPUError | null> {
  const pop = async (): Promise<GPUError | null> => gpu.popErrorScope();
  const errors = await Promise.all(Array.from({ length: count }, pop));
  return errors.find((error) => error !== null) ?? null;
}

/**
 * Makes calls within error scopes, which end even if one throws: an open one would hide every later error.
 * @returns with the first error that the device reported
 */
export function withinScopes<T>(gpu: GPUDevice, calls: () => T): { value: T; errors: Promise<GPUError | null> } {
  let opened = 0;
  try {
    for (const filter of filters) {
      gpu.pushErrorScope(filter);
      opened++;
    }
    return { value: calls(), errors: popped(gpu, opened) };
  } catch (error) {
    popped(gpu, opened).catch(() => {}); // what was created is incomplete, and its owner frees it
    throw error;
  }
}
