/** What a module of `exportModule` exports. */
export interface ExportedModule {
  predict(x: ArrayLike<number>): Float64Array;
  predictRow(row: object): Record<string, unknown>;
}

/** A module from its source, as Node and browsers load it. */
export function loadModule(source: string): Promise<ExportedModule> {
  const bytes = Array.from(new TextEncoder().encode(source), (byte) => String.fromCodePoint(byte));
  return import(/* @vite-ignore */ `data:text/javascript;base64,${btoa(bytes.join(""))}`) as Promise<ExportedModule>;
}
