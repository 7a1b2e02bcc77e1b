// Adds the products of four k to four sums: the sums of a row, its four values of the left matrix, and four rows of the right one. The
// four are added to each other first; every product that joins this adds in this order, and so has the same bits.
fn addFour(sum: vec4f, left: vec4f, right: mat4x4f) -> vec4f {
  let two = fma(vec4f(left.y), right[1], left.x * right[0]);
  return sum + fma(vec4f(left.w), right[3], fma(vec4f(left.z), right[2], two));
}
