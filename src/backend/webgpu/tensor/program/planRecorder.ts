import { type BufferOwner, write } from "../../bufferOwner.ts";
import type { GpuDevice } from "../../device.ts";
import { createKernelAtOnce } from "../../kernel.ts";
import { writeStruct } from "../../layout.ts";
import { type Command, CommandQueue, type ReadyDispatch, slotBytes } from "../commandQueue.ts";
import { tensorKernel } from "../tensorKernels.ts";

/** Takes the dispatches of a program once; its pool has what they need beside the program's memory. */
export class PlanRecorder extends CommandQueue {
  readonly commands: Command[] = [];

  override dispatch(command: Command): void {
    this.commands.push(command);
  }

  /** Gives a buffer back for later commands; all of them stay until the recorder is disposed of. */
  override release(buffer: GPUBuffer): void {
    this.pool.giveBack(buffer);
  }
}

/** Makes commands ready: their pipelines, bind groups and uniforms, which lie in one buffer of the owner. */
export function readyDispatches(device: GpuDevice, commands: readonly Command[], owner: BufferOwner): ReadyDispatch[] {
  const uniforms = owner.uniform("compiled", Math.max(1, commands.length) * slotBytes);
  const words = new ArrayBuffer(uniforms.size);
  const view = new DataView(words);
  const dispatches = commands.map(({ kernel: wanted, constants, bound, uniform, groups }, slot): ReadyDispatch => {
    const source = "code" in wanted ? wanted : tensorKernel(wanted);
    const { pipeline, layout, name } = createKernelAtOnce(device, source, constants);
    writeStruct(view, slot * slotBytes, source.uniform!, uniform);
    const resources = [{ buffer: uniforms, size: slotBytes }, ...bound.map((buffer) => ({ buffer }))];
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    const bindGroup = device.guarded(name, () => device.gpu.createBindGroup({ label: name, layout, entries }));
    return { pipeline, bindGroup, offset: slot * slotBytes, groups };
  });
  write(device, uniforms, words);
  return dispatches;
}
