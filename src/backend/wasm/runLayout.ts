// What programs read and write in memory, in words of four bytes. All addresses are in bytes.

/** Words of the description of a run: addresses and counts. */
export const runWords = {
  /** Steps [stepCount, stepWords]. */
  steps: 0,
  stepCount: 1,
  /** Rows of data [rows, inputs + outputs] in f32: read by members; samples read what was gathered from them. */
  rows: 2,
  /** Parameters, then what the optimizer keeps. Members: [groups, 1 + states, parameterCount, 4]. One network: [1 + states, padded]. */
  state: 3,
  /** Learning rate, momentum and weight decay. Members: [groups, 3, 4]. One network: [3]. */
  rates: 4,
  /** Values of the update that are the same for all members and steps. */
  hyper: 5,
  /** Losses [ring steps, members, padded to whole groups]; one network: [ring steps]. */
  losses: 6,
  /** [groups, 3, 4], one network [3]: the first step that was not finite, −1 without; the least loss; its step. */
  status: 7,
  /** Sums over samples [slices, parameterCount + 1, 4]: gradients, and behind them the loss. Each thread needs its own. */
  sums: 8,
  /** The state of a group, or of one network, before an update. Each thread needs its own. */
  before: 9,
} as const;
export const runWordCount = 10;

/** Words of a step; what the update takes of it follows. */
export const stepWords = {
  /**
   * Address of the indices of the batch's rows, of members with rows of their own [groups, rows, 4]. One network: of its samples in
   * blocks of four.
   */
  batch: 0,
  batchSize: 1,
  /** Factor that makes means of sums, an f32. */
  lossScale: 2,
  /** Bytes from the first loss to that of this step. */
  lossOffset: 3,
  /** Number of the step in the run. */
  index: 4,
} as const;
export const stepValueWord = 5;

/** Words of the status. */
export const statusWords = { nonFinite: 0, leastLoss: 1, leastStep: 2 } as const;
