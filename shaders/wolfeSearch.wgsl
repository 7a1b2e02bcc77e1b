// The line search of L-BFGS, cut at its evaluations of the loss: src/math/wolfeSearch.ts, function by function. One invocation of a
// workgroup runs it.

#import finite

// Places of a member's numbers, in the order of `searchNames` of src/math/lbfgsState.ts.
const PHASE = 0u;
const ITERATIONS = 1u;
const EVALUATIONS = 2u;
const HAS_DIRECTION = 3u;
const PAIRS = 4u;
const OLDEST = 5u;
const SCALE = 6u;
const LOSS = 7u;
const SLOPE = 8u;
const LARGEST = 9u;
const STEP = 10u;
const TRIALS = 11u;
const IS_STUCK = 12u;
const LOW = 13u;
const STEP0 = 14u;
const STEP1 = 15u;
const LOSS0 = 16u;
const LOSS1 = 17u;
const SLOPE0 = 18u;
const SLOPE1 = 19u;
const NUMBERS = 20u;

// What the numbers wait for.
const BEGIN = 0.0;
const EXTEND = 1.0;
const NARROW = 2.0;

const DECREASE = 1e-4;
const CURVATURE = 0.9;
const MOST_TRIALS = 25.0;
const NARROWEST = 1e-9;
// The loss of a trial whose loss or gradients are not finite.
const INFINITE_LOSS = 0x1.fffffep+127f;

var<workgroup> search: array<f32, NUMBERS>;

struct Point {
  step: f32,
  loss: f32,
  slope: f32,
}

// Points that a search ends at.
const NONE = 0u;
const TRIAL = 1u;
const END = 2u;
const START = 3u;

struct Verdict {
  moved: u32,    // 1: the gradient at the lower end replaces that at the other, first
  stored: u32,   // the end that the trial's gradient belongs to; 2: none
  accepted: u32, // the point that the search ends at
}

fn endOf(end: u32) -> Point {
  return Point(search[STEP0 + end], search[LOSS0 + end], search[SLOPE0 + end]);
}

fn setEnd(end: u32, point: Point) {
  search[STEP0 + end] = point.step;
  search[LOSS0 + end] = point.loss;
  search[SLOPE0 + end] = point.slope;
}

// The minimum of the cubic through two points within bounds, or the middle.
fn interpolated(a: Point, b: Point, least: f32, most: f32) -> f32 {
  let middle = 0.5 * (least + most);
  if (max(a.loss, b.loss) >= INFINITE_LOSS) {
    return middle;
  }
  let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.step - b.step);
  let square = d1 * d1 - a.slope * b.slope;
  let d2 = sqrt(max(0.0, square));
  let isOrdered = a.step <= b.step;
  let nearStep = select(b.step, a.step, isOrdered);
  let farStep = select(a.step, b.step, isOrdered);
  let nearSlope = select(b.slope, a.slope, isOrdered);
  let farSlope = select(a.slope, b.slope, isOrdered);
  let minimum = farStep - (farStep - nearStep) * ((farSlope + d2 - d1) / (farSlope - nearSlope + 2.0 * d2));
  if (square >= 0.0 && !isNan(minimum)) {
    return min(max(minimum, least), most);
  }
  return middle;
}

// Sets the next trial within the bracket, or ends at its lower end.
fn narrow(moved: u32, stored: u32) -> Verdict {
  let a = endOf(0u);
  let b = endOf(1u);
  let least = min(a.step, b.step);
  let most = max(a.step, b.step);
  search[PHASE] = NARROW;
  if (search[TRIALS] >= MOST_TRIALS || (most - least) * search[LARGEST] < NARROWEST) {
    return Verdict(moved, stored, END);
  }
  var next = interpolated(a, b, least, most);
  let margin = 0.1 * (most - least);
  let isClose = min(most - next, next - least) < margin;
  let isMoved = isClose && (search[IS_STUCK] == 1.0 || next >= most || next <= least);
  if (isMoved) {
    next = select(least + margin, most - margin, abs(next - most) < abs(next - least));
  }
  search[IS_STUCK] = select(0.0, 1.0, isClose && !isMoved);
  search[STEP] = next;
  return Verdict(moved, stored, NONE);
}

// Judges a trial while the search extends.
fn extend(trial: Point) -> Verdict {
  let before = endOf(0u);
  if (search[TRIALS] >= MOST_TRIALS) {
    return Verdict(0u, 2u, select(TRIAL, START, search[LOSS] <= trial.loss));
  }
  let isHigh = trial.loss > search[LOSS] + DECREASE * trial.step * search[SLOPE]
    || (search[TRIALS] > 1.0 && trial.loss >= before.loss);
  if (!isHigh && abs(trial.slope) <= -CURVATURE * search[SLOPE]) {
    return Verdict(0u, 2u, TRIAL);
  }
  if (isHigh || trial.slope >= 0.0) {
    setEnd(1u, trial);
    search[LOW] = select(1.0, 0.0, before.loss <= trial.loss);
    return narrow(0u, 1u);
  }
  let least = trial.step + 0.01 * (trial.step - before.step);
  search[STEP] = interpolated(before, trial, least, 10.0 * trial.step);
  search[TRIALS] += 1.0;
  setEnd(0u, trial);
  return Verdict(0u, 0u, NONE);
}

// Judges a trial within the bracket.
fn judgeWithin(trial: Point) -> Verdict {
  search[TRIALS] += 1.0;
  let low = u32(search[LOW]);
  let high = 1u - low;
  let lower = endOf(low);
  if (trial.loss > search[LOSS] + DECREASE * trial.step * search[SLOPE] || trial.loss >= lower.loss) {
    setEnd(high, trial);
    search[LOW] = select(1.0, 0.0, search[LOSS0] <= search[LOSS1]);
    return narrow(0u, high);
  }
  let isDone = abs(trial.slope) <= -CURVATURE * search[SLOPE];
  let isBehind = trial.slope * (endOf(high).step - lower.step) >= 0.0;
  let moved = select(0u, 1u, !isDone && isBehind);
  if (moved == 1u) {
    setEnd(high, lower);
  }
  setEnd(low, trial);
  if (isDone) {
    return Verdict(0u, 2u, TRIAL);
  }
  return narrow(moved, low);
}

// Begins a search along a direction.
fn beginSearch(slope: f32, largest: f32) {
  search[PHASE] = EXTEND;
  search[SLOPE] = slope;
  search[LARGEST] = largest;
  search[TRIALS] = 0.0;
  search[IS_STUCK] = 0.0;
  search[LOW] = 0.0;
  setEnd(0u, Point(0.0, search[LOSS], slope));
  setEnd(1u, Point(0.0, 0.0, 0.0));
}

// Judges the trial, and sets the next one or the step and loss of the point that the search ends at.
fn judge(loss: f32, slope: f32) -> Verdict {
  let trial = Point(search[STEP], loss, slope);
  var verdict: Verdict;
  if (search[PHASE] == EXTEND) {
    verdict = extend(trial);
  } else {
    verdict = judgeWithin(trial);
  }
  if (verdict.accepted == END) {
    let low = endOf(u32(search[LOW]));
    search[STEP] = low.step;
    search[LOSS] = low.loss;
  } else if (verdict.accepted == TRIAL) {
    search[LOSS] = loss;
  } else if (verdict.accepted == START) {
    search[STEP] = 0.0;
  }
  return verdict;
}
