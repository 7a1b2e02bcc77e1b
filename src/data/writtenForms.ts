// Texts of a column that are one label, though they are written in different ways that look the same.

import { type ColumnSummary, isMissingIn, mostLabels } from "./inspect.ts";
import { type Steps, each } from "./slices.ts";
import { labelOf } from "./spelling.ts";
import { type Cell, quote, textOf } from "./table.ts";

/** How labels are written: at most so many ways are looked at. */
const mostForms = 2 * mostLabels;
const mostNamed = 6;

/** A cell of JSON as it is written there; texts without blanks around them. */
const formOf = (cell: Cell): string => `${typeof cell}:${textOf(cell)}`;

const nameOf = (form: string): string => {
  const text = form.slice(form.indexOf(":") + 1);
  return form.startsWith("string:") ? quote(text) : text;
};

function describe(label: string, forms: readonly string[]): string {
  const types = new Set(forms.map((form) => form.slice(0, form.indexOf(":"))));
  if (types.size > 1) return forms.map(nameOf).join(" and ");
  const composed = new Set(forms.map((form) => form.normalize("NFC")));
  const differ = composed.size === 1 ? "Unicode forms" : composed.size === forms.length ? "blanks" : "blanks and Unicode forms"; // prettier-ignore
  return `${quote(label)} with different ${differ}`;
}

/** Names labels whose cells differ in Unicode form, in blanks inside, or in their JSON type, and were taken as one. */
export function* writtenFormsNote(summary: ColumnSummary): Steps<string | undefined> {
  const { cells } = summary.column;
  const labels = new Map<string, string>();
  yield* each(cells.length, (row) => {
    if (labels.size > mostForms || isMissingIn(summary, row)) return;
    const form = formOf(cells[row]!);
    if (!labels.has(form)) labels.set(form, labelOf(cells[row]!));
  });
  const groups = new Map<string, string[]>();
  for (const [form, label] of labels) groups.set(label, [...(groups.get(label) ?? []), form]);
  const merged = [...groups].filter(([, forms]) => forms.length > 1);
  if (merged.length === 0) return undefined;
  const named = merged.slice(0, mostNamed).map(([label, forms]) => describe(label, forms));
  return `merged into one value each: ${named.join("; ")}${merged.length > mostNamed ? "; …" : ""}`;
}
