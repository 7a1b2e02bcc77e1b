// The update of L-BFGS, of a workgroup for each member: takes an evaluation of loss and gradients to the parameters of the next one. CPU
// reference: src/math/lbfgs.ts, by the same names.
//   settings   [members]
//   gradients  [splits, members, parameterCount + 1] summed into the first split
//   parameters [members, parameterCount]
//   state      [rows, members, parameterCount]       src/math/lbfgsState.ts
//   losses     [ringSteps, members]
//   status     [3, members]                          see optimizer.wgsl
// An invocation reads and writes every THREADS-th parameter, in all rows: what one wrote no other reads, and barriers are for sums alone.

#import step
#import stopped
#import wolfeSearch

struct LbfgsSizes {
  members: u32,
  parameterCount: u32,
  splits: u32,
  historySize: u32,
  numberRows: u32,
  maxIterations: f32,
  maxEvaluations: f32,
  toleranceGradient: f32,
  toleranceChange: f32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> sizes: LbfgsSizes;
@group(0) @binding(2) var<storage, read> settings: array<MemberSettings>;
@group(0) @binding(3) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> losses: array<f32>;
@group(0) @binding(7) var<storage, read_write> status: array<u32>;

override THREADS: u32 = 64u; // a power of 2
override HISTORY: u32 = 10u; // pairs that there is room for

// Rows behind those of numbers; behind them y of each pair, s of each pair, and the start.
const DIRECTION = 0u;
const GRADIENT = 1u;
const ENDS = 2u;
const VECTORS = 4u;

const LEAST_CURVATURE = 1e-10;

// What happens to a member behind a judgement.
const STOP = 0u;    // its numbers are not finite
const TRY = 1u;     // another trial
const ACCEPT = 2u;  // the search ends
const ITERATE = 3u; // a search begins
const FINISH = 4u;  // PyTorch's `step` ends: the next evaluation is of the start

struct Plan {
  action: u32,
  verdict: Verdict,
  change: f32, // of the loss, where the search ends
}

var<workgroup> plan: Plan;
var<workgroup> isStopped: u32;
var<workgroup> partials: array<vec4f, THREADS>;
// 1 / (y · s) of each pair, and what the first loop of the direction hands to the second.
var<workgroup> curvatures: array<f32, HISTORY>;
var<workgroup> shares: array<f32, HISTORY>;

fn rowAt(row: u32, member: u32) -> u32 {
  return (row * sizes.members + member) * sizes.parameterCount;
}

fn vectorAt(vector: u32, member: u32) -> u32 {
  return rowAt(sizes.numberRows + vector, member);
}

fn startAt(member: u32) -> u32 {
  return vectorAt(VECTORS + 2u * sizes.historySize, member);
}

fn numberAt(number: u32, member: u32) -> u32 {
  return rowAt(number / sizes.parameterCount, member) + number % sizes.parameterCount;
}

fn gradientsAt(member: u32) -> u32 {
  return member * (sizes.parameterCount + 1u);
}

// Sums over the workgroup of x, y and z, and the largest w.
fn gathered(thread: u32, own: vec4f) -> vec4f {
  partials[thread] = own;
  for (var width = THREADS / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      let other = partials[thread + width];
      let mine = partials[thread];
      partials[thread] = vec4f(mine.xyz + other.xyz, max(mine.w, other.w));
    }
  }
  return workgroupUniformLoad(&partials[0]);
}

// Adds up the splits of the gradients, and of the loss.
fn takeGradients(thread: u32, member: u32) {
  let stride = sizes.members * (sizes.parameterCount + 1u);
  for (var entry = thread; entry <= sizes.parameterCount; entry += THREADS) {
    let first = gradientsAt(member) + entry;
    var sum = gradients[first];
    for (var split = 1u; split < sizes.splits; split++) {
      sum += gradients[first + split * stride];
    }
    gradients[first] = sum;
  }
}

