// GPU calls that fail in the ways in which those of browsers and drivers do, by wrapping the prototypes.

const prototypes = () => ({
  requestAdapter: Object.getPrototypeOf(navigator.gpu) as GPU,
  requestDevice: GPUAdapter.prototype,
  pushErrorScope: GPUDevice.prototype,
  popErrorScope: GPUDevice.prototype,
  createBuffer: GPUDevice.prototype,
  createBindGroup: GPUDevice.prototype,
  createBindGroupLayout: GPUDevice.prototype,
  createPipelineLayout: GPUDevice.prototype,
  createShaderModule: GPUDevice.prototype,
  createComputePipeline: GPUDevice.prototype,
  createComputePipelineAsync: GPUDevice.prototype,
  createCommandEncoder: GPUDevice.prototype,
  beginComputePass: GPUCommandEncoder.prototype,
  copyBufferToBuffer: GPUCommandEncoder.prototype,
  finish: GPUCommandEncoder.prototype,
  setPipeline: GPUComputePassEncoder.prototype,
  setBindGroup: GPUComputePassEncoder.prototype,
  dispatchWorkgroups: GPUComputePassEncoder.prototype,
  end: GPUComputePassEncoder.prototype,
  submit: GPUQueue.prototype,
  writeBuffer: GPUQueue.prototype,
  onSubmittedWorkDone: GPUQueue.prototype,
  mapAsync: GPUBuffer.prototype,
  getMappedRange: GPUBuffer.prototype,
});
type Method = keyof ReturnType<typeof prototypes>;
type Call = (...all: unknown[]) => unknown;

const restores: (() => void)[] = [];

/** Undoes everything of this file. */
export function restoreCalls(): void {
  for (const restore of restores.splice(0).toReversed()) restore();
}

type Around = (original: () => unknown, all: readonly unknown[], self: unknown) => unknown;

function wrap(method: Method, around: Around): void {
  const prototype = prototypes()[method] as unknown as Record<string, Call>;
  const original = prototype[method]!;
  prototype[method] = function wrapped(this: unknown, ...all: unknown[]) {
    return around(() => original.apply(this, all), all, this);
  };
  restores.push(() => (prototype[method] = original));
}

/** Looks at the arguments of calls before they are made. */
export function watchCalls(looks: Partial<Record<Method, (all: readonly unknown[]) => void>>): void {
  for (const [method, look] of Object.entries(looks))
    wrap(method as Method, (original, all) => {
      look(all);
      return original();
    });
}

const nanKernel = `
  @group(0) @binding(0) var<storage, read> places: array<u32>;
  @group(0) @binding(1) var<storage, read_write> values: array<u32>;
  @compute @workgroup_size(1) fn plant(@builtin(workgroup_id) id: vec3u) { values[places[id.x]] = 0x7fc00000u; }`;

interface Planting {
  /** Of the bind group, and the binding that its kernel writes. */
  readonly label: RegExp;
  readonly binding: number;
  /** Values from the start of the binding. */
  readonly at: readonly number[];
  /** How many dispatches with this label come before. */
  readonly time: number;
}

