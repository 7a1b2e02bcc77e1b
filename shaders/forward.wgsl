// outputs = activate(inputs · weights + bias), one invocation per output value. Four products are added to each other before
// they are added to the sum, which is thereby rounded a quarter as often; all versions of the products do so. `activate` is written
// by src/gpu/emitActivation.ts.
//   inputs     [replicas or 1, rows, fanIn]      the data set for the first layer
//   parameters [replicas, parameterCount]
//   outputs    [2, replicas, capacity, fanOut]   plane 1 holds pre-activations where the derivative needs them
//   batchRows  [replicas or 1, capacity]         written by the first layer or by drawRows: which row each sample is

#import step
#import order
#expects fn activate(z: f32) -> f32

override ROWS: u32 = 0u;                      // 0 as they lie; first layer: 1 in the epoch's order, 2 as drawRows has drawn them
override SAVES_PRE_ACTIVATION: bool = false;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read_write> outputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> batchRows: array<u32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = linearIndex(id, groups, 64u);
  let row = index / layer.fanOut;
  let column = index % layer.fanOut;
  let replica = step.firstReplica + id.z;
  if (row >= step.chunkRows || replica >= layer.replicas) {
    return;
  }
  var source = row;
  if (ROWS == 1u) {
    source = rowAt(step.firstPosition + row, step.rowCount, step.orderKey);
    if (column == 0u && replica == 0u) {
      batchRows[row] = source;
    }
  } else if (ROWS == 2u) {
    source = batchRows[replica * layer.rowsReplicaStride + row];
  }
  let firstInput = replica * layer.inputReplicaStride + source * layer.fanIn;
  let weights = replica * layer.parameterCount + layer.weightsOffset;
  var sum = 0.0;
  var four = 0.0;
  for (var k = 0u; k < layer.fanIn; k++) {
    let isLast = k % 4u == 3u;
    four = fma(inputs[firstInput + k], parameters[weights + k * layer.fanOut + column], four);
    sum += select(0.0, four, isLast);
    four = select(four, 0.0, isLast);
  }
  sum += four;
  let preActivation = sum + parameters[weights + layer.fanIn * layer.fanOut + column];
  let output = (replica * layer.capacity + row) * layer.fanOut + column;
  outputs[output] = activate(preActivation);
  if (SAVES_PRE_ACTIVATION) {
    outputs[layer.replicas * layer.capacity * layer.fanOut + output] = preActivation;
  }
}