// The loss lies behind the gradients, with an invocation of its own: all others wait for its sum.
fn keepLoss(member: u32) -> f32 {
  let loss = gradients[gradientsAt(member) + sizes.parameterCount];
  losses[step.lossSlot * sizes.members + member] = loss;
  let least = sizes.members + member;
  if (isFinite(loss) && loss < bitcast<f32>(status[least])) {
    status[least] = bitcast<u32>(loss);
    status[least + sizes.members] = step.index;
  }
  return loss;
}

// Judges a trial, or begins. `fits`: whether the loss and all gradients are finite
fn decide(loss: f32, largest: f32, slope: f32, fits: bool) {
  plan = Plan(STOP, Verdict(0u, 2u, TRIAL), 0.0);
  if (search[PHASE] != BEGIN) {
    let before = search[LOSS];
    search[EVALUATIONS] += 1.0;
    plan.verdict = judge(select(INFINITE_LOSS, loss, fits), select(0.0, slope, fits));
    plan.action = select(ACCEPT, TRY, plan.verdict.accepted == NONE);
    plan.change = abs(search[LOSS] - before);
    if (!fits) {
      plan.verdict.stored = 2u;
    }
  } else if (fits) {
    search[ITERATIONS] = 0.0;
    search[EVALUATIONS] = 1.0;
    search[LOSS] = select(loss, search[LOSS], largest <= sizes.toleranceGradient);
    plan.action = select(ITERATE, FINISH, largest <= sizes.toleranceGradient);
  }
}

// A gradient at the point that a search ends at.
fn gradientAt(accepted: u32, low: u32, member: u32, entry: u32) -> f32 {
  switch accepted {
    case END: {
      return state[vectorAt(ENDS + low, member) + entry];
    }
    case START: {
      return state[vectorAt(GRADIENT, member) + entry];
    }
    default: {
      return gradients[gradientsAt(member) + entry];
    }
  }
}

// Keeps gradients of the bracket's ends.
fn keepGradients(thread: u32, member: u32, verdict: Verdict, low: u32) {
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    if (verdict.moved == 1u) {
      state[vectorAt(ENDS + 1u - low, member) + entry] = state[vectorAt(ENDS + low, member) + entry];
    }
    if (verdict.stored < 2u) {
      state[vectorAt(ENDS + verdict.stored, member) + entry] = gradients[gradientsAt(member) + entry];
    }
  }
}

// Moves the start to the point that a search ends at. Returns whether PyTorch's `step` ends.
fn accept(thread: u32, member: u32, accepted: u32, low: u32, change: f32) -> bool {
  let length = search[STEP];
  var largest = 0.0;
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    let at = startAt(member) + entry;
    state[at] = fma(length, state[vectorAt(DIRECTION, member) + entry], state[at]);
    largest = max(largest, abs(gradientAt(accepted, low, member, entry)));
  }
  largest = gathered(thread, vec4f(0.0, 0.0, 0.0, largest)).w;
  let iterations = workgroupUniformLoad(&search[ITERATIONS]);
  let evaluations = workgroupUniformLoad(&search[EVALUATIONS]);
  let moved = abs(workgroupUniformLoad(&search[STEP])) * workgroupUniformLoad(&search[LARGEST]);
  return iterations >= sizes.maxIterations || evaluations >= sizes.maxEvaluations || largest <= sizes.toleranceGradient
    || moved <= sizes.toleranceChange || change < sizes.toleranceChange;
}

// Keeps the differences of gradients and parameters over the last search, in place of the oldest where there is no room.
fn remember(thread: u32, member: u32, accepted: u32, low: u32) {
  let length = workgroupUniformLoad(&search[STEP]);
  var sums = vec4f();
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    let y = gradientAt(accepted, low, member, entry) - state[vectorAt(GRADIENT, member) + entry];
    let s = state[vectorAt(DIRECTION, member) + entry] * length;
    sums.x = fma(y, s, sums.x);
    sums.y = fma(y, y, sums.y);
  }
  let both = gathered(thread, sums);
  if (!(both.x > LEAST_CURVATURE && isFinite(both.x) && isFinite(both.y))) {
    return;
  }
  let pairs = u32(workgroupUniformLoad(&search[PAIRS]));
  let oldest = u32(workgroupUniformLoad(&search[OLDEST]));
  let place = (oldest + pairs) % sizes.historySize; // that of the oldest where there is no room
  if (thread == 0u) {
    if (pairs == sizes.historySize) {
      search[OLDEST] = f32((oldest + 1u) % sizes.historySize);
    } else {
      search[PAIRS] = f32(pairs + 1u);
    }
    curvatures[place] = 1.0 / both.x;
    search[SCALE] = both.x / both.y;
  }
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    let y = gradientAt(accepted, low, member, entry) - state[vectorAt(GRADIENT, member) + entry];
    let s = state[vectorAt(DIRECTION, member) + entry] * length;
    state[vectorAt(VECTORS + place, member) + entry] = y;
    state[vectorAt(VECTORS + sizes.historySize + place, member) + entry] = s;
  }
}