/** Writes NaN into what a dispatch has just written. @returns how often it was done */
export function plantAfter(gpu: GPUDevice, { label, binding, at, time }: Planting): () => number {
  const compute = { module: gpu.createShaderModule({ code: nanKernel }), entryPoint: "plant" };
  const pipeline = gpu.createComputePipeline({ layout: "auto", compute });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const places = gpu.createBuffer({ size: 4 * at.length, usage });
  gpu.queue.writeBuffer(places, 0, Uint32Array.from(at));
  const plants = new WeakMap<GPUBindGroup, GPUBindGroup>();
  const bound = new WeakMap<object, GPUBindGroup>();
  let [seen, planted] = [0, 0];
  wrap("createBindGroup", (original, [descriptor]) => {
    const group = original() as GPUBindGroup;
    const { label: own, entries } = descriptor as GPUBindGroupDescriptor;
    if (!label.test(own ?? "")) return group;
    const { resource } = [...entries].find((entry) => entry.binding === binding)!;
    const into = { binding: 1, resource };
    const from = { binding: 0, resource: { buffer: places } };
    plants.set(group, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [from, into] }));
    return group;
  });
  wrap("setBindGroup", (original, [, group], pass) => {
    bound.set(pass as object, group as GPUBindGroup);
    return original();
  });
  wrap("dispatchWorkgroups", (original, _, self) => {
    const result = original();
    const plant = plants.get(bound.get(self as object)!);
    if (!plant || seen++ !== time) return result;
    planted++;
    const pass = self as GPUComputePassEncoder;
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, plant);
    pass.dispatchWorkgroups(at.length);
    return result;
  });
  restores.push(() => places.destroy());
  return () => planted;
}

const never = (): Promise<never> => new Promise(() => {});

/** The next `times` calls of a method never settle. */
export function neverSettle(method: Method, times = Number.POSITIVE_INFINITY): void {
  let left = times;
  wrap(method, (original) => (left-- > 0 ? never() : original()));
}

/** The driver refuses pipelines whose label is like this. */
export function refusePipelines(label: RegExp): void {
  wrap("createComputePipelineAsync", (original, [descriptor]) =>
    label.test((descriptor as GPUComputePipelineDescriptor).label ?? "")
      ? Promise.reject(new Error("the driver does not like it"))
      : original(),
  );
}

/** How a call fails, and which calls can fail so. */
export const faultKinds = [
  "throw",
  "validation",
  "outOfMemory",
  "internal",
  "lost",
  "adapterNull",
  "mapAbort",
  "pipelineReject",
  "scopeReject",
  "neverSettles",
] as const;
export type FaultKind = (typeof faultKinds)[number];

const promising: readonly Method[] = [
  "requestAdapter",
  "requestDevice",
  "popErrorScope",
  "createComputePipelineAsync",
  "onSubmittedWorkDone",
  "mapAsync",
];
/** Calls that a device tells errors of, in the scope that is open. */
const told: readonly Method[] = [
  "createBuffer",
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createShaderModule",
  "createComputePipeline",
  "finish",
  "submit",
  "writeBuffer",
];
const all = (): readonly Method[] => Object.keys(prototypes()) as Method[];
/** Functions that return promises do not throw. */
const throwing = (): readonly Method[] => all().filter((method) => !promising.includes(method));

const methodsOf: Readonly<Record<FaultKind, () => readonly Method[]>> = {
  throw: throwing,
  validation: () => told,
  outOfMemory: () => ["createBuffer", "writeBuffer", "submit", "createShaderModule"],
  internal: () => told,
  lost: all,
  adapterNull: () => ["requestAdapter"],
  mapAbort: () => ["mapAsync"],
  pipelineReject: () => ["createComputePipelineAsync"],
  scopeReject: () => ["popErrorScope"],
  neverSettles: () => promising,
};

/** Error scopes of each device that are open, and the first error in each: those that are told but not real. */
interface Scope {
  readonly filter: GPUErrorFilter;
  error: GPUError | undefined;
}
const scopes = new WeakMap<GPUDevice, Scope[]>();
const scopesOf = (device: GPUDevice): Scope[] => {
  const open = scopes.get(device) ?? [];
  scopes.set(device, open);
  return open;
};

const filters = { validation: "validation", outOfMemory: "out-of-memory", internal: "internal" } as const;
const errorOf = (kind: keyof typeof filters): GPUError => {
  const message = `injected: ${kind}`;
  if (kind === "validation") return new GPUValidationError(message);
  return kind === "internal" ? new GPUInternalError(message) : new GPUOutOfMemoryError(message);
};

