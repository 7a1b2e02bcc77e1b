// What kernels read: numbers of the step (new for each), of a member, and of a layer (fixed).
// Must match the writers in src/backend/webgpu/strategies/uniforms.ts, word by word.

#import grid

struct Step {
  index: u32,          // step of the run, from 0
  chunkRows: u32,      // samples of the batch that this chunk holds
  firstPosition: u32,  // position of the chunk's first sample in the epoch's order
  rowCount: u32,       // rows of the data set
  orderKey: vec2u,     // key of the epoch's permutation
  firstRow: u32,       // place of the chunk in the batch; in its first chunk gradients start from 0
  lossSlot: u32,       // slot of the loss ring
  lossScale: f32,      // 1 / samples of the batch, or 1 / (samples × outputs)
  firstMember: u32,   // of the group that this dispatch computes
  epoch: u32,
  value0: f32,         // what the optimizer's update takes from the number of the step alone
  value1: f32,
  value2: f32,
  value3: f32,
  value4: f32,
}

// What a member has for itself.
struct MemberSettings {
  learningRate: f32,
  momentum: f32,
  weightDecay: f32,
  heldOutFrom: u32,  // first row of those that it leaves out
  orderSeed: vec2u,  // seed and stream of the order of its rows
}

struct Layer {
  fanIn: u32,
  fanOut: u32,
  weightsOffset: u32,
  parameterCount: u32,
  members: u32,
  capacity: u32,           // rows that the buffers of activations hold per member
  inputMemberStride: u32, // 0 where all members share one data set
  gradientColumns: u32,    // row length of dOutputs: fanOut, and 1 more where it carries the sample's loss
  splits: u32,              // partial gradients, summed by update
  rowsMemberStride: u32,  // 0 where all members take the same rows, else capacity
  nodeStride: u32,         // samples from one node to the next that lies in the same buffer
}
