import { deriveStep, type StepGraph } from "../../graph/derive.ts";
import { type AnyNetwork, graphOf } from "../../graph/graphNetwork.ts";
import type { Body } from "./body.ts";
import { GradientCode, strideOf } from "./gradientCode.ts";
import { GraphCode, type RowsContext } from "./graphCode.ts";
import { memoryImport } from "./heap.ts";
import { i32 } from "./instructions.ts";
import { emitLoss } from "./lossCode.ts";
import { least } from "./least.ts";
import { addBlock, type Block, type Blocks } from "./matmulBlock.ts";
import { ModuleBuilder } from "./moduleBuilder.ts";
import { packWords } from "./packedWeights.ts";
import { read, turnPlace, turnWords } from "./passArguments.ts";
import { remembered } from "./remembered.ts";
import type { Address } from "./rowLoops.ts";
import { Slots } from "./slots.ts";
import { hasRelaxedSimd } from "./support.ts";
import { emitNormalise, emitOrthogonalProduct } from "./orthogonalCode.ts";
import { orthogonalWords } from "./orthogonalJobs.ts";
import {
  emitBlockDirections,
  emitBlockSquares,
  emitBlockUpdate,
  emitFinish,
  type UpdatePlace,
} from "./parameterUpdate.ts";
import type { UpdatePlan } from "./updateCode.ts";
import { constant } from "./value.ts";
import { VectorCode, VectorModule } from "./vectorCode.ts";

/** The code of a network, and the memory that it expects. */
export interface NetworkModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Exported kernels. */
  readonly names: readonly string[];
  /** Values per row of each slot, whose addresses come after the arguments of a pass. */
  readonly slotWidths: readonly number[];
  /** Slot of a node that is kept. */
  readonly slotOf: (node: number) => number;
  /** Members' stride of parameters, in values. */
  readonly parameterStride: number;
}

interface Parts {
  readonly builder: ModuleBuilder;
  readonly vectors: VectorModule;
  readonly step: StepGraph;
  readonly slots: Slots;
  readonly block: Block;
  readonly packColumns: Blocks["packColumns"];
  readonly parameterStride: number;
}

function createParts(network: AnyNetwork, isShared: boolean): Parts {
  const builder = new ModuleBuilder();
  builder.importMemory(memoryImport(isShared));
  const useRelaxed = hasRelaxedSimd();
  const step = deriveStep(graphOf(network));
  return {
    builder,
    vectors: new VectorModule(builder, useRelaxed),
    step,
    slots: new Slots(step, network),
    ...addBlock(builder, useRelaxed),
    parameterStride: strideOf(step.parameters),
  };
}

const recordOf = (body: Body, args: Address, turn: Address): Address =>
  body.let(i32.add(read(args, "turns"), i32.mul(turn, 4 * turnWords)));

/** Runs code for each member of an item that has not stopped. */
function forMembers(
  body: Body,
  args: Address,
  { item, checksStop }: { readonly item: Address; readonly checksStop: boolean },
  build: (member: Address) => void,
): void {
  const perItem = body.let(read(args, "itemMembers"));
  const first = body.let(i32.mul(item, perItem));
  const last = least(body, i32.add(first, perItem), body.let(read(args, "members")));
  const stopped = body.let(read(args, "stopped"));
  body.for({ from: first, to: last }, (member) => {
    if (!checksStop) {
      build(member);
      return;
    }
    body.if(i32.eq(i32.load(i32.add(stopped, i32.shl(member, 2))), -1), () => build(member));
  });
}

/** What a kernel of a turn is called with. */
interface KernelContext {
  readonly code: VectorCode;
  readonly body: Body;
  readonly args: Address;
  readonly item: Address;
  readonly scratch: Address;
  readonly turn: Address;
  readonly record: Address;
}

const addKernel = ({ builder, vectors }: Parts, build: (kernel: KernelContext) => void) =>
  builder.kernel((body, ...[args, item, scratch, turn]) => {
    const code = new VectorCode(vectors, body);
    build({ code, body, args, item, scratch, turn, record: recordOf(body, args, turn) });
  });

/** What a kernel's code of a member's rows reads. */
function rowsContext(
  kernel: KernelContext,
  { parameterStride }: Parts,
  place: Pick<RowsContext, "member" | "first" | "batchFirst" | "rows">,
): RowsContext {
  const { code, body, args, turn, record, scratch } = kernel;
  const parameters = body.let(i32.add(read(args, "parameters"), i32.mul(place.member, 4 * parameterStride)));
  return { ...place, code, args, turn, record, scratch, parameters };
}

