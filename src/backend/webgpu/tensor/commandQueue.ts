import { BufferOwner, write } from "../bufferOwner.ts";
import { BufferPool, maxFreeBytes } from "./bufferPool.ts";
import type { GpuDevice } from "../device.ts";
import { type Constants, createKernelAtOnce, gridOf, type Kernel, maxGroups } from "../kernel.ts";
import { type Values, writeStruct } from "../layout.ts";
import { kernelLoader } from "./kernelLoader.ts";
import type { KernelSource } from "../shader.ts";
import type { TensorKernel } from "./tensorKernels.ts";

/** Dispatches of a submit at most; each has a slot of uniforms, a multiple of the offset alignment. */
const slots = 128;
export const slotBytes = 256;
const slotWords = slotBytes / 4;
const maxBindGroups = 1024;
/** Bytes of one size that may wait for a submit to be written to again, while others are created. */
const maxHeldUpBytes = 2 ** 20;
/** Dispatches of the longest kind that a submit takes: together they stay well below what systems take for a hang. */
const longDispatches = 8;

/** Dispatches of compiled programs in a submit, about. */
const maxReplayed = 512;

/** One dispatch, recorded and submitted later. */
export interface Command {
  readonly kernel: TensorKernel | KernelSource;
  readonly constants?: Constants;
  /** Storage bindings in the order of the kernel, behind the uniform. */
  readonly bound: readonly GPUBuffer[];
  /** The kernel's uniform, 256 bytes at most. */
  readonly uniform: Values;
  /** Workgroups in x, y, z, each 65,535 at most. */
  readonly groups: readonly [number, number, number];
  /** Floating-point operations of all of it. */
  readonly operations: number;
}

/** A value in a buffer of 4-byte values. */
interface BufferPlace {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** A dispatch for which nothing is left to be made. */
export interface ReadyDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** Of its uniform, in bytes. */
  readonly offset: number;
  readonly groups: readonly [number, number, number];
}

/** A dispatch with one invocation per value; `first` and `end` of its uniform are the values that it computes. */
export interface ValueCommand extends Omit<Command, "groups"> {
  /** Values to compute; `uniform` lacks `first` and `end`. */
  readonly values: number;
  /** Floating-point operations of one value, by which a dispatch that would take too long is cut into several. */
  readonly operations: number;
}

/**
 * Records dispatches of a device into one compute pass and submits them together: when somebody reads, or when they are many or
 * long. A dispatch finds what those before it have written. Its uniforms lie in slots of one buffer, written once a submit. What is
 * recorded before the kernels are loaded waits for them.
 */
export class CommandQueue {
  readonly pool: BufferPool;
  readonly #device: GpuDevice;
  readonly #owner: BufferOwner;
  readonly #words = new Uint32Array(slots * slotWords);
  readonly #view = new DataView(this.#words.buffer);
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  readonly #numbers = new WeakMap<object, number>();
  #count = 0;
  #uniforms: GPUBuffer | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #used = 0;
  /** Dispatches of programs since the last submit. */
  #replayed = 0;
  /** Floating-point operations recorded since the last submit. */
  #operations = 0;
  #submits = 0;
  /** What was recorded before the kernels were loaded. */
  readonly #waiting: (() => void)[] = [];
  #isCatchingUp = false;

  constructor(device: GpuDevice) {
    this.#device = device;
    this.#owner = new BufferOwner(device);
    this.pool = new BufferPool(device);
  }

  /** Submits so far. */
  get submits(): number {
    return this.#submits;
  }

