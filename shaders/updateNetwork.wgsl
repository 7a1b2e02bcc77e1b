// Every parameter of one network updated: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError. Written by src/gpu/emitNetwork.ts.

fn updated(parameter: f32, gradient: f32, at: u32) -> f32 {
  watch(gradient);
  let value = optimize(parameter, gradient, at);
  watch(value);
  return value;
}

fn updateNetwork(first: u32) {
  w1_1_1 = updated(w1_1_1, dw1_1_1, first + 0u);
  w1_1_2 = updated(w1_1_2, dw1_1_2, first + 1u);
  w1_2_1 = updated(w1_2_1, dw1_2_1, first + 2u);
  w1_2_2 = updated(w1_2_2, dw1_2_2, first + 3u);
  b1_1 = updated(b1_1, db1_1, first + 4u);
  b1_2 = updated(b1_2, db1_2, first + 5u);
  w2_1_1 = updated(w2_1_1, dw2_1_1, first + 6u);
  w2_1_2 = updated(w2_1_2, dw2_1_2, first + 7u);
  w2_2_1 = updated(w2_2_1, dw2_2_1, first + 8u);
  w2_2_2 = updated(w2_2_2, dw2_2_2, first + 9u);
  b2_1 = updated(b2_1, db2_1, first + 10u);
  b2_2 = updated(b2_2, db2_2, first + 11u);
  w3_1_1 = updated(w3_1_1, dw3_1_1, first + 12u);
  w3_2_1 = updated(w3_2_1, dw3_2_1, first + 13u);
  b3_1 = updated(b3_1, db3_1, first + 14u);
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
