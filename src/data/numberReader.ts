// How the numbers of another table than that of the training are written.

import { BadFile } from "../errors.ts";
import { allPresent, numberIn } from "./cellValues.ts";
import type { CellReader } from "./encode.ts";
import { inspectColumn } from "./inspect.ts";
import { type NumberFormat, isSameUnit, plainNumbers, separatorFormats } from "./numberFormat.ts";
import type { Steps } from "./slices.ts";
import type { NumberColumn } from "./preprocessing.ts";
import { isMissingCell, labelOf } from "./spelling.ts";
import { type Cell, type Column, type Table, quote } from "./table.ts";

const unitsOf = ({ prefix, suffix }: NumberFormat): string => `${prefix}${suffix}`;

type Scale = Pick<NumberColumn, "mean" | "deviation">;

/** The column of a table that is read as numbers. */
interface Draft {
  readonly table: Table;
  readonly column: Column;
  readonly as: NumberColumn;
}

/** Mean of ((value − mean) / deviation)² over the present cells: 1 for the rows learned from. Undefined where a cell is no number. */
function* distanceOf({ table, column }: Draft, format: NumberFormat, scale: Scale) {
  let sum = 0;
  let count = 0;
  const all = yield* allPresent(column, table.missingWords.inNumbers, (cell) => {
    const value = numberIn(cell, format);
    if (value === undefined) return false;
    sum += ((value - scale.mean) / scale.deviation) ** 2;
    count++;
    return true;
  });
  return all && count > 0 ? sum / count : undefined;
}

/** Values up to four deviations from the mean of training are expected. */
const isNear = (distance: number): boolean => distance <= 16;

/** The readings whose mix-up multiplies by 1000. */
const confusable = separatorFormats.slice(0, 4);
const wholeText = /^[+-]?\d*$/;

interface Rival {
  readonly format: NumberFormat;
  readonly distance: number;
}

/** Of the other readings that fit every cell and give other numbers, the one nearest to the values of training. */
function* rivalOf(draft: Draft, own: Rival): Steps<Rival | undefined> {
  const { table, column, as } = draft;
  const isWhole = (cell: Cell): boolean => typeof cell !== "string" || wholeText.test(cell.trim());
  if (yield* allPresent(column, table.missingWords.inNumbers, isWhole)) return undefined;
  let best: Rival | undefined;
  for (const separators of confusable) {
    const format = { ...own.format, ...separators };
    const distance = yield* distanceOf(draft, format, as);
    if (distance === undefined || distance === own.distance) continue;
    if (!best || distance < best.distance) best = { format, distance };
  }
  return best;
}

interface Chosen {
  readonly format: NumberFormat;
  readonly note?: string;
}

const short = (value: number): string => String(Number(value.toPrecision(4)));

/** Decides between readings by the range of the values that the model learned from. */
function* chooseByRange(draft: Draft, format: NumberFormat, isStored: boolean): Steps<Chosen> {
  const { column, as, table } = draft;
  const { decimal, thousands, likelyDecimal } = table.numberHints;
  const distance = yield* distanceOf(draft, format, as);
  if (distance === undefined || !Number.isFinite(distance) || decimal !== undefined || thousands !== undefined)
    return { format };
  const own = { format, distance };
  const rival = yield* rivalOf(draft, own);
  if (!rival) return { format };
  const differs = (cell: Cell): boolean =>
    !isMissingCell(cell, table.missingWords.inNumbers) && numberIn(cell, format) !== numberIn(cell, rival.format);
  const cell = column.cells.find(differs)!;
  const isSmaller = Math.abs(numberIn(cell, format)!) < Math.abs(numberIn(cell, rival.format)!);
  // 1.234 where training had 1,234
  const isOpen = isStored ? isSmaller && format.thousands !== "" : likelyDecimal === undefined;
  const changes = isOpen ? rival.distance < distance : !isNear(distance) && isNear(rival.distance);
  if (!changes && !isOpen && isNear(distance)) return { format };
  const [read, other] = changes ? [rival.format, format] : [format, rival.format];
  const why = `nearer to the training values, of mean ${short(as.mean)} and deviation ${short(as.deviation)}`;
  const value = `${quote(column.name)}: ${quote(labelOf(cell))} is read as ${numberIn(cell, read)}`;
  const reason = Math.min(distance, rival.distance) === (changes ? rival.distance : distance) ? `, ${why}, and` : "";
  const note = `${value}${reason} not as ${numberIn(cell, other)}; --decimal and --thousands say how numbers are written`;
  return { format: read, note };
}

/** Numbers in another unit than in training, or with a percent sign on one side only, are 100 times off. */
function* requireSameUnits(draft: Draft, stored: NumberFormat, found: NumberFormat): Steps<void> {
  const { table, column, as } = draft;
  const place = `${table.place}: column ${quote(column.name)}`;
  const [unit, other] = [unitsOf(stored), unitsOf(found)];
  if (unit !== "" && other !== "" && !isSameUnit(unit, other)) {
    const fix = "convert the numbers";
    throw new BadFile({ place, expected: `numbers in ${unit}, as in training`, got: `numbers in ${other}`, fix });
  }
  if (stored.percent && !found.percent) {
    const expected = "numbers with percent signs, as in training";
    const fix = "write the percent signs: 18.25% is the fraction 0.1825";
    throw new BadFile({ place, expected, got: "numbers without percent signs", fix });
  }
  if (stored.percent || !found.percent) return;
  const asFractions = (yield* distanceOf(draft, found, as)) ?? 0;
  const scale = { mean: as.mean / 100, deviation: as.deviation / 100 };
  const asPercents = (yield* distanceOf(draft, found, scale)) ?? 0;
  if (isNear(asFractions) && asFractions <= asPercents) return; // 18.25% where training had 0.1825
  const expected = "numbers without percent signs, as in training";
  const fix = "leave the percent signs out, or train with them: 18.25% is the fraction 0.1825";
  throw new BadFile({ place, expected, got: "numbers with percent signs", fix });
}

/**
 * How numbers of another table are written: as in training where they all fit, else as its own cells say. Where two readings fit every
 * cell, the one whose values are nearer to those of training, with a note.
 * @throws BadFile on another unit than in training, and where only one of the tables has percent signs
 */
export function* numberReader(table: Table, column: Column, as: NumberColumn): Steps<CellReader> {
  const draft = { table, column, as };
  const words = table.missingWords.inNumbers;
  const reader = { table, column, isMissing: (row: number) => isMissingCell(column.cells[row]!, words) };
  const { format: stored = plainNumbers } = as;
  const { decimal = stored.decimal, thousands = stored.thousands } = table.numberHints;
  const format = { ...stored, decimal, thousands };
  if (yield* allPresent(column, words, (cell) => numberIn(cell, format) !== undefined))
    return { ...reader, ...(yield* chooseByRange(draft, format, true)) };
  const { numbers } = yield* inspectColumn(table, column);
  if (!numbers || numbers.strays.size > 0) return { ...reader, format, ...(numbers && { reading: numbers }) };
  yield* requireSameUnits(draft, format, numbers.format);
  return { ...reader, ...(yield* chooseByRange(draft, numbers.format, false)) };
}
