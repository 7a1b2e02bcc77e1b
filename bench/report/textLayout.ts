// Where text goes before anything can measure it: widths by rule of thumb, so that Node and Chrome lay out alike.

/** Width of a letter in ems, after DejaVu Sans, which is wider than other system fonts. */
function letterWidth(letter: string): number {
  if (/[ijl.,:;'|!()[\]IJtf· ]/.test(letter)) return 0.36;
  if (/[mwMW%@—…]/.test(letter)) return 0.92;
  if (/[A-Z]/.test(letter)) return 0.7;
  return /[rsckvxyz\-/]/.test(letter) ? 0.56 : 0.635;
}

export const textWidth = (text: string, fontPx: number): number =>
  fontPx * [...text].reduce((sum, letter) => sum + letterWidth(letter), 0);

/** As much of a text as fits a line, with … where that is not all. */
export function shorten(text: string, widthPx: number, fontPx: number): string {
  if (textWidth(text, fontPx) <= widthPx) return text;
  let kept = text;
  while (kept !== "" && textWidth(`${kept}…`, fontPx) > widthPx) kept = kept.slice(0, -1);
  return `${kept.trimEnd()}…`;
}

interface Box {
  readonly widthPx: number;
  readonly fontPx: number;
  /** The last line is shortened. */
  readonly maxLines?: number;
}

/** Lines of whole words; a word that is too wide for a line is shortened. */
export function wrap(text: string, { widthPx, fontPx, maxLines = Number.POSITIVE_INFINITY }: Box): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length > 0 ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length > 0 && textWidth(longer, fontPx) <= widthPx) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  const kept = lines.slice(0, Math.min(lines.length, maxLines));
  if (kept.length < lines.length) kept[kept.length - 1] = lines.slice(kept.length - 1).join(" ");
  return kept.map((line) => shorten(line, widthPx, fontPx));
}

/** A label cut behind its first comma: the library, and at which setting. */
export function splitLabel(label: string): readonly [name: string, setting: string] {
  const at = label.indexOf(", ");
  return at < 0 ? [label, ""] : [label.slice(0, at), label.slice(at + 2)];
}

/** Moves positions that lie closer than `gap` apart, as little as it takes, within [least, most]. Keeps their order. */
export function spread(positions: readonly number[], gap: number, [least, most]: readonly [number, number]): number[] {
  const order = positions.map((_, index) => index).sort((a, b) => positions[a]! - positions[b]!);
  const placed = order.map((index) => positions[index]!);
  for (let pass = 0; pass < 50; pass++) {
    let moved = false;
    for (let at = 1; at < placed.length; at++) {
      const lack = gap - (placed[at]! - placed[at - 1]!);
      if (lack <= 1e-6) continue;
      placed[at - 1]! -= lack / 2;
      placed[at]! += lack / 2;
      moved = true;
    }
    if (!moved) break;
  }
  placed[0] = Math.max(placed[0] ?? 0, least);
  for (let at = 1; at < placed.length; at++) placed[at] = Math.max(placed[at]!, placed[at - 1]! + gap);
  if (placed.length > 0) placed[placed.length - 1] = Math.min(placed[placed.length - 1]!, most);
  for (let at = placed.length - 2; at >= 0; at--) placed[at] = Math.min(placed[at]!, placed[at + 1]! - gap);
  const result = [...positions];
  for (const [at, index] of order.entries()) result[index] = placed[at]!;
  return result;
}