/** The device that an object of it belongs to, as far as it was seen to come from there. */
const devices = new WeakMap<object, GPUDevice>();
const deviceOf = (self: unknown): GPUDevice | undefined =>
  self instanceof GPUDevice ? self : devices.get(self as object);

/** Tells an error in the innermost scope for its kind; without one it is nobody's: a device of ours has no listener. */
function tell(device: GPUDevice, kind: keyof typeof filters): void {
  const scope = scopesOf(device).findLast(({ filter }) => filter === filters[kind]);
  if (scope) scope.error ??= errorOf(kind);
  else unscoped++;
}
let unscoped = 0;

export interface Injection {
  readonly kind: FaultKind;
  /** Which call fails, of those that can fail so; 0: none, they are counted. */
  readonly nth: number;
  /** From then on all fail. */
  readonly isForEver: boolean;
}

/** What came of an injection. */
export interface Injected {
  /** Calls so far that could have failed so. */
  calls: number;
  /** Methods that did. */
  readonly failed: string[];
  /** Errors that were told while no scope was open: nobody could know of them. */
  unscoped: () => number;
}

const rejection = (name: string, text: string): Promise<never> =>
  Promise.reject(new DOMException(`injected: ${text}`, name));

/** What a failing call does instead. */
function fail(kind: FaultKind, original: () => unknown, self: unknown, method: Method): unknown {
  const device = deviceOf(self);
  switch (kind) {
    case "throw":
      throw new TypeError(`injected: ${method} throws`);
    case "lost":
      device?.destroy();
      return original();
    case "adapterNull":
      return Promise.resolve(null);
    case "mapAbort":
      return rejection("AbortError", "the mapping was aborted");
    case "pipelineReject":
      return rejection("OperationError", "the driver refuses");
    case "scopeReject":
      void (original() as Promise<unknown>).catch(() => {});
      scopesOf(self as GPUDevice).pop();
      return rejection("OperationError", "instance dropped");
    case "neverSettles":
      void (original() as Promise<unknown>).catch(() => {});
      if (method === "popErrorScope") scopesOf(self as GPUDevice).pop();
      return never();
    default: {
      if (device) tell(device, kind);
      // What is refused has no effect: commands and values are dropped, objects that are returned anyway are of no use.
      return method === "submit" || method === "writeBuffer" ? undefined : original();
    }
  }
}

/** Lets calls fail until `restoreCalls`. A refused object is a good one: only what the device tells is looked at. */
export function inject({ kind, nth, isForEver }: Injection): Injected {
  const before = unscoped;
  const injected: Injected = { calls: 0, failed: [], unscoped: () => unscoped - before };
  const failing = methodsOf[kind]();
  for (const method of all()) {
    wrap(method, (original, call, self) => {
      const isHit =
        failing.includes(method) && (++injected.calls === nth || (isForEver && nth > 0 && injected.calls > nth));
      if (isHit) injected.failed.push(method);
      const result = isHit ? fail(kind, original, self, method) : original();
      if (isHit && method === "popErrorScope") return result;
      return followed(method, result, call, self);
    });
  }
  return injected;
}

/** Keeps account of scopes, and of which device an object is. */
function followed(method: Method, result: unknown, [first]: readonly unknown[], self: unknown): unknown {
  const device = deviceOf(self);
  if (method === "requestDevice" && result instanceof Promise) {
    return result.then((opened: GPUDevice) => {
      devices.set(opened.queue, opened);
      return opened;
    });
  }
  if (method === "pushErrorScope")
    scopesOf(self as GPUDevice).push({ filter: first as GPUErrorFilter, error: undefined });
  if (method === "popErrorScope") {
    const { error } = scopesOf(self as GPUDevice).pop() ?? {};
    return (result as Promise<GPUError | null>).then((own) => own ?? error ?? null);
  }
  if (device && typeof result === "object" && result !== null && !(result instanceof Promise))
    devices.set(result, device);
  return result;
}
