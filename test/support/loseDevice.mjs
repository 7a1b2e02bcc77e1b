// Loaded before the command line (`node --import`): destroys the GPU device behind a submit, as a driver's reset would end it.

import { globals } from "webgpu";

const { GPUAdapter, GPUQueue } = /** @type {typeof globalThis} */ (globals);
const at = Number(process.env.LOSE_AT);
/** @type {GPUDevice | undefined} */
let device;
let submits = 0;

const { requestDevice } = GPUAdapter.prototype;
/** @param {GPUDeviceDescriptor} [descriptor] */
GPUAdapter.prototype.requestDevice = async function (descriptor) {
  device = await requestDevice.call(this, descriptor);
  return device;
};

const { submit } = GPUQueue.prototype;
/** @param {GPUCommandBuffer[]} commands */
GPUQueue.prototype.submit = function (commands) {
  submit.call(this, commands);
  if (++submits === at) device?.destroy();
};
