// Whether four neighbours in a dispatch are a quad, as quadLoads.wgsl takes them to be and WGSL does not promise: every invocation
// writes down what the four of its quad say their places are.

enable subgroups;

@group(0) @binding(0) var<storage, read_write> seen: array<vec4u>;

@compute @workgroup_size(64)
fn quadProbe(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  seen[index] = vec4u(quadBroadcast(index, 0u), quadBroadcast(index, 1u), quadBroadcast(index, 2u), quadBroadcast(index, 3u));
}
