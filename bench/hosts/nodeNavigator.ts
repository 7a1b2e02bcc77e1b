// Other libraries look for WebGPU in `navigator.gpu`; Node has none, and before Node 21 no `navigator` either.

/**
 * Puts Dawn, on the adapter that thalweg takes in Node, where a browser has `navigator.gpu`. Does nothing where there is one.
 * @throws Error where Node reaches no adapter
 */
export async function provideNavigatorGpu(): Promise<void> {
  // Bundled for browsers the condition is false, and the import of Node's modules goes with it.
  if (!import.meta.env.SSR) return;
  const { navigator } = globalThis as { navigator?: Navigator & { gpu?: GPU } };
  if (navigator?.gpu) return;
  const { openGpu } = await import("../../src/node/openGpu.ts");
  const opened = await openGpu();
  if (!opened.gpu) throw new Error(opened.reason);
  define(navigator ?? (await makeNavigator()), "gpu", opened.gpu);
}

/** The navigator of Node 21 and later, as far as libraries ask for it: they fail where `userAgent` is undefined. */
async function makeNavigator(): Promise<object> {
  const { availableParallelism } = await import("node:os");
  const userAgent = `Node.js/${process.versions.node.split(".")[0]}`;
  const navigator = { userAgent, hardwareConcurrency: availableParallelism() };
  define(globalThis, "navigator", navigator);
  return navigator;
}

const define = (owner: object, name: string, value: unknown): void => {
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
};
