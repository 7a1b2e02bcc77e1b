import {
  type PlacedArgument,
  type PlacedResult,
  placeOfCaptured,
  type Program,
  resultValues,
  type RunnableProgram,
  type Value,
} from "../../../program.ts";
import type { MatmulOperation, StoredValues } from "../../../tensorBackend.ts";
import { BufferOwner, toFloat32, write } from "../../bufferOwner.ts";
import type { GpuDevice } from "../../device.ts";
import { type CommandQueue, commandQueueOf, type ReadyDispatch } from "../commandQueue.ts";
import { encodeCopy } from "../elementwise.ts";
import { kernelLoader } from "../kernelLoader.ts";
import { encodeMatmul, encodeWithEpilogue, type MatmulRequest, wholeVariant } from "../matmul.ts";
import { encodeReduce } from "../reductions.ts";
import { encodeSoftmax } from "../softmaxRows.ts";
import * as tensorKernels from "../tensorKernels.ts";
import { emitEpilogue, emitSegments, type Memory } from "./emit.ts";
import { type Group, groupsOf, readsOfGroup } from "./groups.ts";
import { type MemoryPlan, planMemory, storedOf } from "./memory.ts";
import { nodesOf, type OtherNode, type ProductNode } from "./nodes.ts";
import { PlanRecorder, readyDispatches } from "./planRecorder.ts";
import { replacements, type Stage, stagesOf } from "./schedule.ts";

/** Floating-point operations that a value of a row costs, about. */
const valueOperations = 32;

const noBuffer = undefined as unknown as GPUBuffer;

const arenaName = (arena: number): string => `arena${arena}`;

/** What is to be dispatched, and where its values lie. */
interface PlacedStages {
  readonly program: Program;
  readonly stages: readonly Stage[];
  readonly plan: MemoryPlan;
  readonly arenas: readonly GPUBuffer[];
}

/** Records the stages of a program. */
class StageEncoder {
  readonly recorder: PlanRecorder;
  readonly #device: GpuDevice;
  readonly #plan: MemoryPlan;
  readonly #arenas: readonly GPUBuffer[];
  readonly #groups: readonly Group[];
  readonly #results: ReadonlySet<Value>;

  constructor(device: GpuDevice, { program, stages, plan, arenas }: PlacedStages) {
    this.recorder = new PlanRecorder(device);
    this.#device = device;
    this.#plan = plan;
    this.#arenas = arenas;
    this.#groups = stages.flat();
    this.#results = new Set(resultValues(program));
    for (const stage of stages) this.#encode(stage);
  }

