import { InvalidInput } from "../errors.ts";
import { meanOf, type Measured, type Metric, type MetricName, metricOf, type MetricShape } from "./metrics.ts";
import type { Rows, Statistic } from "./rows.ts";

/** What one metric is for one member; its value is NaN where it is not defined, and of a matrix. */
export interface MemberMetric extends Measured {
  readonly value: number;
}

/** Metrics that were requested, checked. */
export interface MetricsPlan {
  readonly shape: MetricShape;
  readonly metrics: ReadonlyMap<MetricName, Metric>;
}

/** @throws InvalidInput on names that are none or do not fit */
export function planMetrics(place: string, names: readonly MetricName[], shape: MetricShape): MetricsPlan {
  if (!Array.isArray(names)) {
    const fix = 'pass ["f1"], for example';
    throw new InvalidInput({ place: `${place}: metrics`, expected: "a list of names", got: typeof names, fix });
  }
  return { shape, metrics: new Map(names.map((name) => [name, metricOf(`${place}: metrics`, name, shape)])) };
}

/** Statistics of rows, each once however many metrics follow from it. */
class Sums {
  readonly #statistics = new Map<Metric["statistic"], Statistic>();

  constructor({ metrics }: MetricsPlan, width: number) {
    for (const { statistic } of metrics.values()) {
      if (!this.#statistics.has(statistic)) this.#statistics.set(statistic, new statistic(width));
    }
  }

  add(rows: Rows): void {
    for (const statistic of this.#statistics.values()) statistic.add(rows);
  }

  of({ statistic, of }: Metric): ReturnType<Metric["of"]> {
    return of(this.#statistics.get(statistic)!);
  }
}

/** The metrics of one member, from rows that come slice by slice. */
export class MemberSums {
  readonly #plan: MetricsPlan;
  readonly #sums: readonly Sums[];

  constructor(plan: MetricsPlan) {
    const { task, width } = plan.shape;
    this.#plan = plan;
    const sizeOfEach = task === "binary" || task === "multilabel" ? 2 : width;
    this.#sums = Array.from({ length: task === "multilabel" ? width : 1 }, () => new Sums(plan, sizeOfEach));
  }

  /** @param rows of multilabel those of each output, else one element */
  add(rows: readonly Rows[]): void {
    for (const [index, sums] of this.#sums.entries()) sums.add(rows[index]!);
  }

  /**
   * A metric over the rows so far. Of multilabel it is the mean over the outputs; precision, recall and F1 of an output are those of its
   * second class, as in scikit-learn.
   */
  of(name: MetricName): MemberMetric {
    const metric = this.#plan.metrics.get(name)!;
    const [first, ...others] = this.#sums.map((sums) => sums.of(metric));
    if (this.#plan.shape.task !== "multilabel") return { value: Number.NaN, ...first };
    const each = Float64Array.from([first!, ...others], (own) => own.each?.[1] ?? own.value!);
    return { value: meanOf(each.filter((value) => !Number.isNaN(value))), each };
  }
}
