// What update.wgsl expects where gradients are taken as they are.

fn prepareGradients(member: u32) {}
