// How sampleTile.wgsl stores the values of a tile: as f16, two to a word, so that a tile takes half the memory; everything is
// computed in f32. Packing is part of every WebGPU: no feature is needed.

#import sampleTile

alias Stored = vec2u;

fn load(place: u32) -> vec4f {
  let stored = values[place];
  return vec4f(unpack2x16float(stored.x), unpack2x16float(stored.y));
}

// The largest f16 stands for all finite values beyond it: packing them may give anything. Others become NaN, so that the
// member stops.
fn store(place: u32, value: vec4f) {
  let bounded = clamp(value, vec4f(-65504.0), vec4f(65504.0));
  let isLost = (bitcast<vec4u>(value) & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
  let lost = select(vec4u(), vec4u(0x7e00u, 0x7e000000u, 0x7e00u, 0x7e000000u), isLost);
  values[place] = vec2u(pack2x16float(bounded.xy), pack2x16float(bounded.zw)) | (lost.xz | lost.yw);
}

// Gradients of a sample's own loss: divided by the size of the batch they would fall below the least f16.
fn gradientScale() -> f32 {
  return 1.0;
}

fn lateScale() -> f32 {
  return step.lossScale;
}
