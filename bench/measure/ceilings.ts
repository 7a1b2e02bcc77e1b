import { BufferOwner } from "../../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { createKernel } from "../../src/backend/webgpu/kernel.ts";
import type { EncodePass } from "../../src/backend/webgpu/profile.ts";
import type { BindingKind } from "../../src/backend/webgpu/shader.ts";
import code from "./ceilings.wgsl?raw";
import type { DispatchTimer } from "./dispatchTimer.ts";

/** The best that was seen of an adapter, in this run. */
export interface Ceilings {
  readonly flopsPerSecond: number;
  /** Over all sizes: small ones may live in caches. */
  readonly bytesPerSecond: number;
  readonly emptyNs: number;
  readonly dependentNs: number;
}

/** A dispatch whose work is known. */
interface Probe {
  readonly name: string;
  readonly encode: EncodePass;
  /** Operations or bytes of one dispatch; 0 where the time itself is the result. */
  readonly amount: number;
  /** Nanoseconds per dispatch, all samples of the run. */
  readonly samples: number[];
}

interface ProbeOptions {
  readonly name: string;
  readonly kernel: string;
  readonly bindings: readonly BindingKind[];
  readonly buffers: readonly GPUBuffer[];
  readonly groups: number;
  readonly amount: number;
  readonly constants?: Readonly<Record<string, number>>;
}

/** Workgroups in x and y. */
function gridOf(groups: number): readonly [number, number] {
  const y = Math.ceil(groups / 32_768);
  return [Math.ceil(groups / y), y];
}

async function createProbe(device: GpuDevice, options: ProbeOptions): Promise<Probe> {
  const { name, kernel, bindings, buffers, groups, amount, constants = {} } = options;
  const { pipeline, layout } = await createKernel(device, { name: kernel, entry: kernel, code, bindings }, constants);
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const bindGroup = device.gpu.createBindGroup({ label: name, layout, entries });
  const [x, y] = gridOf(groups);
  const encode: EncodePass = (pass) => {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, y);
  };
  return { name, encode, amount, samples: [] };
}

/** Sizes of one of the three arrays of the triad: from caches to memory. */
const triadBytes = { software: [2 ** 16, 2 ** 20, 2 ** 24], gpu: [2 ** 16, 2 ** 20, 2 ** 24, 2 ** 27] } as const;
const chains = { software: { groups: 256, rounds: 16 }, gpu: { groups: 8192, rounds: 128 } } as const;

/** Measures ceilings again and again through a run, and keeps the best: noise can only lower them. */
export class CeilingProbes {
  readonly #owner: BufferOwner;
  readonly #probes: readonly Probe[];

  private constructor(owner: BufferOwner, probes: readonly Probe[]) {
    this.#owner = owner;
    this.#probes = probes;
  }

  static async create(device: GpuDevice): Promise<CeilingProbes> {
    const owner = new BufferOwner(device);
    const sizes = triadBytes[device.kind].filter((bytes) => bytes <= device.maxBufferBytes);
    const { groups, rounds } = chains[device.kind];
    const largest = Math.max(groups * 1024, ...sizes) / 4;
    const [sums, left, right] = ["sums", "left", "right"].map((label) => owner.storage(label, largest)) as [
      GPUBuffer,
      GPUBuffer,
      GPUBuffer,
    ];
    device.gpu.queue.writeBuffer(right, 0, Float32Array.of(0.5, 0.25, 0.125, 1));
    const buffers = [sums, left, right];
    const bindings = ["write", "read", "read"] as const;
    const single = { bindings, buffers, groups: 1, amount: 0 };
    const flops = groups * 64 * rounds * 32 * 4 * 2;
    const requests: ProbeOptions[] = [
      { ...single, name: "fma", kernel: "fmaChains", groups, amount: flops, constants: { ROUNDS: rounds } },
      ...sizes.map((bytes) => {
        return { ...single, name: `triad ${bytes}`, kernel: "triad", groups: bytes / 1024, amount: 3 * bytes };
      }),
      { ...single, name: "empty", kernel: "emptyDispatch", bindings: [], buffers: [] },
      { ...single, name: "dependent", kernel: "dependentDispatch" },
    ];
    return new CeilingProbes(owner, await Promise.all(requests.map((each) => createProbe(device, each))));
  }

  async measure(timer: DispatchTimer): Promise<void> {
    const encoders = this.#probes.map(({ encode }) => encode);
    const samples = await timer.sample(encoders, 3);
    for (const [index, { samples: kept }] of this.#probes.entries()) kept.push(...samples[index]!);
  }

  /** The best so far. */
  get best(): Ceilings {
    const named = (start: string): Probe[] => this.#probes.filter(({ name }) => name.startsWith(start));
    const rate = ({ amount, samples }: Probe): number => (1e9 * amount) / Math.min(...samples);
    return {
      flopsPerSecond: Math.max(...named("fma").map(rate)),
      bytesPerSecond: Math.max(...named("triad").map(rate)),
      emptyNs: Math.min(...named("empty")[0]!.samples),
      dependentNs: Math.min(...named("dependent")[0]!.samples),
    };
  }

  /** Every sample, nanoseconds per dispatch. */
  get samples(): { readonly name: string; readonly amount: number; readonly ns: readonly number[] }[] {
    return this.#probes.map(({ name, amount, samples }) => ({ name, amount, ns: samples }));
  }

  dispose(): void {
    this.#owner.dispose();
  }
}
