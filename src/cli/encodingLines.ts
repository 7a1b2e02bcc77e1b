import type { EncodedInputs } from "../data.ts";
import { counted } from "./numbers.ts";

const most = 5;

/** How numbers of a table were read, what was filled, and which values the model has not seen. */
export function encodingLines({
  filled,
  withoutCategory,
  unseen,
  unseenCount,
  notes,
}: Pick<EncodedInputs, "filled" | "withoutCategory" | "unseen" | "unseenCount" | "notes">): string[] {
  const lines = [...notes];
  for (const [own, what] of [
    [filled, "filled as in training"],
    [withoutCategory, "encoded as no category, like unseen values"],
  ] as const) {
    if (own.length === 0) continue;
    const cells = own.reduce((sum, column) => sum + column.cells, 0);
    const columns = own.slice(0, most).map((column) => `${column.name} (${column.cells})`);
    const more = own.length > most ? ", …" : "";
    lines.push(`${counted(cells, "missing cell")} ${what}: ${columns.join(", ")}${more}`);
  }
  for (const { place, value, cells } of unseen.slice(0, most)) {
    const times = cells > 1 ? `, and in ${counted(cells - 1, "more cell")}` : "";
    lines.push(
      `${place}: ${JSON.stringify(value.slice(0, 60))} was not seen in training and is encoded as no category${times}`,
    );
  }
  const more = unseenCount - most;
  if (more > 0) lines.push(`${counted(more, "more value")} ${more === 1 ? "was" : "were"} not seen in training`);
  if (unseen.length > 0) lines.push("pass --strict to make unseen values an error");
  return lines;
}
