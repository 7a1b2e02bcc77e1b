// A product with one value per invocation.

#import grid
#import matmulHooks

// The sum of four products over k. Past the end the left values are 0, and the right ones repeat the last.
fn fourProducts(product: Product, left: u32, right: u32, k: u32, end: u32, isColumnSum: bool) -> f32 {
  let ks = vec4u(k) + vec4u(0u, 1u, 2u, 3u);
  let at = min(ks, vec4u(end - 1u));
  let m = product.matrix;
  let columns = vec4u(leftColumn(at.x, m), leftColumn(at.y, m), leftColumn(at.z, m), leftColumn(at.w, m));
  let l = left + columns * product.left.column;
  let loaded = vec4f(leftValue(l.x), leftValue(l.y), leftValue(l.z), leftValue(l.w));
  let x = select(vec4f(), select(loaded, vec4f(1.0), isColumnSum), ks < vec4u(end));
  let y = rightValues(right + at * product.right.row);
  return fma(x.w, y.w, fma(x.z, y.z, fma(x.y, y.y, x.x * y.x)));
}

@compute @workgroup_size(64)
fn plainMatmul(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let size = productSize();
  let rows = select(size.x, size.x + 1u, COLUMN_SUMS);
  let index = firstInvocation() + linearIndex(id, groups, 64u);
  let product = productAt(index, rows * size.y, id.z);
  let row = index / size.y % rows;
  let column = index % size.y;
  let isColumnSum = row == size.x;
  if (!product.isInside || (!isColumnSum && column >= product.out.row)) {
    return;
  }
  let left = firstOfRow(product, min(row, size.x - 1u), column == 0u);
  let right = firstOfColumns(product, vec4u(column)).x;
  var sum = -0.0; // changes nothing that is added to it, the sign of 0 included
  for (var start = product.sum.start; start < product.sum.end; start += product.sum.stride) {
    let end = min(start + product.sum.length, product.sum.end);
    var block = 0.0;
    for (var k = start; k < end; k += 4u) {
      block += fourProducts(product, left, right, k, end, isColumnSum);
    }
    sum += block;
  }
  if (HAS_BIAS) {
    sum += biasOf(product, vec4u(column)).x;
  }
  storeValue(product.out.first + row * product.out.row + column, sum);
}
