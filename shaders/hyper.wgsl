// What an optimizer's update takes besides parameters, gradients and moments. The kernel sets `rates`.

#import step
#import finite

struct Hyper {
  members: u32,
  parameterCount: u32,
  splits: u32,
  value0: f32, // numbers of the update that are the same for all members and steps
  value1: f32,
  value2: f32,
  value3: f32,
  value4: f32,
  value5: f32,
  value6: f32,
  value7: f32,
  value8: f32,
  value9: f32,
  value10: f32,
  value11: f32,
  value12: f32,
}

// Settings of the member that is updated.
var<private> rates: MemberSettings;
