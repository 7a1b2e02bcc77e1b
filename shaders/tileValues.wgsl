// How sampleTile.wgsl stores the values of a tile: as f32.

#import sampleTile

alias Stored = vec4f;

fn load(place: u32) -> vec4f {
  return values[place];
}

fn store(place: u32, value: vec4f) {
  values[place] = value;
}

// Gradients are those of the mean over the batch from the start.
fn gradientScale() -> f32 {
  return step.lossScale;
}

fn lateScale() -> f32 {
  return 1.0;
}
