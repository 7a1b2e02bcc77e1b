import type { BufferOwner } from "../../../src/gpu/bufferOwner.ts";
import type { GpuDevice } from "../../../src/gpu/device.ts";
import { type Bound, createDispatch, createKernel, type Dispatch } from "../../../src/gpu/kernel.ts";
import { kernels } from "../../../src/gpu/kernels.ts";
import { dense, network } from "../../../src/network.ts";
import { stepWindow } from "../../../src/plan/layeredDispatches.ts";
import { planLayered, sliceRows } from "../../../src/plan/layeredPlan.ts";
import { kernelName, valueInvocations, type Version, versionConstants } from "../../../src/gpu/productVersions.ts";
import { stepStride } from "../../../src/plan/uniforms.ts";
import { CannotTakePart, type Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { ProductForm, ProductWorkload } from "../../race/workload.ts";
import { type Call, createRounds, type Rounds } from "./thalwegRounds.ts";
import { type Part, uploadLayer, uploadParts, valueFlops } from "./thalwegUniforms.ts";

// Products by the kernels of training, c as the weights of a layer of its own size:
//   NN  forward with identity and no bias       a · c    inputs · weights
//   NT  backwardInputs below identity           a · cᵀ   dOutputs · weightsᵀ
//   TN  backwardWeights without its bias part   aᵀ · c   inputsᵀ · dOutputs
// Every matrix lies in size + 1 rows: the last is the bias that forward adds, so it stays 0 there. Thereby what one round
// writes is laid out as what the next one reads, and nothing is copied between them.

type Form = Exclude<ProductForm, "TT">;

/** A replica costs its dispatch a workgroup of 64 invocations, however small its matrix. */
const replicaFlops = 64 * valueFlops;
const maxReplicas = 65_535;
const identity = { ACTIVATION: 0, SAVED_PLANE: 0, SAVES_PRE_ACTIVATION: 0, ROWS: 0, SHUFFLES: 0, GATHERS: 0 };

/** How a round is cut into dispatches of at most 100 ms on a slow device. */
interface Cut {
  /** Matrices of one dispatch. */
  readonly group: number;
  /** Rows of one dispatch; several matrices are not cut by rows, only a single one. */
  readonly rows: number;
  readonly version: Version;
}

const matrixFlops = (size: number): number => Math.max(replicaFlops, size * size * (2 * size + valueFlops));

/** The library's own choice between its kernels of each product, and its own length of a chunk. */
function cutOf(device: GpuDevice, form: Form, { size, batch }: ProductWorkload): Cut {
  const group = Math.max(1, Math.min(batch, maxReplicas, Math.floor(device.dispatchFlops / matrixFlops(size))));
  const net = network({ inputs: size, layers: [dense(size)], loss: "squaredError" });
  const planOf = (rows: number) =>
    planLayered(device, { network: net, replicas: group, batchSize: rows, rowCount: rows });
  const { chunkRows, layers } = planOf(size);
  const fits = batch > 1 || chunkRows >= size;
  const rows = fits ? size : Math.max(16, chunkRows - (chunkRows % 16));
  if (form === "NN") return { group, rows, version: layers[0]!.forward };
  if (form === "NT") return { group, rows, version: layers[0]!.backwardInputs };
  // within one slice there is one partial gradient: nothing here would sum several
  return { group, rows, version: planOf(Math.min(rows, sliceRows)).layers[0]!.backwardWeights };
}

/** Groups of matrices, or stretches of the rows of one; stretches of the sum of aᵀ · c are added up. */
function partsOf({ group, rows }: Cut, form: Form, { size, batch }: ProductWorkload): Part[] {
  if (batch > 1) {
    const groups = Array.from({ length: Math.ceil(batch / group) }, (_, index) => index * group);
    return groups.map((firstReplica) => ({ rows: size, firstReplica }));
  }
  return Array.from({ length: Math.ceil(size / rows) }, (_, chunk) => {
    return { rows: Math.min(rows, size - chunk * rows), firstReplica: chunk, accumulates: form === "TN" && chunk > 0 };
  });
}

/** Strides between the replicas of the kernels: matrices, or the stretches of rows of a single one. */
function stridesOf({ rows }: Cut, form: Form, { size, batch }: ProductWorkload) {
  const capacity = batch > 1 ? size + 1 : rows;
  const weights = batch > 1 ? (size + 1) * size : 0; // all stretches share c
  // Gradients lie one float further apart than parameters; of stretches, all on one place: −1 + 1.
  const parameterStride = form === "TN" ? (weights - 1) >>> 0 : weights;
  const replicas = batch > 1 ? batch : Math.ceil(size / rows);
  return { fanIn: size, fanOut: size, weightsOffset: 0, parameterStride, replicas, capacity };
}

/** Invocations that compute products alone: those of the bias gradients come last, and are not started. */
const invocationsOf = ({ version }: Cut, form: Form, size: number): ((rows: number) => number) =>
  form === "TN" ? () => valueInvocations(version, size, size) : (rows) => valueInvocations(version, rows, size);

const kernelOf = ({ version }: Cut, form: Form) =>
  kernelName(({ NN: "forward", NT: "backwardInputs", TN: "backwardWeights" } as const)[form], version);

/** What all dispatches of an entry bind. */
interface Shared {
  readonly steps: GPUBuffer;
  readonly layer: GPUBuffer;
  readonly a: GPUBuffer;
  /** Bound, never touched: no rows are drawn. */
  readonly batchRows: GPUBuffer;
}

/** c → out, in the order of the kernels' bindings. */
function boundOf({ steps, layer, a, batchRows }: Shared, form: Form, c: GPUBuffer, out: GPUBuffer): readonly Bound[] {
  if (form === "NN") return [stepWindow(steps), layer, a, c, out, batchRows];
  // the slope of identity is 1 at any value: a stands in for the activations below
  if (form === "NT") return [stepWindow(steps), layer, a, c, a, out];
  return [stepWindow(steps), layer, a, c, batchRows, out];
}

/** [batch, size, size] to [batch, size + 1, size], the last row 0. */
function pad(values: Float32Array, size: number): Float32Array {
  const batch = values.length / size ** 2;
  const padded = new Float32Array(batch * (size + 1) * size);
  for (let matrix = 0; matrix < batch; matrix++) {
    padded.set(values.subarray(matrix * size ** 2, (matrix + 1) * size ** 2), matrix * (size + 1) * size);
  }
  return padded;
}

/** The way back. */
function unpad(padded: Float32Array, size: number): Float32Array {
  const stride = (size + 1) * size;
  const values = new Float32Array((padded.length / stride) * size ** 2);
  for (let first = 0, at = 0; first < padded.length; first += stride, at += size ** 2) {
    values.set(padded.subarray(first, first + size ** 2), at);
  }
  return values;
}

async function build(
  device: GpuDevice,
  owner: BufferOwner,
  { workload, form }: { readonly workload: ProductWorkload; readonly form: Form },
  start: Start,
): Promise<Omit<Rounds, "owner">> {
  const { size, batch } = workload;
  const cut = cutOf(device, form, workload);
  const parts = partsOf(cut, form, workload);
  const shared: Shared = {
    steps: uploadParts(device, owner, parts),
    layer: uploadLayer(device, owner, stridesOf(cut, form, workload)),
    a: owner.upload("a", pad(start.fixed, size)),
    batchRows: owner.storage("rows", 1),
  };
  const kernel = await createKernel(device, kernels[kernelOf(cut, form)], {
    ...identity,
    ...versionConstants(cut.version, device.kind),
  });
  const padded = pad(start.state, size);
  const states = [owner.storage("c 0", padded.length), owner.storage("c 1", padded.length)] as const;
  const dispatchOf = (c: GPUBuffer, out: GPUBuffer): Dispatch =>
    createDispatch(device, kernel, {
      label: form,
      bound: boundOf(shared, form, c, out),
      invocations: invocationsOf(cut, form, size),
      replicas: cut.group,
    });
  const callsOf = (dispatch: Dispatch): Call[] =>
    parts.map(({ rows }, part) => ({ dispatch, rows, stepOffset: part * stepStride }));
  return {
    states,
    calls: [callsOf(dispatchOf(states[0], states[1])), callsOf(dispatchOf(states[1], states[0]))],
    work: batch * matrixFlops(size),
    start: padded,
    extract: (values) => unpad(values, size),
    settings: { kernel: kernelOf(cut, form), version: cut.version, dispatches: parts.length },
  };
}

/** @throws CannotTakePart on two transposed operands */
export async function createProducts(device: GpuDevice, workload: ProductWorkload, start: Start): Promise<Entry> {
  const { form } = workload;
  if (form === "TT") throw new CannotTakePart("training has no product of two transposed operands: no kernel does it");
  return createRounds(device, (owner) => build(device, owner, { workload, form }, start));
}
