// Row of the data that a sample of the batch is, for row kernels that read the data; one of them notes it.

#import step
#import shuffle
#expects var step: Step
#expects var batchRows: array<u32, 1>

override ROWS: u32 = 0u;  // 0 as they lie, 1 in the epoch's order, 2 as sampleBatch has drawn them

fn sourceOf(row: u32, firstRow: u32, writes: bool) -> u32 {
  if (ROWS == 1u) {
    let source = rowAt(step.firstPosition + row, step.rowCount, step.orderKey);
    if (writes) {
      batchRows[row] = source;
    }
    return source;
  }
  if (ROWS == 2u) {
    return batchRows[firstRow + row];
  }
  return row;
}
