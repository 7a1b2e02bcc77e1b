// What update.wgsl and directions.wgsl expect where gradients are taken as they are.

fn prepareGradients(member: u32) {}
