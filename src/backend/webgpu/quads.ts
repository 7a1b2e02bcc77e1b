import quadProbe from "../../../shaders/quadProbe.wgsl";
import { withinScopes } from "./errorScopes.ts";
import { kernelOf } from "./shader.ts";
import { patienceMs, soon } from "../waits.ts";

/** Workgroups of the probe in x and y, of 64 invocations as the kernels have. */
const groups = [2, 2] as const;
const invocations = 64 * groups[0] * groups[1];

/** Whether each invocation has seen its own four neighbours, in order. */
const areNeighbours = (seen: Uint32Array): boolean =>
  seen.every((place, at) => place === 4 * Math.floor(at / 16) + (at % 4));

/** Dispatches the probe. @returns what its invocations have seen */
async function run(gpu: GPUDevice, pipeline: GPUComputePipeline): Promise<Uint32Array> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const create = (usage: number): GPUBuffer => gpu.createBuffer({ label: "quadProbe", size: 16 * invocations, usage });
  const [seen, staging] = quietly(gpu, () => [create(STORAGE | COPY_SRC), create(COPY_DST | MAP_READ)]);
  try {
    quietly(gpu, () => {
      const entries = [{ binding: 0, resource: { buffer: seen } }];
      const encoder = gpu.createCommandEncoder({ label: "quadProbe" });
      const pass = encoder.beginComputePass({ label: "quadProbe" });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(...groups);
      pass.end();
      encoder.copyBufferToBuffer(seen, 0, staging, 0, staging.size);
      gpu.queue.submit([encoder.finish()]);
    });
    await staging.mapAsync(GPUMapMode.READ);
    return new Uint32Array(staging.getMappedRange().slice(0));
  } finally {
    seen.destroy();
    staging.destroy();
  }
}

/** Calls whose errors show in what they lead to: nothing is to reach the console, or whoever else uses the device. */
function quietly<T>(gpu: GPUDevice, calls: () => T): T {
  const { value, errors } = withinScopes(gpu, calls);
  errors.catch(() => {});
  return value;
}

const compile = (gpu: GPUDevice): Promise<GPUComputePipeline> =>
  quietly(gpu, () => {
    const module = gpu.createShaderModule({ label: "quadProbe", code: kernelOf("quadProbe", [quadProbe]).code });
    const compute = { module, entryPoint: "quadProbe" };
    return gpu.createComputePipelineAsync({ label: "quadProbe", layout: "auto", compute });
  });

/**
 * Whether the four neighbours of a dispatch can exchange values as a quad: tried on the device, since WGSL does not say which
 * invocations are one, and kernels would give wrong numbers without a word.
 * @throws Error where it could not be tried
 */
async function tryQuads(gpu: GPUDevice): Promise<boolean> {
  const { subgroupMinSize = 0 }: { readonly subgroupMinSize?: number } = gpu.adapterInfo;
  if (!gpu.features.has("subgroups") || subgroupMinSize < 4) return false;
  const probe = compile(gpu).then((pipeline) => run(gpu, pipeline));
  return areNeighbours(await soon("the probe of quads", probe, patienceMs.opening));
}

/** Whether a device has quads. False where anything goes wrong. */
export const haveQuads = (gpu: GPUDevice): Promise<boolean> => tryQuads(gpu).catch(() => false);

/** Results of the probe by adapter. */
const known = new Map<string, boolean>();

function keyOf({ adapterInfo, features }: GPUDevice): string {
  const parts: unknown[] = [];
  for (const name in adapterInfo) parts.push(name, adapterInfo[name as keyof GPUAdapterInfo]);
  return JSON.stringify([parts, [...features]]);
}

/** As `haveQuads`, tried once on an adapter: a lost device is opened again without it, and no pipeline is compiled each time. */
export async function adapterHasQuads(gpu: GPUDevice): Promise<boolean> {
  const key = keyOf(gpu);
  const found = known.get(key);
  if (found !== undefined) return found;
  try {
    const answer = await tryQuads(gpu);
    known.set(key, answer);
    return answer;
  } catch {
    return false;
  }
}
