// dInputs = slopeProduct(dOutputs · weightsᵀ, inputs), one invocation per value: the gradient by the
// pre-activations of the layer before, whose activations are this layer's inputs.
//   dOutputs   [replicas, capacity, gradientColumns]
//   parameters [replicas, parameterCount]
//   inputs     [2, replicas, capacity, fanIn]        outputs of the layer before, pre-activations in plane 1
//   dInputs    [replicas, capacity, fanIn]
// `slopeProduct` is that of the layer before, written by src/gpu/emitActivation.ts.

#import step
#expects fn slopeProduct(d: f32, saved: f32) -> f32

override SAVED_PLANE: u32 = 0u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read> inputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> dInputs: array<f32>;

@compute @workgroup_size(64)
fn backwardInputs(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = linearIndex(id, groups, 64u);
  let row = index / layer.fanIn;
  let k = index % layer.fanIn;
  let replica = step.firstReplica + id.z;
  if (row >= step.chunkRows || replica >= layer.replicas) {
    return;
  }
  let sample = replica * layer.capacity + row;
  let firstGradient = sample * layer.gradientColumns;
  let firstWeight = replica * layer.parameterCount + layer.weightsOffset + k * layer.fanOut;
  var sum = 0.0;
  var four = 0.0;
  for (var column = 0u; column < layer.fanOut; column++) {
    let isLast = column % 4u == 3u;
    four = fma(dOutputs[firstGradient + column], parameters[firstWeight + column], four);
    sum += select(0.0, four, isLast);
    four = select(four, 0.0, isLast);
  }
  sum += four;
  let input = sample * layer.fanIn + k;
  let saved = inputs[SAVED_PLANE * layer.replicas * layer.capacity * layer.fanIn + input];
  dInputs[input] = slopeProduct(sum, saved);
}
