import { type Search, searchNames } from "./lbfgsState.ts";

// A line search for the strong Wolfe conditions: that of `torch.optim.LBFGS(line_search_fn="strong_wolfe")`, cut at its evaluations of the
// loss, so that a training evaluates and the search continues from the numbers that it has kept. shaders/wolfeSearch.wgsl is the same on a GPU.

/** What a member's numbers wait for: the loss with which PyTorch's `step` begins, or a trial of a search that still extends or that narrows. */
export const phases = { begin: 0, extend: 1, narrow: 2 } as const;

/** Sufficient decrease and curvature (Nocedal and Wright, section 3.1), evaluations of one search, and the narrowest bracket. */
const [decrease, curvature, mostTrials, narrowest] = [1e-4, 0.9, 25, 1e-9];

/** The loss of a trial whose loss or gradients are not finite: the search takes the step for too long. The largest f32. */
export const infiniteLoss = 3.4028234663852886e38;

export const newSearch = (): Search => Object.fromEntries(searchNames.map((name) => [name, 0])) as unknown as Search;

/** A point of the line: its step, the loss there and the slope. */
interface Point {
  readonly step: number;
  readonly loss: number;
  readonly slope: number;
}

const endOf = (search: Search, end: number): Point =>
  end === 0
    ? { step: search.step0, loss: search.loss0, slope: search.slope0 }
    : { step: search.step1, loss: search.loss1, slope: search.slope1 };

function setEnd(search: Search, end: number, { step, loss, slope }: Point): void {
  if (end === 0) [search.step0, search.loss0, search.slope0] = [step, loss, slope];
  else [search.step1, search.loss1, search.slope1] = [step, loss, slope];
}

/**
 * The minimum of the cubic through two points within bounds (Nocedal and Wright, equation 3.59), or the middle where there is none, and
 * where a loss is infinite.
 */
function interpolated(a: Point, b: Point, least: number, most: number): number {
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.step - b.step);
  const square = d1 * d1 - a.slope * b.slope;
  const isKnown = Math.max(a.loss, b.loss) < infiniteLoss && square >= 0;
  const d2 = Math.sqrt(Math.max(0, square));
  const [near, far] = a.step <= b.step ? [a, b] : [b, a];
  const minimum = far.step - (far.step - near.step) * ((far.slope + d2 - d1) / (far.slope - near.slope + 2 * d2));
  return isKnown && !Number.isNaN(minimum) ? Math.min(Math.max(minimum, least), most) : (least + most) / 2;
}

/** What becomes of the gradient of a trial, and whether the search ends. */
export interface Verdict {
  /** First the gradient at the lower end replaces that at the other. */
  readonly moved: boolean;
  /** The end of the bracket that the trial's gradient belongs to from now on; −1: none. */
  readonly stored: number;
  /** The point that the search ends at: the trial, an end of the bracket, or the start; undefined: there is another trial. */
  readonly accepted: "trial" | "end" | "start" | undefined;
}

const ends = (accepted: "trial" | "start"): Verdict => ({ moved: false, stored: -1, accepted });

/** Sets the next trial within the bracket, or ends at its lower end. */
function narrow(search: Search, moved: boolean, stored: number): Verdict {
  const [a, b] = [endOf(search, 0), endOf(search, 1)];
  const [least, most] = [Math.min(a.step, b.step), Math.max(a.step, b.step)];
  search.phase = phases.narrow;
  if (search.trials >= mostTrials || (most - least) * search.largest < narrowest) {
    return { moved, stored, accepted: "end" };
  }
  let step = interpolated(a, b, least, most);
  const margin = 0.1 * (most - least);
  const isClose = Math.min(most - step, step - least) < margin;
  const isMoved = isClose && (search.isStuck === 1 || step >= most || step <= least);
  if (isMoved) step = Math.abs(step - most) < Math.abs(step - least) ? most - margin : least + margin;
  search.isStuck = isClose && !isMoved ? 1 : 0;
  search.step = step;
  return { moved, stored, accepted: undefined };
}

/** Judges a trial while the search extends: each is longer than the one before, until one bounds a minimum. */
function extend(search: Search, trial: Point): Verdict {
  const before = endOf(search, 0);
  if (search.trials >= mostTrials) return ends(search.loss <= trial.loss ? "start" : "trial");
  const isHigh =
    trial.loss > search.loss + decrease * trial.step * search.slope || (search.trials > 1 && trial.loss >= before.loss);
  if (!isHigh && Math.abs(trial.slope) <= -curvature * search.slope) return ends("trial");
  if (isHigh || trial.slope >= 0) {
    setEnd(search, 1, trial);
    search.low = before.loss <= trial.loss ? 0 : 1;
    return narrow(search, false, 1);
  }
  const least = trial.step + 0.01 * (trial.step - before.step);
  search.step = interpolated(before, trial, least, 10 * trial.step);
  search.trials++;
  setEnd(search, 0, trial);
  return { moved: false, stored: 0, accepted: undefined };
}

/** Judges a trial within the bracket. */
function judgeWithin(search: Search, trial: Point): Verdict {
  search.trials++;
  const { low } = search;
  const high = 1 - low;
  const lower = endOf(search, low);
  if (trial.loss > search.loss + decrease * trial.step * search.slope || trial.loss >= lower.loss) {
    setEnd(search, high, trial);
    search.low = search.loss0 <= search.loss1 ? 0 : 1;
    return narrow(search, false, high);
  }
  const isDone = Math.abs(trial.slope) <= -curvature * search.slope;
  const moved = !isDone && trial.slope * (endOf(search, high).step - lower.step) >= 0;
  if (moved) setEnd(search, high, lower);
  setEnd(search, low, trial);
  return isDone ? ends("trial") : narrow(search, moved, low);
}

/** Begins a search along a direction. */
export function beginSearch(
  search: Search,
  { loss, slope, largest }: { loss: number; slope: number; largest: number },
): void {
  search.phase = phases.extend;
  Object.assign(search, { loss, slope, largest, trials: 0, isStuck: 0, low: 0 });
  setEnd(search, 0, { step: 0, loss, slope });
  setEnd(search, 1, { step: 0, loss: 0, slope: 0 });
}

/**
 * Judges the trial at `search.step`, and sets the next one or the point that the search ends at: its step and loss.
 * @param loss `infiniteLoss` where the loss or a gradient is not finite
 */
export function judge(search: Search, loss: number, slope: number): Verdict {
  const trial = { step: search.step, loss, slope };
  const verdict = search.phase === phases.extend ? extend(search, trial) : judgeWithin(search, trial);
  if (verdict.accepted === "end") {
    const { step, loss: own } = endOf(search, search.low);
    search.step = step;
    search.loss = own;
  } else if (verdict.accepted === "trial") search.loss = loss;
  else if (verdict.accepted === "start") search.step = 0;
  return verdict;
}
