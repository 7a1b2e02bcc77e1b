import { getThreadsCount, setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import threadedSimd from "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.wasm?url";
import simd from "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm?url";
import plain from "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.wasm?url";
import * as tf from "@tensorflow/tfjs-core";

const threadsFlag = "WASM_HAS_MULTITHREAD_SUPPORT";

/** Binaries from where this module came from, and as many threads as there are cores. */
function configure(): void {
  setWasmPaths({
    "tfjs-backend-wasm.wasm": plain,
    "tfjs-backend-wasm-simd.wasm": simd,
    "tfjs-backend-wasm-threaded-simd.wasm": threadedSimd,
  });
  const { hardwareConcurrency } = navigator;
  setThreadsCount(hardwareConcurrency);
  // It takes half as many at most. Where that is one, its build for threads has nothing to give, and starts 8 workers.
  if (hardwareConcurrency < 4) tf.env().set(threadsFlag, false);
}

/** Where a part of a Blob is the text of the threads' function: declares the variable beside it that the text names. */
function declareScriptDir(part: BlobPart): BlobPart {
  const [, name] = (typeof part === "string" && /mainScriptUrlOrBlob\W{0,2}\|\|([\w$]+)/.exec(part)) || [];
  return name === undefined ? part : `var ${name};${part as string}`;
}

/**
 * Threads are started from the text of a function, which asks for `typeof _scriptDir`, a variable beside it. A minifier
 * renames that, and the threads end with a ReferenceError; the package's README asks to turn the minifier off.
 */
async function withThreadScripts(open: () => Promise<void>): Promise<void> {
  const { Blob } = globalThis;
  globalThis.Blob = class extends Blob {
    constructor(parts: BlobPart[] = [], options?: BlobPropertyBag) {
      super(parts.map(declareScriptDir), options);
    }
  };
  try {
    await open();
  } finally {
    globalThis.Blob = Blob;
  }
}

/** Opens the backend. @returns what it came up with */
export async function openConfigured(open: () => Promise<void>): Promise<Record<string, number | boolean>> {
  configure();
  await withThreadScripts(open);
  const hasSimd = Boolean(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"));
  const hasThreads = hasSimd && Boolean(await tf.env().getAsync(threadsFlag));
  return { simd: hasSimd, threads: hasThreads ? getThreadsCount() : 1 };
}