/** A kernel whose items are slices of the rows of members. */
function addRowsKernel(parts: Parts, isTraining: boolean, emit: (graph: GraphCode, context: RowsContext) => void) {
  const { step, slots, block } = parts;
  return addKernel(parts, (kernel) => {
    const { body, args, item, record } = kernel;
    const slices = body.let(read(args, "slices"));
    const sliceRows = body.let(read(args, "sliceRows"));
    const first = body.let(i32.mul(i32.remU(item, slices), sliceRows));
    const batchFirst = body.let(i32.add(read(args, "firstRow"), first));
    const batchRows = body.let(i32.load(record, 4 * turnPlace.rows));
    body.if(i32.ltU(batchFirst, batchRows), () => {
      const inChunk = least(body, i32.sub(read(args, "capacity"), first), sliceRows);
      const rows = least(body, i32.sub(batchRows, batchFirst), inChunk);
      forMembers(body, args, { item: body.let(i32.divU(item, slices)), checksStop: isTraining }, (member) => {
        const context = rowsContext(kernel, parts, { member, first, batchFirst, rows });
        emit(new GraphCode(step, { slots, block, isTraining }, context), context);
      });
    });
  });
}

/** Packs the weights of members, a block of a matrix to an item. */
const addPack = (parts: Parts) =>
  addKernel(parts, (kernel) => {
    const { body, args, item } = kernel;
    const packItems = body.let(read(args, "packItems"));
    const job = i32.mul(i32.remU(item, packItems), 4 * Object.keys(packWords).length);
    const at = body.let(i32.add(read(args, "packs"), job));
    const [from, lane, deep, lanes, depth, to] = Object.values(packWords).map((word) =>
      body.let(i32.load(at, 4 * word)),
    ) as [Address, Address, Address, Address, Address, Address];
    forMembers(body, args, { item: body.let(i32.divU(item, packItems)), checksStop: false }, (member) => {
      const parameters = i32.add(read(args, "parameters"), i32.mul(member, 4 * parts.parameterStride));
      const packed = i32.add(read(args, "packed"), i32.mul(member, read(args, "slotsMember")));
      const range = { from: body.let(i32.add(parameters, from)), lane, deep, lanes, depth };
      parts.packColumns(body, range, body.let(i32.add(packed, to)));
    });
  });

const moduleOf = ({ builder, slots, parameterStride }: Parts, names: readonly string[]): NetworkModule => ({
  bytes: builder.encode(),
  names,
  slotWidths: slots.widths,
  slotOf: (node) => slots.find(node),
  parameterStride,
});

function writeForward(network: AnyNetwork, isShared: boolean): NetworkModule {
  const parts = createParts(network, isShared);
  const { step } = parts;
  const forward = addRowsKernel(parts, false, (graph) => {
    for (let node = 0; node < step.forwardCount; node++) graph.append(node);
    graph.contiguous(step.forwardCount - 1);
  });
  parts.builder.export("forward", forward);
  parts.builder.export("pack", addPack(parts));
  return moduleOf(parts, ["forward", "pack"]);
}

/** Forward, loss and backward of slices of the batch. */
const addTrainingRows = (parts: Parts, network: AnyNetwork) => {
  const { step, slots } = parts;
  return addRowsKernel(parts, true, (graph, context) => {
    for (let node = 0; node < step.forwardCount; node++) graph.append(node);
    const outputs = graph.slotAddress(graph.contiguous(step.forwardCount - 1));
    graph.gather("targets", slots.targets);
    const dOutputs = graph.slotAddress(slots.of(step.outputGradient));
    emitLoss(context, network, { outputs, targets: graph.slotAddress(slots.targets), dOutputs });
    for (let node = step.forwardCount; node < step.allNodes.length; node++) graph.append(node);
    for (const own of step.parameterGradients) {
      graph.contiguous(own.gradient);
      if (own.kind === "dense") graph.contiguous(own.input);
    }
  });
};

