import type { Progress } from "../node.ts";

/** Losses when a part of the training was done. */
export interface LossPoint {
  readonly epoch: number;
  readonly loss: number;
  readonly validation?: number | undefined;
}

/** More points are drawn by no terminal: of a long run each is the mean of several events. */
const mostPoints = 512;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Finite losses alone count. */
export function meanPoint(points: readonly LossPoint[]): LossPoint {
  const losses = points.map(({ loss }) => loss).filter(Number.isFinite);
  const held = points.flatMap(({ validation }) => validation ?? []).filter(Number.isFinite);
  return {
    epoch: points.at(-1)!.epoch,
    loss: mean(losses),
    validation: held.length > 0 ? mean(held) : undefined,
  };
}

/** The course of the losses of a training, in a bounded number of points. */
export class LossCurve {
  #points: LossPoint[] = [];
  /** Events that one point stands for. */
  #stride = 1;
  #pending: LossPoint[] = [];

  add({ epoch, loss, validation }: Pick<Progress, "epoch" | "loss" | "validation">): void {
    this.#pending.push({ epoch, loss, validation: validation?.loss });
    if (this.#pending.length < this.#stride) return;
    this.#points.push(meanPoint(this.#pending));
    this.#pending = [];
    if (this.#points.length < mostPoints) return;
    this.#points = Array.from({ length: mostPoints / 2 }, (_, at) => meanPoint(this.#points.slice(2 * at, 2 * at + 2)));
    this.#stride *= 2;
  }

  get points(): readonly LossPoint[] {
    return this.#pending.length === 0 ? this.#points : [...this.#points, meanPoint(this.#pending)];
  }
}
