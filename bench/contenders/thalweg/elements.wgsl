// values[i] = activate(values[i]), or 2 · activateDerivative(values[i]), in place, four values an invocation.
// Joined behind shaders/step.wgsl and shaders/activation.wgsl.

override DERIVATIVE: bool = false;

// In fours.
struct Part {
  first: u32,
  count: u32,
}

@group(0) @binding(0) var<uniform> part: Part;
@group(0) @binding(1) var<storage, read_write> values: array<vec4f>;

fn element(value: f32) -> f32 {
  if (DERIVATIVE) {
    return 2.0 * activateDerivative(value);
  }
  return activate(value);
}

@compute @workgroup_size(64)
fn elements(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = linearIndex(id, groups, 64u);
  if (index >= part.count) {
    return;
  }
  let four = values[part.first + index];
  values[part.first + index] = vec4f(element(four.x), element(four.y), element(four.z), element(four.w));
}
