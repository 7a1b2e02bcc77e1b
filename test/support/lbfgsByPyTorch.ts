// `torch.optim.LBFGS(line_search_fn="strong_wolfe")` as torch/optim/lbfgs.py has it, with a closure that is called where PyTorch calls it:
// the algorithm from end to end, where src/math/lbfgs.ts goes on from one evaluation to the next.

type Vector = number[];
type Objective = (x: Vector) => { loss: number; gradient: Vector };

export interface LbfgsOptions {
  readonly learningRate: number;
  readonly maxIterations: number;
  readonly maxEvaluations: number;
  readonly toleranceGradient: number;
  readonly toleranceChange: number;
  readonly historySize: number;
}

const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
const largest = (a: Vector): number => a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const moved = (x: Vector, t: number, d: Vector): Vector => x.map((value, at) => value + t * d[at]!);

function cubicInterpolate(
  [x1, f1, g1]: readonly [number, number, number],
  [x2, f2, g2]: readonly [number, number, number],
  bounds?: readonly [number, number],
): number {
  const [least, most] = bounds ?? (x1 <= x2 ? [x1, x2] : [x2, x1]);
  const d1 = g1 + g2 - (3 * (f1 - f2)) / (x1 - x2);
  const square = d1 ** 2 - g1 * g2;
  if (!(square >= 0)) return (least + most) / 2;
  const d2 = Math.sqrt(square);
  const minimum =
    x1 <= x2
      ? x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
      : x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2));
  return Math.min(Math.max(minimum, least), most);
}

interface Start {
  readonly x: Vector;
  readonly d: Vector;
  readonly f: number;
  readonly g: Vector;
  readonly gtd: number;
}

function strongWolfe(objective: Objective, start: Start, first: number) {
  const { x, d, f, g, gtd } = start;
  const [c1, c2, toleranceChange, maxLs] = [1e-4, 0.9, 1e-9, 25];
  let t = first;
  const evaluate = (): { fNew: number; gNew: Vector; gtdNew: number } => {
    const { loss, gradient } = objective(moved(x, t, d));
    return { fNew: loss, gNew: gradient, gtdNew: dot(gradient, d) };
  };
  const dNorm = largest(d);
  let { fNew, gNew, gtdNew } = evaluate();
  let evaluations = 1;
  let [tPrev, fPrev, gPrev, gtdPrev] = [0, f, g, gtd];
  let done = false;
  let lsIter = 0;
  let [bracket, bracketF, bracketG, bracketGtd] = [[0], [0], [g], [0]];
  while (lsIter < maxLs) {
    const both = (): void => {
      bracket = [tPrev, t];
      bracketF = [fPrev, fNew];
      bracketG = [gPrev, gNew];
      bracketGtd = [gtdPrev, gtdNew];
    };
    if (fNew > f + c1 * t * gtd || (lsIter > 1 && fNew >= fPrev)) {
      both();
      break;
    }
    if (Math.abs(gtdNew) <= -c2 * gtd) {
      [bracket, bracketF, bracketG] = [[t], [fNew], [gNew]];
      done = true;
      break;
    }
    if (gtdNew >= 0) {
      both();
      break;
    }
    const bounds = [t + 0.01 * (t - tPrev), t * 10] as const;
    const next = cubicInterpolate([tPrev, fPrev, gtdPrev], [t, fNew, gtdNew], bounds);
    [tPrev, fPrev, gPrev, gtdPrev] = [t, fNew, gNew, gtdNew];
    t = next;
    ({ fNew, gNew, gtdNew } = evaluate());
    evaluations++;
    lsIter++;
  }
  if (lsIter === maxLs)
    [bracket, bracketF, bracketG] = [
      [0, t],
      [f, fNew],
      [g, gNew],
    ];
  let insufficient = false;
  let [low, high] = bracketF[0]! <= bracketF.at(-1)! ? [0, 1] : [1, 0];
  while (!done && lsIter < maxLs) {
    if (Math.abs(bracket[1]! - bracket[0]!) * dNorm < toleranceChange) break;
    const end = (at: number) => [bracket[at]!, bracketF[at]!, bracketGtd[at]!] as const;
    t = cubicInterpolate(end(0), end(1));
    const [least, most] = [Math.min(...bracket), Math.max(...bracket)];
    const epsilon = 0.1 * (most - least);
    if (Math.min(most - t, t - least) < epsilon) {
      if (insufficient || t >= most || t <= least) {
        t = Math.abs(t - most) < Math.abs(t - least) ? most - epsilon : least + epsilon;
        insufficient = false;
      } else insufficient = true;
    } else insufficient = false;
    ({ fNew, gNew, gtdNew } = evaluate());
    evaluations++;
    lsIter++;
    const put = (at: number, values: readonly [number, number, Vector, number]): void => {
      [bracket[at], bracketF[at], bracketG[at], bracketGtd[at]] = values;
    };
    if (fNew > f + c1 * t * gtd || fNew >= bracketF[low]!) {
      put(high, [t, fNew, gNew, gtdNew]);
      [low, high] = bracketF[0]! <= bracketF[1]! ? [0, 1] : [1, 0];
    } else {
      if (Math.abs(gtdNew) <= -c2 * gtd) done = true;
      else if (gtdNew * (bracket[high]! - bracket[low]!) >= 0) {
        put(high, [bracket[low]!, bracketF[low]!, bracketG[low]!, bracketGtd[low]!]);
      }
      put(low, [t, fNew, gNew, gtdNew]);
    }
  }
  return { loss: bracketF[low]!, gradient: bracketG[low]!, t: bracket[low]!, evaluations };
}

