// Every parameter of one network updated: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError; 0 moments. Written by src/backend/webgpu/emit/emitNetwork.ts.

const MOMENTS = 0u;

var<private> moments: array<f32, 1>;

fn stateAt(at: u32, state: u32) -> u32 {
  return at + state * PARAMETERS;
}

// Moments of a member lie in planes, one behind all members' others.
fn momentAt(first: u32, index: u32) -> u32 {
  return index / PARAMETERS * hyper.members * PARAMETERS + first + index % PARAMETERS;
}

fn readMoments(first: u32) {
  for (var index = 0u; index < MOMENTS; index++) {
    moments[index] = storedMoments[momentAt(first, index)];
  }
}

fn writeMoments(first: u32) {
  for (var index = 0u; index < MOMENTS; index++) {
    storedMoments[momentAt(first, index)] = moments[index];
  }
}

fn updateNetwork() {
  w1_1_1 = optimize(w1_1_1, dw1_1_1, 0u);
  w1_1_2 = optimize(w1_1_2, dw1_1_2, 1u);
  w1_2_1 = optimize(w1_2_1, dw1_2_1, 2u);
  w1_2_2 = optimize(w1_2_2, dw1_2_2, 3u);
  b1_1 = optimize(b1_1, db1_1, 4u);
  b1_2 = optimize(b1_2, db1_2, 5u);
  w2_1_1 = optimize(w2_1_1, dw2_1_1, 6u);
  w2_1_2 = optimize(w2_1_2, dw2_1_2, 7u);
  w2_2_1 = optimize(w2_2_1, dw2_2_1, 8u);
  w2_2_2 = optimize(w2_2_2, dw2_2_2, 9u);
  b2_1 = optimize(b2_1, db2_1, 10u);
  b2_2 = optimize(b2_2, db2_2, 11u);
  w3_1_1 = optimize(w3_1_1, dw3_1_1, 12u);
  w3_2_1 = optimize(w3_2_1, dw3_2_1, 13u);
  b3_1 = optimize(b3_1, db3_1, 14u);
}

fn writeNetwork(first: u32) {
  parameters[first + 0u] = w1_1_1;
  parameters[first + 1u] = w1_1_2;
  parameters[first + 2u] = w1_2_1;
  parameters[first + 3u] = w1_2_2;
  parameters[first + 4u] = b1_1;
  parameters[first + 5u] = b1_2;
  parameters[first + 6u] = w2_1_1;
  parameters[first + 7u] = w2_1_2;
  parameters[first + 8u] = w2_2_1;
  parameters[first + 9u] = w2_2_2;
  parameters[first + 10u] = b2_1;
  parameters[first + 11u] = b2_2;
  parameters[first + 12u] = w3_1_1;
  parameters[first + 13u] = w3_2_1;
  parameters[first + 14u] = b3_1;
}
