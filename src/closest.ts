/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: optimal string alignment. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(replaced, last[j]! + 1, next[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, next];
  }
  return last[b.length]!;
}

const isNumber = (text: string): boolean => text.trim() !== "" && Number.isFinite(Number(text));
const shape = (text: string): string => text.replaceAll(/\d+/g, "0");

/** Whether a typo explains the difference: not of one or two characters, between numbers, or where only digits differ. */
function isTypo(name: string, candidate: string, edits: number): boolean {
  if (edits === 0) return true;
  if (isNumber(name) && isNumber(candidate)) return false;
  return edits <= Math.floor(Math.max(name.length, candidate.length) / 3) && shape(name) !== shape(candidate);
}

/** The candidate that `name` was probably meant to be; undefined when none is near. Upper and lower case count as equal. */
export function closestName(name: string, candidates: readonly string[]): string | undefined {
  if (name.length > 64) return undefined;
  const near = candidates
    .filter((candidate) => candidate.length <= 64)
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => isTypo(name.toLowerCase(), candidate.toLowerCase(), edits));
  return near.toSorted((a, b) => a.edits - b.edits)[0]?.candidate;
}

/** `did you mean "Species"? ` or nothing, to stand before a remedy. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const closest = closestName(name, candidates);
  return closest === undefined ? "" : `did you mean ${JSON.stringify(closest)}? `;
}
