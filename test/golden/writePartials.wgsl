// Gradients of one network written as those of a slice: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError. Written by src/backend/webgpu/emit/emitNetwork.ts.

fn writePartials(first: u32) {
  partials[first + 0u] = dw1_1_1;
  partials[first + 1u] = dw1_1_2;
  partials[first + 2u] = dw1_2_1;
  partials[first + 3u] = dw1_2_2;
  partials[first + 4u] = db1_1;
  partials[first + 5u] = db1_2;
  partials[first + 6u] = dw2_1_1;
  partials[first + 7u] = dw2_1_2;
  partials[first + 8u] = dw2_2_1;
  partials[first + 9u] = dw2_2_2;
  partials[first + 10u] = db2_1;
  partials[first + 11u] = db2_2;
  partials[first + 12u] = dw3_1_1;
  partials[first + 13u] = dw3_2_1;
  partials[first + 14u] = db3_1;
}
