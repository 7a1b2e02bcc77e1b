// Loss of each sample and its gradient by the network's output, or by the pre-activations of a last layer that is dense; one
// invocation per sample.
//   outputs  [members, capacity, fanOut]           in plane 1, behind nodeStride samples, pre-activations
//   targets  [rows, fanOut]
//   dOutputs [members, capacity, gradientColumns]  the last column is the sample's loss: summed over the batch like a bias. Where the
//                                                  last layer is not dense, losses [members, capacity] lie behind nodeStride gradients
// Both are scaled so that the sum over the batch is the mean the loss is defined by. `sampleLoss` is that of lossElementwise.wgsl or
// lossSoftmax.wgsl. CPU reference: src/backend/cpu/loss.ts.

#import step
#expects fn sampleLoss(firstOutput: u32, firstSaved: u32, firstTarget: u32, firstGradient: u32) -> f32

override SAVED_PLANE: u32 = 0u; // plane of outputs that slopeProduct takes

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read> batchRows: array<u32>;
@group(0) @binding(5) var<storage, read_write> dOutputs: array<f32>;

@compute @workgroup_size(64)
fn loss(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = linearIndex(id, groups, 64u);
  let member = step.firstMember + id.z;
  if (row >= step.chunkRows || member >= layer.members) {
    return;
  }
  let sample = member * layer.capacity + row;
  let firstOutput = sample * layer.fanOut;
  let firstGradient = sample * layer.gradientColumns;
  let firstTarget = batchRows[member * layer.rowsMemberStride + row] * layer.fanOut;
  let plane = SAVED_PLANE * layer.nodeStride * layer.fanOut;
  let total = sampleLoss(firstOutput, plane + firstOutput, firstTarget, firstGradient);
  let isLast = layer.gradientColumns > layer.fanOut;
  dOutputs[select(layer.nodeStride * layer.fanOut + sample, firstGradient + layer.fanOut, isLast)] = step.lossScale * total;
}