/** Calls `step` of PyTorch until its closure has been called so often. @returns the points where it was, and which calls began a `step` */
export function lbfgsByPyTorch(objective: Objective, initial: Vector, options: LbfgsOptions, calls: number) {
  const { learningRate, maxIterations, maxEvaluations, toleranceGradient, toleranceChange, historySize } = options;
  const points: Vector[] = [];
  const begins: number[] = [];
  const closure: Objective = (point) => {
    points.push(point);
    return objective(point);
  };
  let x = initial;
  let allIterations = 0;
  let [d, t, hDiag, prevGradient] = [x, 0, 1, x];
  let [oldDirs, oldStps, ro]: [Vector[], Vector[], number[]] = [[], [], []];
  const direction = (gradient: Vector): Vector => {
    const y = gradient.map((value, at) => value - prevGradient[at]!);
    const s = d.map((value) => value * t);
    const ys = dot(y, s);
    if (ys > 1e-10) {
      if (oldDirs.length === historySize) {
        oldDirs.shift();
        oldStps.shift();
        ro.shift();
      }
      oldDirs.push(y);
      oldStps.push(s);
      ro.push(1 / ys);
      hDiag = ys / dot(y, y);
    }
    const al: number[] = [];
    let q = gradient.map((value) => -value);
    for (let i = oldDirs.length - 1; i >= 0; i--) {
      al[i] = dot(oldStps[i]!, q) * ro[i]!;
      q = moved(q, -al[i]!, oldDirs[i]!);
    }
    let r = q.map((value) => value * hDiag);
    for (let i = 0; i < oldDirs.length; i++) r = moved(r, al[i]! - dot(oldDirs[i]!, r) * ro[i]!, oldStps[i]!);
    return r;
  };
  const step = (): void => {
    begins.push(points.length);
    let { loss, gradient } = closure(x);
    let evaluations = 1;
    if (largest(gradient) <= toleranceGradient) return;
    for (let iteration = 1; iteration <= maxIterations; iteration++) {
      allIterations++;
      if (allIterations === 1) {
        d = gradient.map((value) => -value);
        [oldDirs, oldStps, ro, hDiag] = [[], [], [], 1];
      } else d = direction(gradient);
      prevGradient = gradient;
      const prevLoss = loss;
      const size = gradient.reduce((sum, value) => sum + Math.abs(value), 0);
      t = (allIterations === 1 ? Math.min(1, 1 / size) : 1) * learningRate;
      const gtd = dot(gradient, d);
      if (gtd > -toleranceChange) return;
      const found = strongWolfe(closure, { x, d, f: loss, g: gradient, gtd }, t);
      ({ loss, gradient, t } = found);
      x = moved(x, t, d);
      evaluations += found.evaluations;
      if (iteration === maxIterations || evaluations >= maxEvaluations) return;
      if (largest(gradient) <= toleranceGradient) return;
      if (largest(d.map((value) => value * t)) <= toleranceChange) return;
      if (Math.abs(loss - prevLoss) < toleranceChange) return;
    }
  };
  while (points.length < calls) step();
  return { points: points.slice(0, calls), begins: begins.filter((at) => at < calls) };
}
