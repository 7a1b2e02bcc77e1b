import { KernelRefused } from "../../errors.ts";
import type { GpuDevice } from "./device.ts";
import { describeError } from "./gpuFaults.ts";
import { Newest } from "./newest.ts";
import { type BindingKind, type KernelSource, sourceOf } from "./shader.ts";

/** A kernel compiled for a device and a choice of constants. */
export interface Kernel {
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export type Constants = Readonly<Record<string, number>>;

/** Invocations per workgroup of every kernel. */
export const groupSize = 64;

function entryOf(kind: BindingKind, binding: number): GPUBindGroupLayoutEntry {
  const types = { dynamic: "uniform", uniform: "uniform", read: "read-only-storage", write: "storage" } as const;
  const buffer: GPUBufferBindingLayout = { type: types[kind], hasDynamicOffset: kind === "dynamic" };
  return { binding, visibility: GPUShaderStage.COMPUTE, buffer };
}

/** Compiler messages as `file:line:column: message`, each with its source line; none where the device does not report them. */
async function messagesOf(device: GpuDevice, module: GPUShaderModule, source: KernelSource): Promise<string> {
  const lines = source.code.split("\n");
  try {
    const { messages } = await device.answered(module.getCompilationInfo());
    const errors = messages.filter(({ type }) => type === "error");
    return errors
      .map((m) => `${sourceOf(source, m.lineNum)}:${m.linePos}: ${m.message} | ${lines[m.lineNum - 1] ?? ""}`)
      .join("\n");
  } catch {
    return "";
  }
}

interface Parts {
  readonly module: GPUShaderModule;
  readonly layout: GPUBindGroupLayout;
  readonly descriptor: GPUComputePipelineDescriptor;
}

function partsOf({ gpu }: GpuDevice, { name, code, bindings, entry }: KernelSource, constants: Constants): Parts {
  const module = gpu.createShaderModule({ label: name, code });
  const layout = gpu.createBindGroupLayout({ label: name, entries: bindings.map(entryOf) });
  const pipelineLayout = gpu.createPipelineLayout({ label: name, bindGroupLayouts: [layout] });
  const compute = { module, constants, ...(entry !== undefined && { entryPoint: entry }) };
  return { module, layout, descriptor: { label: name, layout: pipelineLayout, compute } };
}

async function compile(device: GpuDevice, source: KernelSource, constants: Constants): Promise<Kernel> {
  const { name } = source;
  const place = `kernel ${name}`;
  device.throwFault(place);
  let module: GPUShaderModule | undefined;
  try {
    // The rejection of the pipeline has all errors; nothing should reach the console.
    const { value, errors } = device.scoped(() => {
      const parts = partsOf(device, source, constants);
      ({ module } = parts);
      return { layout: parts.layout, creation: device.gpu.createComputePipelineAsync(parts.descriptor) };
    });
    errors.catch(() => {});
    return { name, pipeline: await device.answered(value.creation), layout: value.layout };
  } catch (cause) {
    if (await device.turnsOutLost()) device.throwFault(place, cause);
    const got = (module && (await messagesOf(device, module, source))) || describeError(cause);
    const fix = "please report this with the output of `thalweg doctor`";
    throw new KernelRefused({ place, expected: "a shader the driver accepts", got, fix, cause });
  }
}

/** Only the constants that the kernel declares: an unknown one would be an error. */
function declared({ code }: KernelSource, constants: Constants): Constants {
  return Object.fromEntries(Object.entries(constants).filter(([key]) => code.includes(`override ${key}:`)));
}

/** Kernels that are kept of each device; what uses one keeps it anyway. */
const mostKept = 512;

/** Compiled kernels of each device, by name and constants. */
const compiled = new WeakMap<GpuDevice, Newest<Promise<Kernel>>>();

const keyOf = ({ name, variant }: KernelSource, constants: Constants): string =>
  `${name} ${variant ?? ""} ${JSON.stringify(constants)}`;

/** Returns the cache of a device. */
function keptOf<Value>(all: WeakMap<GpuDevice, Newest<Value>>, device: GpuDevice): Newest<Value> {
  const kept = all.get(device) ?? new Newest<Value>(mostKept);
  all.set(device, kept);
  return kept;
}

/** Compiles a kernel once per device and choice of constants. */
export function createKernel(device: GpuDevice, source: KernelSource, constants: Constants = {}): Promise<Kernel> {
  const own = declared(source, constants);
  const key = keyOf(source, own);
  const known = keptOf(compiled, device);
  const found = known.get(key);
  if (found) return found;
  const kernel = compile(device, source, own);
  known.set(key, kernel);
  kernel.catch(() => known.delete(key));
  return kernel;
}

/** Kernels that were compiled without waiting. */
const compiledAtOnce = new WeakMap<GpuDevice, Newest<Kernel>>();

/** As `createKernel`, without waiting: driver errors are reported by the device's next `settled` or `throwFault`. */
export function createKernelAtOnce(device: GpuDevice, source: KernelSource, constants: Constants = {}): Kernel {
  const known = keptOf(compiledAtOnce, device);
  const key = keyOf(source, constants);
  const found = known.get(key);
  if (found) return found;
  const kernel = device.guarded(`kernel ${source.name}`, () => {
    const { layout, descriptor } = partsOf(device, source, declared(source, constants));
    return { name: source.name, pipeline: device.gpu.createComputePipeline(descriptor), layout };
  });
  known.set(key, kernel);
  return kernel;
}

/** Compiles what `createKernelAtOnce` is to find ready. @throws ShaderFailed */
export async function prepareKernel(device: GpuDevice, source: KernelSource, constants: Constants): Promise<void> {
  const kernel = await createKernel(device, source, constants);
  keptOf(compiledAtOnce, device).set(keyOf(source, constants), kernel);
}

/** A dispatch that is ready to encode: everything but the step's uniform and the number of rows. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly bindGroup: GPUBindGroup;
  /** Invocations for a chunk of so many rows. */
  readonly invocations: (rows: number) => number;
  readonly members: number;
}

