/** A name, or else the start of names: `jax-js` stands for all of its backends. */
export function namesOf(text: string, known: readonly string[]): readonly string[] {
  if (known.includes(text)) return [text];
  return text === "" ? [] : known.filter((name) => name.startsWith(text));
}