/** Gradients of the parameters, over a chunk of the batch. */
const addGradients = (parts: Parts) => {
  const { step, slots, block } = parts;
  return addKernel(parts, (kernel) => {
    const { body, args, item, record } = kernel;
    const jobItems = body.let(read(args, "jobItems"));
    const firstRow = body.let(read(args, "firstRow"));
    const batchRows = body.let(i32.load(record, 4 * turnPlace.rows));
    body.if(i32.ltU(firstRow, batchRows), () => {
      const rows = least(body, i32.sub(batchRows, firstRow), body.let(read(args, "capacity")));
      forMembers(body, args, { item: body.let(i32.divU(item, jobItems)), checksStop: true }, (member) => {
        const place = { member, first: constant("i32", 0), batchFirst: firstRow, rows };
        const context = rowsContext(kernel, parts, place);
        const graph = new GraphCode(step, { slots, block, isTraining: true }, context);
        new GradientCode(graph, context, block).write(i32.remU(item, jobItems));
      });
    });
  });
};

/** Kernels whose items are jobs of orthogonalJobs.ts, of members. */
function addOrthogonal(parts: Parts) {
  const addJobs = (emit: (kernel: KernelContext, job: Address, member: Address) => void) =>
    addKernel(parts, (kernel) => {
      const { body, args, item } = kernel;
      const items = body.let(read(args, "orthogonalItems"));
      const at = i32.mul(i32.remU(item, items), 4 * orthogonalWords);
      const job = body.let(i32.add(read(args, "orthogonalJobs"), at));
      forMembers(body, args, { item: body.let(i32.divU(item, items)), checksStop: true }, (member) =>
        emit(kernel, job, member),
      );
    });
  return {
    normalise: addJobs(({ code }, job, member) => emitNormalise({ code, job, member })),
    orthogonalise: addJobs(({ code, scratch }, job, member) =>
      emitOrthogonalProduct({ code, job, member }, parts.block, scratch),
    ),
  };
}

function writeTraining(network: AnyNetwork, update: UpdatePlan, isShared: boolean): NetworkModule {
  const parts = createParts(network, isShared);
  const rows = addTrainingRows(parts, network);
  const gradients = addGradients(parts);
  const addBlocks = (build: (kernel: KernelContext, place: UpdatePlace, block: Address) => void) =>
    addKernel(parts, (kernel) => {
      const { body, args, item } = kernel;
      const blocks = body.let(read(args, "blocks"));
      const block = body.let(i32.remU(item, blocks));
      const first = body.let(i32.mul(block, read(args, "blockSize")));
      forMembers(body, args, { item: body.let(i32.divU(item, blocks)), checksStop: true }, (member) =>
        build(kernel, { member, first, count: network.parameterCount }, block),
      );
    });
  const squares = update.hosted.gradientScale ? { squares: addBlocks(emitBlockSquares) } : {};
  const matrices = update.direction
    ? { directions: addBlocks((kernel, place) => emitBlockDirections(kernel, place, update)), ...addOrthogonal(parts) }
    : {};
  const updating = addBlocks((kernel, place) => emitBlockUpdate(kernel, place, update));
  const finish = addKernel(parts, (kernel) => {
    const { body, args, item } = kernel;
    forMembers(body, args, { item, checksStop: false }, (member) => emitFinish(kernel, member));
  });
  const kernels = { pack: addPack(parts), rows, gradients, ...squares, ...matrices, update: updating, finish };
  for (const [name, kernel] of Object.entries(kernels)) parts.builder.export(name, kernel);
  return moduleOf(parts, Object.keys(kernels));
}

/** Modules by whether their memory is shared, written once. */
const forwards = [false, true].map(() => new WeakMap<AnyNetwork, NetworkModule>());
const trainings = [false, true].map(() => new WeakMap<AnyNetwork, WeakMap<UpdatePlan, NetworkModule>>());

/** The kernels `forward`, outputs of rows in the slot of the last forward node, and `pack` (of the weights, before it). */
export const forwardModule = (network: AnyNetwork, isShared: boolean): NetworkModule =>
  remembered(forwards[Number(isShared)]!, network, () => writeForward(network, isShared));

/**
 * The kernels of a training step, in order: `pack` (of the weights), `rows` (forward, loss and backward of slices of the batch), `gradients`
 * (of the parameters), those that an optimizer needs before it (`squares`; `directions`, `normalise` and `orthogonalise`), `update`, and `finish` (losses, and who stops).
 */
export function trainingModule(network: AnyNetwork, update: UpdatePlan, isShared: boolean): NetworkModule {
  const own = remembered(trainings[Number(isShared)]!, network, () => new WeakMap<UpdatePlan, NetworkModule>());
  return remembered(own, update, () => writeTraining(network, update, isShared));
}