  /** Records one dispatch. */
  dispatch(command: Command): void {
    this.inOrder(() => this.#device.recorded("tensors", () => this.#record(command)));
  }

  /** Does something behind all that was recorded before: at once, or when the kernels are loaded. */
  inOrder(work: () => void): void {
    if (kernelLoader.loaded) {
      this.#catchUp();
      return work();
    }
    this.#waiting.push(work);
    const ignore = (): void => {}; // whoever reads is told
    kernelLoader.load().then(() => this.#catchUp(), ignore);
  }

  /** Records what has waited for the kernels. */
  #catchUp(): void {
    if (this.#waiting.length === 0) return;
    this.#isCatchingUp = true; // what still waits may use buffers that were given back
    try {
      for (const work of this.#waiting.splice(0)) work();
    } finally {
      this.#isCatchingUp = false;
    }
    this.submit();
    this.#freeUnused();
  }

  #record({ kernel: wanted, constants, bound, uniform, groups, operations }: Command): void {
    if (this.#used === slots) this.submit();
    const source = "code" in wanted ? wanted : kernelLoader.loaded!.tensorKernel(wanted);
    const kernel = createKernelAtOnce(this.#device, source, constants);
    const slot = this.#used++;
    writeStruct(this.#view, slot * slotBytes, source.uniform!, uniform);
    const pass = this.#openPass();
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, this.#bind(kernel, bound), [slot * slotBytes]);
    pass.dispatchWorkgroups(...groups);
    this.#operations += operations;
    if (this.#operations > longDispatches * this.#device.dispatchFlops) this.submit();
  }

  #openPass(): GPUComputePassEncoder {
    this.#encoder ??= this.#device.gpu.createCommandEncoder({ label: "tensors" });
    this.#pass ??= this.#encoder.beginComputePass({ label: "tensors" });
    return this.#pass;
  }

  /** Records dispatches that are ready. @param operations of all of them */
  replay(dispatches: readonly ReadyDispatch[], operations: number): void {
    this.inOrder(() =>
      this.#device.recorded("tensors", () => {
        const pass = this.#openPass();
        for (const { pipeline, bindGroup, offset, groups } of dispatches) {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, bindGroup, [offset]);
          pass.dispatchWorkgroups(...groups);
        }
        this.#operations += operations;
        this.#replayed += dispatches.length;
        const isLong = this.#operations > longDispatches * this.#device.dispatchFlops;
        if (isLong || this.#replayed > maxReplayed) this.submit();
      }),
    );
  }

  /** Records a copy of `count` values from one buffer to another. */
  copy(from: BufferPlace, to: BufferPlace, count: number): void {
    if (count === 0) return;
    this.inOrder(() =>
      this.#device.recorded("tensors", () => {
        this.#pass?.end();
        this.#pass = undefined;
        this.#encoder ??= this.#device.gpu.createCommandEncoder({ label: "tensors" });
        this.#encoder.copyBufferToBuffer(from.buffer, 4 * from.offset, to.buffer, 4 * to.offset, 4 * count);
      }),
    );
  }

  /** Records one invocation per value, in several dispatches where one would take too long. */
  dispatchValues({ values, operations, uniform, ...command }: ValueCommand): void {
    const atOnce = Math.max(64, Math.floor(this.#device.dispatchFlops / operations / 64) * 64);
    const most = Math.min(atOnce, maxGroups * maxGroups * 64, 2 ** 31);
    for (let first = 0; first < values; first += most) {
      const end = Math.min(values, first + most);
      const [x, y] = gridOf(end - first);
      const part = { uniform: { first, end, ...uniform }, operations: (end - first) * operations };
      this.dispatch({ ...command, ...part, groups: [x, y, 1] });
    }
  }

  /** Hands everything recorded to the device. */
  submit(): void {
    if (!this.#encoder) return;
    const [encoder, pass, uniforms] = [this.#encoder, this.#pass, this.#uniforms];
    const words = this.#words.subarray(0, this.#used * slotWords);
    this.#encoder = this.#pass = undefined;
    this.#device.guarded("tensors", () => {
      pass?.end();
      if (uniforms && words.length > 0) write(this.#device, uniforms, words);
      this.#device.submit("tensors", encoder);
    });
    this.#used = this.#operations = this.#replayed = 0;
    this.#submits++;
    if (!this.#isCatchingUp) this.pool.noteSubmit();
  }

  /**
   * A buffer of the pool that the queue will write to. Where many wait for commands to be submitted, they are: however much is
   * uploaded in a loop, the pool does not grow with it.
   */
  takeForWrite(label: string, bytes: number): GPUBuffer {
    if (this.pool.heldUpBytes(bytes) >= maxHeldUpBytes) this.submit();
    return this.pool.take(label, bytes, this.#used > 0 || this.#waiting.length > 0);
  }

  /** Gives a buffer of the pool back; with the last one everything is freed. */
  release(buffer: GPUBuffer): void {
    this.pool.giveBack(buffer);
    if (this.#waiting.length === 0) this.#freeUnused();
  }

  #freeUnused(): void {
    if (!this.pool.isInUse) {
      try {
        this.submit();
      } finally {
        this.dispose(); // also where a call throws
      }
    } else if (this.pool.freeBytes > maxFreeBytes) {
      this.submit();
      this.pool.noteSubmit();
    }
  }

  /** Frees every buffer, held or not, and forgets what was not submitted; may be called again. */
  dispose(): void {
    this.#waiting.length = 0;
    this.#encoder = this.#pass = undefined;
    this.#used = this.#operations = this.#replayed = 0;
    this.pool.dispose();
    this.#owner.dispose();
    this.#bindGroups.clear();
    this.#uniforms = undefined;
  }

  #bind(kernel: Kernel, bound: readonly GPUBuffer[]): GPUBindGroup {
    this.#uniforms ??= this.#owner.uniform("tensors", slots * slotBytes);
    const key = [kernel.layout, ...bound].map((each) => this.#numberOf(each)).join(" ");
    const known = this.#bindGroups.get(key);
    if (known) return known;
    if (this.#bindGroups.size >= maxBindGroups) this.#bindGroups.clear();
    const resources = [{ buffer: this.#uniforms, size: slotBytes }, ...bound.map((buffer) => ({ buffer }))];
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    const { gpu } = this.#device;
    const group = this.#device.guarded(kernel.name, () =>
      gpu.createBindGroup({ label: kernel.name, layout: kernel.layout, entries }),
    );
    this.#bindGroups.set(key, group);
    return group;
  }

  #numberOf(object: object): number {
    const number = this.#numbers.get(object) ?? ++this.#count;
    this.#numbers.set(object, number);
    return number;
  }
}

const commands = new WeakMap<GpuDevice, CommandQueue>();

/** The commands of a device: one recorder for all of its tensors. */
export function commandQueueOf(device: GpuDevice): CommandQueue {
  const own = commands.get(device) ?? new CommandQueue(device);
  commands.set(device, own);
  return own;
}
