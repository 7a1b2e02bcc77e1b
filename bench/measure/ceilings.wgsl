// What an adapter can do at best: arithmetic, memory, and dispatches that do nothing. Read by bench/ceilings.ts.

override ROUNDS: u32 = 16u;

@group(0) @binding(0) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;
@group(0) @binding(2) var<storage, read> right: array<vec4f>;

// ROUNDS × 32 fma of four values each, in 16 independent chains. Scalar factors keep registers free on CPU adapters.
@compute @workgroup_size(64)
fn fmaChains(@builtin(global_invocation_id) id: vec3u) {
  let scale = right[0].x;
  let shift = right[0].y;
  var a = vec4f(f32(id.x));
  var b = a + 1.0;
  var c = a + 2.0;
  var d = a + 3.0;
  for (var round = 0u; round < ROUNDS; round++) {
    a = fma(a, vec4f(scale), vec4f(shift)); b = fma(b, vec4f(scale), vec4f(shift));
    c = fma(c, vec4f(scale), vec4f(shift)); d = fma(d, vec4f(scale), vec4f(shift));
    a = fma(a, vec4f(scale), vec4f(shift)); b = fma(b, vec4f(scale), vec4f(shift));
    c = fma(c, vec4f(scale), vec4f(shift)); d = fma(d, vec4f(scale), vec4f(shift));
    a = fma(a, vec4f(scale), vec4f(shift)); b = fma(b, vec4f(scale), vec4f(shift));
    c = fma(c, vec4f(scale), vec4f(shift)); d = fma(d, vec4f(scale), vec4f(shift));
    a = fma(a, vec4f(scale), vec4f(shift)); b = fma(b, vec4f(scale), vec4f(shift));
    c = fma(c, vec4f(scale), vec4f(shift)); d = fma(d, vec4f(scale), vec4f(shift));
    a = fma(a, vec4f(scale), vec4f(shift)); b = fma(b, vec4f(scale), vec4f(shift));
    c = fma(c, vec4f(scale), vec4f(shift)); d = fma(d, vec4f(scale), vec4f(shift));
    a = fma(a, vec4f(scale), vec4f(shift)); b = fma(b, vec4f(scale), vec4f(shift));
    c = fma(c, vec4f(scale), vec4f(shift)); d = fma(d, vec4f(scale), vec4f(shift));
    a = fma(a, vec4f(scale), vec4f(shift)); b = fma(b, vec4f(scale), vec4f(shift));
    c = fma(c, vec4f(scale), vec4f(shift)); d = fma(d, vec4f(scale), vec4f(shift));
    a = fma(a, vec4f(scale), vec4f(shift)); b = fma(b, vec4f(scale), vec4f(shift));
    c = fma(c, vec4f(scale), vec4f(shift)); d = fma(d, vec4f(scale), vec4f(shift));
  }
  sums[id.x] = a + b + c + d;
}

// sums = 0.5 · left + right, 16 bytes of each per invocation: 48 bytes moved.
@compute @workgroup_size(64)
fn triad(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = id.y * groups.x * 64u + id.x;
  sums[at] = fma(left[at], vec4f(0.5), right[at]);
}

// One workgroup that touches nothing.
@compute @workgroup_size(64)
fn emptyDispatch() {}

// One workgroup that needs the result of the dispatch before it, as every kernel of a step does.
@compute @workgroup_size(64)
fn dependentDispatch(@builtin(local_invocation_index) index: u32) {
  if (index == 0u) {
    sums[0] = sums[0] + vec4f(1.0);
  }
}