// Sum over the parameters of the products of a row and the direction.
fn dotDirection(thread: u32, member: u32, row: u32) -> f32 {
  var sum = 0.0;
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    sum = fma(state[row + entry], state[vectorAt(DIRECTION, member) + entry], sum);
  }
  return gathered(thread, vec4f(sum, 0.0, 0.0, 0.0)).x;
}

fn addToDirection(thread: u32, member: u32, factor: f32, row: u32) {
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    let at = vectorAt(DIRECTION, member) + entry;
    state[at] = fma(factor, state[row + entry], state[at]);
  }
}

// The direction: the gradients times an inverse Hessian made of the pairs, negated.
fn turn(thread: u32, member: u32, accepted: u32, low: u32) {
  let pairs = u32(workgroupUniformLoad(&search[PAIRS]));
  let oldest = u32(workgroupUniformLoad(&search[OLDEST]));
  let scale = workgroupUniformLoad(&search[SCALE]);
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    state[vectorAt(DIRECTION, member) + entry] = -gradientAt(accepted, low, member, entry);
  }
  for (var newer = 0u; newer < pairs; newer++) {
    let place = (oldest + pairs - 1u - newer) % sizes.historySize;
    let s = vectorAt(VECTORS + sizes.historySize + place, member);
    let share = dotDirection(thread, member, s) * curvatures[place];
    if (thread == 0u) {
      shares[place] = share;
    }
    addToDirection(thread, member, -share, vectorAt(VECTORS + place, member));
  }
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    state[vectorAt(DIRECTION, member) + entry] *= scale;
  }
  for (var older = 0u; older < pairs; older++) {
    let place = (oldest + older) % sizes.historySize;
    let dotted = dotDirection(thread, member, vectorAt(VECTORS + place, member));
    let factor = shares[place] - dotted * curvatures[place];
    addToDirection(thread, member, factor, vectorAt(VECTORS + sizes.historySize + place, member));
  }
}

// The first direction: the gradients, negated. Returns the length of its first trial.
fn descend(thread: u32, member: u32, accepted: u32, low: u32) -> f32 {
  var size = 0.0;
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    let gradient = gradientAt(accepted, low, member, entry);
    state[vectorAt(DIRECTION, member) + entry] = -gradient;
    size += abs(gradient);
  }
  return min(1.0, 1.0 / gathered(thread, vec4f(size, 0.0, 0.0, 0.0)).x);
}

// Begins the line search of the next iteration. Returns what happens next: TRY, FINISH or STOP.
fn iterate(thread: u32, member: u32, accepted: u32, low: u32) -> u32 {
  var length = settings[member].learningRate;
  if (workgroupUniformLoad(&search[HAS_DIRECTION]) == 1.0) {
    remember(thread, member, accepted, low);
    turn(thread, member, accepted, low);
  } else {
    length *= descend(thread, member, accepted, low);
  }
  var sums = vec4f();
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    let gradient = gradientAt(accepted, low, member, entry);
    let direction = state[vectorAt(DIRECTION, member) + entry];
    state[vectorAt(GRADIENT, member) + entry] = gradient;
    state[vectorAt(ENDS, member) + entry] = gradient;
    sums.x = fma(gradient, direction, sums.x);
    sums.y += select(1.0, 0.0, isFinite(direction));
    sums.w = max(sums.w, abs(direction));
  }
  let all = gathered(thread, sums);
  let isGoing = isFinite(all.x) && isFinite(all.w) && all.y == 0.0;
  let isFlat = all.x > -sizes.toleranceChange;
  if (thread == 0u) {
    search[ITERATIONS] += 1.0;
    if (search[HAS_DIRECTION] == 0.0) {
      search[HAS_DIRECTION] = 1.0;
      search[SCALE] = 1.0;
    }
    search[STEP] = length;
    if (isGoing && !isFlat) {
      beginSearch(all.x, all.w);
    }
  }
  return select(STOP, select(TRY, FINISH, isFlat), isGoing);
}

