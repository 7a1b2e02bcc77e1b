import scalar from "../../../shaders/scalar.wgsl";

/** Declarations of shaders/scalar.wgsl by name: functions and constants, indented again where the build has left that out. */
function declarations(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let [depth, name, lines] = [0, "", [] as string[]];
  for (const line of scalar.pieces.join("\n").split("\n")) {
    const text = line.replace(/\/\/.*/, "").trim();
    if (text === "") continue;
    if (depth === 0) [name, lines] = [/^(?:fn|const) (\w+)/.exec(text)![1]!, []];
    const closes = text.startsWith("}") || text.startsWith(")") ? 1 : 0;
    lines.push("  ".repeat(depth - closes) + text);
    for (const sign of text) depth += "{(".includes(sign) ? 1 : "})".includes(sign) ? -1 : 0;
    if (depth === 0) found.set(name, lines.join("\n"));
  }
  return found;
}

/** The functions of shaders/scalar.wgsl that a text calls, and all that these need, in an order in which each is known. */
export function pickFunctions(code: string): string[] {
  const known = declarations();
  const picked = new Map<string, string>();
  const pick = (text: string): void => {
    for (const [word] of text.matchAll(/\b[A-Za-z_]\w*\b/g)) {
      const declaration = known.get(word);
      if (declaration === undefined || picked.has(word)) continue;
      pick(declaration.replace(new RegExp(`\\b${word}\\b`, "g"), ""));
      picked.set(word, declaration);
    }
  };
  pick(code);
  return [...picked.values()];
}
