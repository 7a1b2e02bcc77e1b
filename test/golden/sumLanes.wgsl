// Gradients of one network summed over lanes: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError. Written by src/backend/webgpu/emit/emitNetwork.ts.

fn sumGradients() {
  dw1_1_1 = laneSum(dw1_1_1);
  dw1_1_2 = laneSum(dw1_1_2);
  dw1_2_1 = laneSum(dw1_2_1);
  dw1_2_2 = laneSum(dw1_2_2);
  db1_1 = laneSum(db1_1);
  db1_2 = laneSum(db1_2);
  dw2_1_1 = laneSum(dw2_1_1);
  dw2_1_2 = laneSum(dw2_1_2);
  dw2_2_1 = laneSum(dw2_2_1);
  dw2_2_2 = laneSum(dw2_2_2);
  db2_1 = laneSum(db2_1);
  db2_2 = laneSum(db2_2);
  dw3_1_1 = laneSum(dw3_1_1);
  dw3_2_1 = laneSum(dw3_2_1);
  db3_1 = laneSum(db3_1);
}
