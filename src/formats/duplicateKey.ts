/** Strings, and the marks that structure JSON; numbers and words fall between. */
const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/**
 * The first key that occurs twice in one object of a JSON text, which `JSON.parse` would silently overwrite.
 * @param text valid JSON
 */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // a set of keys per object, undefined per array
  let last = "";
  for (const [mark] of text.matchAll(token)) {
    if (mark === "{") open.push(new Set());
    else if (mark === "[") open.push(undefined);
    else if (mark === "}" || mark === "]") open.pop();
    else if (mark === ":") {
      const keys = open.at(-1);
      const key: string = JSON.parse(last);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
    last = mark;
  }
  return undefined;
}