// Sets the parameters to a trial, or to the start.
fn setParameters(thread: u32, member: u32, isTrial: bool) {
  let length = select(0.0, search[STEP], isTrial);
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    let start = state[startAt(member) + entry];
    let moved = fma(length, state[vectorAt(DIRECTION, member) + entry], start);
    parameters[member * sizes.parameterCount + entry] = select(start, moved, isTrial);
  }
}

fn loadNumbers(thread: u32, member: u32) {
  for (var number = thread; number < NUMBERS + sizes.historySize; number += THREADS) {
    let value = state[numberAt(number, member)];
    if (number < NUMBERS) {
      search[number] = value;
    } else {
      curvatures[number - NUMBERS] = value;
    }
  }
}

fn storeNumbers(thread: u32, member: u32) {
  for (var number = thread; number < NUMBERS + sizes.historySize; number += THREADS) {
    if (number < NUMBERS) {
      state[numberAt(number, member)] = search[number];
    } else {
      state[numberAt(number, member)] = curvatures[number - NUMBERS];
    }
  }
}

// Slope along the direction, how many gradients are not finite, and the largest; where a step of PyTorch begins, notes the start.
fn measure(thread: u32, member: u32) -> vec4f {
  let isBegin = workgroupUniformLoad(&search[PHASE]) == BEGIN;
  var sums = vec4f();
  for (var entry = thread; entry < sizes.parameterCount; entry += THREADS) {
    let gradient = gradients[gradientsAt(member) + entry];
    sums.x = fma(gradient, state[vectorAt(DIRECTION, member) + entry], sums.x);
    sums.y += select(1.0, 0.0, isFinite(gradient));
    sums.w = max(sums.w, abs(gradient));
    if (isBegin) {
      state[startAt(member) + entry] = parameters[member * sizes.parameterCount + entry];
    }
  }
  return gathered(thread, sums);
}

@compute @workgroup_size(THREADS)
fn lbfgs(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let member = step.firstMember + group.z;
  if (member >= sizes.members) {
    return;
  }
  if (thread == 0u) {
    isStopped = select(0u, 1u, status[member] < step.index);
  }
  if (workgroupUniformLoad(&isStopped) == 1u) {
    if (thread == 0u) {
      losses[step.lossSlot * sizes.members + member] = stoppedLoss();
    }
    return;
  }
  loadNumbers(thread, member);
  takeGradients(thread, member);
  let measured = measure(thread, member);
  if (thread == sizes.parameterCount % THREADS) {
    let loss = keepLoss(member);
    decide(loss, measured.w, measured.x, measured.y == 0.0 && isFinite(loss));
  }
  let own = workgroupUniformLoad(&plan);
  let low = u32(workgroupUniformLoad(&search[LOW]));
  keepGradients(thread, member, own.verdict, low);
  var action = own.action;
  if (action == ACCEPT) {
    action = select(ITERATE, FINISH, accept(thread, member, own.verdict.accepted, low, own.change));
  }
  if (action == ITERATE) {
    action = iterate(thread, member, own.verdict.accepted, low);
  }
  workgroupBarrier();
  setParameters(thread, member, action == TRY);
  if (thread == 0u && action == FINISH) {
    search[PHASE] = BEGIN;
  }
  if (thread == 0u && action == STOP) {
    status[member] = step.index;
  }
  workgroupBarrier();
  storeNumbers(thread, member);
}
