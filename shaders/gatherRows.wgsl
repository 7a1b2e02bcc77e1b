// Copies the rows that a chunk draws from one page of a data set too large for one buffer, one invocation per value.
//   page     [pageRows, width]     rows firstRow … firstRow + pageRows − 1 of the data set
//   gathered [capacity, width]
// Rows of other pages are left alone: their own dispatch writes them.

#import step
#import shuffle

struct Page {
  firstRow: u32,
  pageRows: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> page: Page;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> gathered: array<f32>;

@compute @workgroup_size(64)
fn gatherRows(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = linearIndex(id, groups, 64u);
  let row = index / page.width;
  let column = index % page.width;
  if (row >= step.chunkRows) {
    return;
  }
  let source = rowAt(step.firstPosition + row, step.rowCount, step.orderKey);
  if (source < page.firstRow || source - page.firstRow >= page.pageRows) {
    return;
  }
  gathered[index] = rows[(source - page.firstRow) * page.width + column];
}
