// Notes which kernels ran on which shapes, when THALWEG_RUNS names a file (scripts/test.mjs writes it).
// A setup file of both hosts: WebGPU's prototypes are wrapped, what test files ran goes with their results.

import { beforeEach } from "vitest";

type Method = (this: object, ...all: never[]) => unknown;

/** A pipeline in words: kernel, hash of its code, constants. */
const pipelines = new WeakMap<object, string>();
const codes = new WeakMap<object, string>();
/** Bytes of each binding. */
const sizes = new WeakMap<object, string>();
const current = new WeakMap<object, { pipeline: string; group: string }>();

/** Of this worker, which may run several files: each tells what is new since the one before. */
const worker = globalThis as typeof globalThis & { thalwegRuns?: { readonly seen: Set<string>; runs: string[] } };
const isFirst = worker.thalwegRuns === undefined;
const told = (worker.thalwegRuns ??= { seen: new Set(), runs: [] });
told.runs = [];

function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16);
}

function pipelineOf({ label, compute }: GPUComputePipelineDescriptor): string {
  const constants = Object.entries(compute.constants ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${label ?? compute.entryPoint ?? ""} ${codes.get(compute.module)} ${JSON.stringify(Object.fromEntries(constants))}`;
}

function sizeOf({ resource }: GPUBindGroupEntry): number {
  if ("size" in resource && "usage" in resource) return resource.size;
  const { buffer, size, offset = 0 } = resource as GPUBufferBinding;
  return size ?? buffer.size - offset;
}

function wrap(prototype: object, name: string, after: (self: object, given: never[], result: never) => void): void {
  const methods = prototype as Record<string, Method>;
  const original = methods[name]!;
  methods[name] = function recorded(this: object, ...all: never[]) {
    const result = original.apply(this, all);
    after(this, all, result as never);
    return result;
  };
}

function noteDispatch(pass: object, [x, y = 1, z = 1]: number[]): void {
  const { pipeline, group } = current.get(pass)!;
  const run = `${pipeline} [${x},${y},${z}] (${group})`;
  if (!told.seen.has(run)) told.runs.push(run);
  told.seen.add(run);
}

if (isFirst && globalThis.GPUDevice) {
  const device = GPUDevice.prototype;
  const pass = GPUComputePassEncoder.prototype;
  wrap(device, "createShaderModule", (_, [given], module) =>
    codes.set(module, hashOf((given as GPUShaderModuleDescriptor).code)),
  );
  wrap(device, "createBindGroup", (_, [given], group) =>
    sizes.set(group, [...(given as GPUBindGroupDescriptor).entries].map(sizeOf).join(",")),
  );
  wrap(device, "createComputePipeline", (_, [given], pipeline) => pipelines.set(pipeline, pipelineOf(given)));
  wrap(device, "createComputePipelineAsync", (_, [given], creation) => {
    const note = (pipeline: object): unknown => pipelines.set(pipeline, pipelineOf(given));
    void (creation as Promise<object>).then(note, () => {});
  });
  wrap(pass, "setPipeline", (self, [pipeline]) =>
    current.set(self, { group: "", ...current.get(self), pipeline: pipelines.get(pipeline) ?? "?" }),
  );
  wrap(pass, "setBindGroup", (self, [index, group]) => {
    if (index === 0) current.set(self, { pipeline: "?", ...current.get(self), group: sizes.get(group)! });
  });
  wrap(pass, "dispatchWorkgroups", (self, given) => noteDispatch(self, given));
}

beforeEach(({ task }) => {
  Object.assign(task.file.meta, { runs: told.runs });
});
