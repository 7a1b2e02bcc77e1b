import { describe, expect, test } from "vitest";
import { exportModule } from "../src/data.ts";
import { acquire, activationNames, type AnyNetwork, createModel, dense, lossNames, network } from "../src/index.ts";
import { largestDifference } from "./support/compare.ts";
import { graphCases, graphData, graphParameters } from "./support/graphs.ts";
import { someOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const rows = 5;

interface Shader {
  readonly source: string;
  readonly net: AnyNetwork;
  readonly name: string;
  readonly parameters: Float64Array;
  readonly inputs: Float64Array;
  /** Whether the parameters are bound at 2. */
  readonly isBound: boolean;
}

/** One invocation for a row. */
const around = ({ source, net, name }: Shader): string => `
${source}
@group(0) @binding(0) var<storage, read> inputs: array<f32>;
@group(0) @binding(1) var<storage, read_write> outputs: array<f32>;

@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
  var x: array<f32, ${net.inputs}>;
  for (var i = 0u; i < ${net.inputs}u; i++) { x[i] = inputs[id.x * ${net.inputs}u + i]; }
  let y = ${name}(x);
  for (var i = 0u; i < ${net.outputs}u; i++) { outputs[id.x * ${net.outputs}u + i] = y[i]; }
}`;

async function run(shader: Shader): Promise<Float32Array> {
  const { gpu } = device();
  const { net, parameters, inputs, isBound } = shader;
  const code = around(shader);
  const buffers: GPUBuffer[] = [];
  const bufferOf = (values: Float32Array<ArrayBuffer>, usage: number): GPUBuffer => {
    const buffer = gpu.createBuffer({ size: values.byteLength, usage });
    gpu.queue.writeBuffer(buffer, 0, values);
    buffers.push(buffer);
    return buffer;
  };
  try {
    const module = gpu.createShaderModule({ code });
    const { messages } = await module.getCompilationInfo();
    expect(messages.map(({ message }) => message)).toEqual([]);
    const pipeline = await gpu.createComputePipelineAsync({ layout: "auto", compute: { module } });
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const outputs = bufferOf(new Float32Array(rows * net.outputs), storage | GPUBufferUsage.COPY_SRC);
    const bound = [bufferOf(Float32Array.from(inputs), storage), outputs];
    if (isBound) bound.push(bufferOf(Float32Array.from(parameters), storage));
    const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const commands = gpu.createCommandEncoder();
    const pass = commands.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(rows);
    pass.end();
    const staging = bufferOf(new Float32Array(rows * net.outputs), GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    commands.copyBufferToBuffer(outputs, 0, staging, 0, staging.size);
    gpu.queue.submit([commands.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    return new Float32Array(staging.getMappedRange().slice(0));
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

/** How far the shader is from the float64 reference, in units of the largest answer. */
async function deviation(net: AnyNetwork, seed: number, isBound: boolean): Promise<number> {
  const parameters = graphParameters(net, seed);
  const { inputs } = graphData(net, rows, seed);
  const reference = await createModel(net, { device: await acquire({ device: "reference" }), parameters });
  const wanted = Float64Array.from(await reference.predict(inputs));
  const name = "answer";
  const model = { network: net, members: 1, parameters };
  const source = exportModule(model, { to: "wgsl", name, ...(isBound && { weights: { group: 0, binding: 2 } }) });
  const got = Float64Array.from(await run({ source, net, name, parameters, inputs, isBound }));
  return largestDifference(got, wanted) / Math.max(1e-3, ...wanted.map(Math.abs));
}

/** Each of the values is of order 1, and some twenty roundings of 2⁻²⁴ lie behind it. */
const bound = 1e-6;

const listOf = (name: string, net: AnyNetwork): readonly [string, AnyNetwork] => [name, net];
const cases = [
  ...activationNames.map((name) =>
    listOf(name, network({ inputs: 3, loss: "squaredError", layers: [dense(7, name), dense(2, name)] })),
  ),
  ...lossNames.map((loss) => listOf(loss, network({ inputs: 5, loss, layers: [dense(5, "tanh"), dense(4)] }))),
  ...graphCases.map((one) => listOf(one.name, one.network)),
];

describe("a function in WGSL answers as the reference does", () => {
  test.each(someOf(cases))("%s, parameters as constants", async (_, net) => {
    expect(await deviation(net, 5, false)).toBeLessThan(bound);
  });
  test.each(someOf(cases, 6))("%s, parameters in a buffer", async (_, net) => {
    expect(await deviation(net, 8, true)).toBeLessThan(bound);
  });
});
