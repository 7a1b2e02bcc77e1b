// How a product of tensors stores a sum: as it is.

#import matmul

fn storeValue(at: u32, sum: f32) { out[at] = ElementOut(sum); }
