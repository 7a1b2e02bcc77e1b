// What programs of small networks read and write in memory, in words of four bytes. All addresses are in bytes. Members lie in groups of
// four, one to a lane; of one network all lanes are the same.

/** Words of the description of a run: addresses and counts. */
export const runWords = {
  /** Steps [stepCount, stepWords]. */
  steps: 0,
  stepCount: 1,
  /** Rows of data [rowCount, inputs + outputs] in f32, and how many. */
  rows: 2,
  rowCount: 3,
  /** Parameters, then what the optimizer keeps. Members: [groups, 1 + states, parameterCount, 4]. One network: [1 + states, padded]. */
  state: 4,
  /** Learning rate, momentum and weight decay [groups, 3, 4]. */
  rates: 5,
  /** Words of the seeds by which rows are drawn [groups, 2, 4]. */
  seeds: 6,
  /** Values of the update that are the same for all members and steps. */
  hyper: 7,
  /** Losses [ring steps, groups, 4]. */
  losses: 8,
  /** The first step that was not finite, −1 without; the least loss; its step [groups, 3, 4]. */
  status: 9,
  /** Members: groups, and groups of an item. */
  groups: 10,
  itemGroups: 11,
  /** One network: sums over samples [slices, parameterCount + 1, 4], of gradients, and behind them of losses; the state before an update. */
  sums: 12,
  before: 13,
} as const;

/** Words of a step; what the update takes of it follows. */
export const stepWords = {
  /** Address of the rows drawn for the batch; of one network: of its samples in blocks of four. */
  batch: 0,
  batchSize: 1,
  /** Factor that makes means of sums, an f32. */
  lossScale: 2,
  /** Bytes from the first loss to that of this step. */
  lossOffset: 3,
  /** Number of the step in the run. */
  index: 4,
  /** Which epoch, and the position of the batch in it. */
  epoch: 5,
  firstPosition: 6,
} as const;
export const stepValueWord = 7;

/** Words of the status. */
export const statusWords = { nonFinite: 0, leastLoss: 1, leastStep: 2 } as const;
