// What trainGroups.wgsl expects where gradients are taken as they are.

#import tileGradients
#expects fn updateBlock(layer: Dense, row: u32, column: u32, gradient: vec4f)

fn takeGradients(layer: Dense, row: u32, column: u32, gradient: vec4f) {
  updateBlock(layer, row, column, gradient);
}

fn applyGradients(thread: u32) {
  handOutSums(thread);
}