/** A buffer bound from its start, or a window of one: a slot of the step uniforms, the place of a node. */
export type Bound = GPUBuffer | { readonly buffer: GPUBuffer; readonly offset?: number; readonly size?: number };

export interface DispatchOptions {
  /** Appended to the label: the layer. */
  readonly label: string;
  readonly bound: readonly Bound[];
  readonly invocations: (rows: number) => number;
  readonly members: number;
}

/** Binds buffers to a kernel, in the order of its bindings. */
export function bind(
  device: GpuDevice,
  { name, layout }: Kernel,
  label: string,
  bound: readonly Bound[],
): GPUBindGroup {
  const entries = bound.map((resource, binding) => ({
    binding,
    resource: "buffer" in resource ? resource : { buffer: resource },
  }));
  const group = { label: `${name} ${label}`, layout, entries };
  return device.guarded(group.label, () => device.gpu.createBindGroup(group));
}

export function createDispatch(device: GpuDevice, kernel: Kernel, options: DispatchOptions): Dispatch {
  const { label, bound, invocations, members } = options;
  return { kernel, bindGroup: bind(device, kernel, label, bound), invocations, members };
}

/** Submits one pass. */
export function submitPass(device: GpuDevice, label: string, record: (pass: GPUComputePassEncoder) => void): void {
  device.guarded(label, () => {
    const encoder = device.gpu.createCommandEncoder({ label });
    const pass = encoder.beginComputePass({ label });
    record(pass);
    pass.end();
    device.submit(label, encoder);
  });
}

/** Workgroups of a dispatch in one dimension. */
export const maxGroups = 65_535;

/** Workgroups in x and y that cover the invocations; `linearIndex` in grid.wgsl undoes the fold. */
export function gridOf(invocations: number): readonly [number, number] {
  const groups = Math.ceil(invocations / groupSize);
  const y = Math.ceil(groups / maxGroups);
  return [Math.ceil(groups / y), y];
}

/** Encodes one dispatch with the step uniform at `stepOffset` bytes. */
export function encode(pass: GPUComputePassEncoder, dispatch: Dispatch, rows: number, stepOffset: number): void {
  const [x, y] = gridOf(dispatch.invocations(rows));
  pass.setPipeline(dispatch.kernel.pipeline);
  pass.setBindGroup(0, dispatch.bindGroup, [stepOffset]);
  pass.dispatchWorkgroups(x, y, dispatch.members);
}
