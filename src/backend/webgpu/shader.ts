import type { Layout } from "./layout.ts";

/** dynamic: a uniform that moves by a dynamic offset; uniform: fixed; read, write: storage. */
export type BindingKind = "dynamic" | "uniform" | "read" | "write";

/** One dispatched kernel, before it is compiled. */
export interface KernelSource {
  /** Its label. */
  readonly name: string;
  /** Entry point, where the code has several. */
  readonly entry?: string;
  readonly code: string;
  /** Distinguishes it from kernels of the same name, where its code is written for one network. */
  readonly variant?: string;
  /** Kinds of the bindings 0, 1, … of group 0. */
  readonly bindings: readonly BindingKind[];
  /** Of the uniform at binding 0. */
  readonly uniform?: Layout | undefined;
}

/** A file of shaders/ with the files that it imports, as vite.shaders.ts reads it. */
export interface Shader {
  /** Code of the files, the imported ones first; each begins with a line that names it. */
  readonly pieces: readonly string[];
  /** Kinds of the bindings 0, 1, … of a file that declares those of a kernel. */
  readonly bindings: readonly BindingKind[];
  /** Of the uniform at binding 0. */
  readonly uniform?: Layout;
}

const pieceMark = "//# ";
const directive = /^(?:enable|diagnostic)\b.*;$/gm;

/** Code of shaders, each file once, and of code written for the kernel; its directives come first, as WGSL wants them. */
function codeOf(parts: readonly (Shader | string)[]): string {
  const pieces = parts.flatMap((part) => (typeof part === "string" ? [`${pieceMark}emitted\n${part}`] : part.pieces));
  const code = [...new Set(pieces)].join("\n");
  const directives = new Set(code.match(directive));
  return [...directives, code.replace(directive, "")].join("\n");
}

/**
 * A kernel of shaders, one of which has an entry point and one all bindings, and of what they expect: other shaders, and code
 * written for this kernel.
 * @param variant distinguishes it from kernels of the same name
 */
export function kernelOf(name: string, parts: readonly (Shader | string)[], variant?: string): KernelSource {
  const shaders = parts.filter((part) => typeof part !== "string");
  const { bindings, uniform } = shaders.find((shader) => shader.bindings.length > 0) ?? shaders[0]!;
  return { name, code: codeOf(parts), bindings, uniform, ...(variant !== undefined && { variant }) };
}

/** Where a line of a kernel's code comes from, as `file:line`. */
export function sourceOf({ name, code }: Pick<KernelSource, "name" | "code">, line: number): string {
  const before = code.split("\n").slice(0, line);
  const mark = before.findLastIndex((text) => text.startsWith(pieceMark));
  return mark < 0 ? `${name}:${line}` : `${before[mark]!.slice(pieceMark.length)}:${line - mark - 1}`;
}
