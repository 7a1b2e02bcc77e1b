// What the kernels of a training step or of a prediction read from memory: addresses and sizes of a pass over a chunk of a batch.

import { i32 } from "./instructions.ts";
import type { Value } from "./value.ts";

/** Words of the arguments of a pass; the addresses of its slots and of the arguments of its matrix products come after them. */
const names = [
  /** Members whose nodes are in memory at once, and how many an item takes. */
  "members",
  "itemMembers",
  /** Slices of the chunk, rows of a slice. */
  "slices",
  "sliceRows",
  /** First row of the chunk in the batch, and rows of a full chunk. */
  "firstRow",
  "capacity",
  /** [members, parameterStride] f32. */
  "parameters",
  "gradients",
  /** Whether gradients are added to those of earlier chunks. */
  "isAdded",
  /** [members] words: the step that a member stopped at, or −1. */
  "stopped",
  /** Records of turns. */
  "turns",
  /** The data: [rows, inputs] and [rows, outputs] f32. */
  "inputs",
  "targets",
  /** Numbers of the rows of each member, or 0: rows follow each other. The distance of members in bytes may be 0. */
  "rows",
  "rowsMember",
  /** Words of the seeds by which members draw rows [members or 1, 2], and how many rows there are. */
  "seeds",
  "rowCount",
  /** Sums of losses over slices of the batch, and the distance of members in bytes. */
  "partials",
  "partialsMember",
  /** Keys of dropout masks: [turns, members or 1, streams, 2] words, and distances in bytes. */
  "masks",
  "masksTurn",
  "masksMember",
  /** Distance of members in the memory of nodes, in bytes. */
  "slotsMember",
  /** Blocks of parameters of a member, and parameters of a block: a multiple of four. */
  "blocks",
  "blockSize",
  /** [state, members, parameterStride] f32, and the distance of two states in bytes. */
  "moments",
  "momentsState",
  /** [members, 3] f32: learning rate, momentum, weight decay. */
  "settings",
  /** Numbers of the optimizer that are the same in all steps. */
  "runValues",
  /** [members, blocks]: sums of squares of gradients, where they are clipped by norm. */
  "squares",
  /** [parameterStride] f32: 1 for weights, where the update asks for it. */
  "isWeight",
  /** [parameterStride] f32: 1 for parameters of matrices that are made orthogonal; their directions, and what has become of these. */
  "isMatrix",
  /** [members, parameterStride] f32. */
  "directions",
  "orthogonal",
  /** Jobs of a phase that makes matrices orthogonal, `orthogonalWords` each, and how many of one member. */
  "orthogonalJobs",
  "orthogonalItems",
  /** [members] words: not 0 where something was not finite in the present step. */
  "failed",
  /** [ringSteps, members] f32. */
  "losses",
  /** [members] f32 and [members] words. */
  "bestLosses",
  "bestSteps",
  /** Packed weights of the first member, or 0: products read them as they are. Jobs that pack them, and how many. */
  "packed",
  "packs",
  "packItems",
  /** Addresses of the arguments of matrix products, `productKinds` of each dense node. */
  "products",
  /** Items and rows per item of each parameter gradient: two words each. */
  "jobs",
  /** Items of one member's gradients. */
  "jobItems",
] as const;

export type PassArgument = (typeof names)[number];

const places = Object.fromEntries(names.map((name, place) => [name, place])) as Record<PassArgument, number>;

/** Word of an argument. */
export const placeOf = (name: PassArgument): number => places[name];

/** First word of the addresses of slots. */
export const slotsAt = names.length;

/** Reads an argument. */
export const read = (args: Value<"i32">, name: PassArgument): Value<"i32"> => i32.load(args, 4 * places[name]);

/** Words of the arguments; what is left out is 0. */
export function argumentWords(values: Partial<Record<PassArgument, number>>): number[] {
  return names.map((name) => values[name] ?? 0);
}

/** Words of the record of a turn: one step of a training, or one chunk of a prediction. */
export const turnPlace = {
  /** Rows of the batch. */
  rows: 0,
  /** Number of its first row where rows follow each other. */
  position: 1,
  /** f32: what a sum over the batch is multiplied with to be the mean loss. */
  lossScale: 2,
  step: 3,
  /** Its row in the ring of losses. */
  ring: 4,
  /** f32: numbers of the optimizer that change from step to step. */
  values: 5,
  epoch: 10,
} as const;
export const turnWords = 16;
