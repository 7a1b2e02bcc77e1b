// What the kernels read and write that take slices of a batch through all layers: trainSamples and trainTiles.
//   inputs     [rows, inputs], targets [rows, outputs], shared by all members
//   settings   [members]
//   parameters [members, parameterCount]
//   partials   [splits, members, parameterCount + 1]   the last column is the loss, scaled like the gradients

#import step

struct Slices {
  rows: u32,       // samples of one slice
  splits: u32,      // slices of a full batch
  members: u32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> slices: Slices;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read> settings: array<MemberSettings>;
@group(0) @binding(5) var<storage, read> parameters: array<f32>;
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;