  #encode(stage: Stage): void {
    const [group] = stage as [Group];
    if (group.kind === "rows") return this.#encodeRows(stage);
    if (group.kind === "product") return this.#encodeProduct(group);
    for (const operation of (group.nodes[0] as OtherNode).operations) this.#encodeOther(operation);
  }

  #at<Stored extends StoredValues<Value>>(stored: Stored): Stored & StoredValues<GPUBuffer> {
    const { arena, offset } = this.#plan.places.get(stored.buffer)!;
    return { ...stored, buffer: this.#arenas[arena]!, offset: offset + stored.offset };
  }

  #stored(groups: readonly Group[]): Value[] {
    return groups.flatMap((group) => storedOf(group, this.#groups, this.#results));
  }

  #arenaOf(value: Value): number {
    return this.#plan.places.get(value)!.arena;
  }

  /** Buffers of a kernel beside its own: those that it writes to, and those that it reads. */
  #bindings(
    first: number,
    written: ReadonlySet<number>,
    read: ReadonlySet<number>,
  ): tensorKernels.MoreBindings & { bound: GPUBuffer[] } {
    const arenas = [...new Set([...written, ...read])];
    const lines = arenas.map((arena, at) => {
      const access = written.has(arena) ? "read_write" : "read";
      return `@group(0) @binding(${first + at}) var<storage, ${access}> ${arenaName(arena)}: array<f32>;`;
    });
    return {
      code: lines.join("\n"),
      kinds: arenas.map((arena) => (written.has(arena) ? "write" : "read")),
      bound: arenas.map((arena) => this.#arenas[arena]!),
    };
  }

  #encodeRows(groups: Stage): void {
    const stored = this.#stored(groups);
    const read = groups.flatMap((group) => [...readsOfGroup(group)]);
    const more = this.#bindings(
      1,
      new Set(stored.map((value) => this.#arenaOf(value))),
      new Set(read.map((value) => this.#arenaOf(value))),
    );
    const memory: Memory = { places: this.#plan.places, nameOf: arenaName, stored: new Set(stored) };
    const { code, invocations } = emitSegments(groups, memory);
    const longest = Math.max(...groups.map(({ domain, nodes }) => domain.width * nodes.length));
    this.recorder.dispatchValues({
      kernel: tensorKernels.rowsKernelWith(code, more),
      bound: more.bound,
      values: invocations,
      operations: valueOperations * longest,
      uniform: {},
    });
  }

  #encodeProduct(group: Group): void {
    const [{ of }] = group.nodes as [ProductNode];
    const stored = this.#stored([group]);
    const request = this.#request(of);
    if (group.nodes.length === 1) return encodeMatmul({ ...request, out: this.#at(of.out) });
    const written = new Set(stored.map((value) => this.#arenaOf(value)));
    const out = [...written][0]!;
    written.delete(out); // it is bound as out
    const read = [...readsOfGroup({ ...group, nodes: group.nodes.slice(1) })].filter(
      (value) => value !== of.out.buffer,
    );
    const others = new Set(read.map((value) => this.#arenaOf(value)));
    others.delete(out);
    const more = this.#bindings(5, written, others);
    const nameOf = (arena: number): string => (arena === out ? "out" : arenaName(arena));
    const code = emitEpilogue(group, { places: this.#plan.places, nameOf, stored: new Set(stored) });
    const whole = { ...request, out: { buffer: this.#arenas[out]!, dtype: "f32", offset: 0 } } as const;
    encodeWithEpilogue(whole, wholeVariant(whole)!, {
      kernel: (kernel) => tensorKernels.matmulKernelWith(kernel, code, more),
      bound: more.bound,
    });
  }

  #request(of: MatmulOperation<Value>): MatmulRequest {
    const out = { ...of.out, buffer: noBuffer };
    return { ...of, device: this.#device, commands: this.recorder, a: this.#at(of.a), b: this.#at(of.b), out };
  }

  #encodeOther({ kind, of }: OtherNode["operations"][number]): void {
    const out = this.#at(of.out);
    const [device, recorder] = [this.#device, this.recorder];
    if (kind === "copy")
      encodeCopy(device, { ...of, a: this.#at(of.a), out: { ...out, strides: of.out.strides } }, recorder);
    else if (kind === "reduce") encodeReduce(device, { ...of, a: this.#at(of.a), out }, recorder);
    else encodeSoftmax(device, { ...of, a: this.#at(of.a), b: this.#at(of.b), out }, recorder);
  }
}

/** Whether a product has one kernel that can do more with its values. */
const fusesProductOn =
  (device: GpuDevice) =>
  ({ of }: ProductNode): boolean => {
    const [a, b] = [of.a, of.b].map((operand) => ({ ...operand, buffer: noBuffer, offset: operand.offset % 4 })) as [
      MatmulRequest["a"],
      MatmulRequest["b"],
    ];
    return wholeVariant({ ...of, device, a, b, out: { ...of.out, buffer: noBuffer } }) !== undefined;
  };

/**
 * A program on a WebGPU device. Fused kernels, bind groups, uniforms and memory are made once; a run copies those arguments that are not in
 * place, and records dispatches.
 */
export class FusedProgram implements RunnableProgram {
  readonly #device: GpuDevice;
  readonly #owner: BufferOwner;
  readonly #program: Program;
  readonly #plan: MemoryPlan;
  readonly #arenas: readonly GPUBuffer[];
  readonly #recorder: PlanRecorder;
  readonly #dispatches: readonly ReadyDispatch[];
  readonly #operations: number;
  readonly #results: readonly PlacedResult[];
  /** What was copied into the place of each argument last. */
  readonly #identities: (object | undefined)[];

  constructor(device: GpuDevice, program: Program) {
    kernelLoader.loaded ??= tensorKernels;
    this.#device = device;
    this.#program = program;
    this.#owner = new BufferOwner(device);
    const groups = groupsOf(nodesOf(program), fusesProductOn(device));
    const replaced = replacements(program, groups);
    const stages = stagesOf(groups);
    this.#plan = planMemory(program, stages, replaced);
    this.#identities = program.arguments.map(() => undefined);
    try {
      this.#arenas = this.#plan.sizes.map((size, at) => this.#owner.storage(`compiled ${at}`, size));
      const encoder = new StageEncoder(device, { program, stages, plan: this.#plan, arenas: this.#arenas });
      this.#recorder = encoder.recorder;
      this.#dispatches = readyDispatches(device, this.#recorder.commands, this.#owner);
      this.#operations = this.#recorder.commands.reduce((sum, { operations }) => sum + operations, 0);
      this.#writeConstants();
    } catch (error) {
      this.#owner.dispose();
      throw error;
    }
    this.#results = resultValues(program).map((value) => ({ ...this.#placed(value), isHome: true }));
  }

  #placed(value: Value): { buffer: GPUBuffer; offset: number } {
    const place = this.#plan.places.get(value);
    if (!place) return { buffer: this.#arenas[0]!, offset: 0 }; // of no values
    return { buffer: this.#arenas[place.arena]!, offset: place.offset };
  }

  get #queue(): CommandQueue {
    return commandQueueOf(this.#device);
  }

  #writeConstants(): void {
    for (const value of this.#plan.places.keys()) {
      const { source, size } = value;
      const { buffer, offset } = this.#placed(value);
      if (source?.kind === "fill") write(this.#device, buffer, new Float32Array(size).fill(source.value), 4 * offset);
      if (source?.kind === "data") write(this.#device, buffer, toFloat32(source.values), 4 * offset);
      if (source?.kind !== "captured") continue;
      const from = placeOfCaptured(source);
      this.#queue.copy({ buffer: from.buffer as GPUBuffer, offset: from.offset }, { buffer, offset }, size);
    }
  }

  /** Whether it is a donated argument in place. */
  isHome(index: number, { buffer, offset }: Omit<PlacedArgument, "identity">): boolean {
    const value = this.#program.arguments[index]!;
    if (!this.#program.donated[index] || !this.#plan.places.has(value)) return false;
    const home = this.#placed(value);
    return home.buffer === buffer && home.offset === offset;
  }

  run(args: readonly PlacedArgument[]): readonly PlacedResult[] {
    const { arguments: values, donated } = this.#program;
    for (const [index, argument] of args.entries()) {
      const value = values[index]!;
      const isThere = argument.identity === this.#identities[index] || this.isHome(index, argument);
      this.#identities[index] = donated[index] ? undefined : argument.identity;
      if (isThere || !this.#plan.places.has(value)) continue;
      this.#copyIn(argument, this.#placed(value), value.size);
    }
    this.#queue.replay(this.#dispatches, this.#operations);
    return this.#results;
  }

  /** Copies an argument to its place, by way of another buffer where it lies in the same one. */
  #copyIn(from: PlacedArgument, to: { buffer: GPUBuffer; offset: number }, count: number): void {
    if (from.buffer !== to.buffer) {
      this.#queue.copy({ buffer: from.buffer as GPUBuffer, offset: from.offset }, to, count);
      return;
    }
    const { buffer } = this.moved({ ...from, isHome: true }, count);
    this.#queue.copy({ buffer, offset: 0 }, to, count);
    this.#queue.pool.giveBack(buffer);
  }

  moved({ buffer, offset }: PlacedResult, size: number): { readonly buffer: GPUBuffer } {
    const queue = this.#queue;
    const own = queue.pool.take("compiled", 4 * size);
    queue.copy({ buffer: buffer as GPUBuffer, offset }, { buffer: own, offset: 0 }, size);
    return { buffer: own };
  }

  dispose(): void {
    this.#queue.submit();
    this.#recorder.dispose();
    this.#owner.dispose();
  }
}
