// Gradients of one network added to a slice: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError. Written by src/gpu/emitNetwork.ts.

fn addPartials(first: u32) {
  add(first + 0u, dw1_1_1);
  add(first + 1u, dw1_1_2);
  add(first + 2u, dw1_2_1);
  add(first + 3u, dw1_2_2);
  add(first + 4u, db1_1);
  add(first + 5u, db1_2);
  add(first + 6u, dw2_1_1);
  add(first + 7u, dw2_1_2);
  add(first + 8u, dw2_2_1);
  add(first + 9u, dw2_2_2);
  add(first + 10u, db2_1);
  add(first + 11u, db2_2);
  add(first + 12u, dw3_1_1);
  add(first + 13u, dw3_2_1);
  add(first + 14u, db3_1);
}
