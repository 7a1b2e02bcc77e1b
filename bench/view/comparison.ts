import type { Point, RaceRecord } from "../race/record.ts";
import { units } from "../race/units.ts";
import { comparisonChart, type Side } from "../report/charts.ts";
import { byId, fillSelect } from "./dom.ts";
import { shownPoint, Slot } from "./figures.ts";
import { pointOf, raceOf, slug, type Source } from "./sources.ts";
import type { State, Store } from "./store.ts";
import { type Compared, comparisonTable } from "./tables.ts";

interface Recorded extends Source {
  readonly record: RaceRecord;
}

const isRecorded = (source: Source | undefined): source is Recorded => source?.record !== undefined;

interface Half {
  readonly source: Recorded;
  readonly point: Point;
}

const sideOf = ({ source: { record }, point }: Half): Side => ({ record, point });

const comparedOf = ({ source: { name }, point }: Half): Compared => ({ name, point });

/** The shown result beside another one, at the point that is shown. */
export class Comparison {
  readonly #section = byId("comparison", HTMLElement);
  readonly #other = byId("other", HTMLSelectElement);
  readonly #lack = byId("comparison-lack", HTMLElement);
  readonly #chart = new Slot("comparison-figure");
  #wanted = "";

  listen(store: Store): void {
    this.#other.addEventListener("change", () => {
      this.#wanted = this.#other.value;
      store.change({});
    });
  }

  draw(state: State): void {
    const { source, race, point } = shownPoint(state);
    const others = state.sources.filter((other): other is Recorded => isRecorded(other) && other !== source);
    this.#section.hidden = !isRecorded(source) || !race || !point || others.length === 0;
    if (!isRecorded(source) || !race || !point || others.length === 0) return;
    // the newest, until another one is chosen
    const options = others.toReversed().map(({ id, name }) => ({ value: String(id), label: name }));
    const chosen = fillSelect(this.#other, options, this.#wanted);
    const other = others.find(({ id }) => String(id) === chosen)!;
    const twin = pointOf(raceOf(other, race.name), point.name);
    this.#lack.replaceChildren(twin ? "" : `${other.name} has no point ${point.name} of the race ${race.name}.`);
    const halves =
      twin &&
      ([
        { source, point },
        { source: other, point: twin },
      ] as const);
    this.#show(halves, state);
  }

  #show(halves: readonly [Half, Half] | undefined, { unit: unitName }: State): void {
    const unit = units[unitName];
    if (!halves) return this.#chart.show([], undefined);
    const [a, b] = halves;
    this.#chart.show([a.point, b.point, unit], () => ({
      title: `${a.source.name}, and ${b.source.name}`,
      file: slug(`${a.point.name} ${unit.name} side by side`),
      draw: (options) => comparisonChart([sideOf(a), sideOf(b)], unit, options),
      table: comparisonTable([comparedOf(a), comparedOf(b)], unit),
    }));
  }
}
