// Row of the data that a sample of the batch is, for row kernels that read the data.

override ROWS: u32 = 0u;  // 0 as they lie, 1 in the epoch's order, 2 as drawRows has drawn them

fn sourceOf(row: u32, replica: u32, lane: u32, isActive: bool) -> u32 {
  if (ROWS == 1u) {
    let source = rowAt(step.firstPosition + row, step.rowCount, step.orderKey);
    if (isActive && lane == 0u && replica == 0u) {
      batchRows[row] = source;
    }
    return source;
  }
  if (ROWS == 2u) {
    return batchRows[replica * sizes.rowsReplicaStride + row];
  }
  return row;
}
