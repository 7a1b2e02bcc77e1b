import { Body, type Callable, type Parameters } from "./body.ts";
import { type Code, flatten, nameBytes, sized, unsigned, vector } from "./code.ts";
import { typeBytes, type Value, type ValueType, Variable } from "./value.ts";

/** Memory that a module takes from its host, in pages of 64 KiB. */
export interface ImportedMemory {
  readonly module: string;
  readonly name: string;
  readonly initialPages: number;
  /** Shared memory needs it. */
  readonly maximumPages?: number;
  /** Whether several threads may use it. */
  readonly shared?: boolean;
}

interface Signature<P extends readonly ValueType[], R extends ValueType | undefined> {
  readonly parameters: P;
  readonly result?: R;
}

const kernelParameters = ["i32", "i32", "i32", "i32"] as const;

type Built<R extends ValueType | undefined> = R extends ValueType ? Value<R> : void;

/** `\0asm` and the version. */
const header = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

const section = (id: number, content: Code): Code => [id, sized(content)];

/** Writes a module of functions over one imported memory. Callees are added before their callers. */
export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #functions: { readonly type: number; readonly body: Uint8Array }[] = [];
  readonly #exports: { readonly name: string; readonly index: number }[] = [];
  #memory: ImportedMemory | undefined;

  /** Declares the memory of all loads and stores. */
  importMemory(memory: ImportedMemory): void {
    this.#memory = memory;
  }

  /**
   * Adds a function.
   * @param build writes the body; returns the result where the signature has one
   */
  function<const P extends readonly ValueType[], const R extends ValueType | undefined = undefined>(
    signature: Signature<P, R>,
    build: (body: Body, ...parameters: Parameters<P>) => Built<R>,
  ): Callable<P, R> {
    const { parameters, result } = signature;
    const body = new Body(parameters.length);
    const locals = parameters.map((type, at) => new Variable(type, unsigned(at))) as unknown as Parameters<P>;
    const built = build(body, ...locals) as Value<ValueType> | undefined;
    const type = this.#typeOf(parameters, result);
    this.#functions.push({ type, body: body.encode(result === undefined ? undefined : built) });
    return { index: this.#functions.length - 1, parameters, result: result as R };
  }

  /** Adds a kernel for threads. @param build called with the address of its arguments, which item, memory of the thread, which turn */
  kernel(build: (body: Body, ...parameters: Parameters<typeof kernelParameters>) => void) {
    return this.function({ parameters: kernelParameters }, build);
  }

  /** Makes a function callable by the host. */
  export(name: string, { index }: { readonly index: number }): void {
    this.#exports.push({ name, index });
  }

  /** Place of a signature in the type section, as text of its bytes. */
  #typeOf(parameters: readonly ValueType[], result: ValueType | undefined): number {
    const types = (of: readonly ValueType[]): Code => vector(of.map((type) => [typeBytes[type]]));
    const key = flatten([0x60, types(parameters), types(result === undefined ? [] : [result])]).join(" ");
    const known = this.#types.indexOf(key);
    return known < 0 ? this.#types.push(key) - 1 : known;
  }

  #import(): readonly Code[] {
    if (!this.#memory) return [];
    const { module, name, initialPages, maximumPages, shared = false } = this.#memory;
    if (shared && maximumPages === undefined) throw new Error("wasm: shared memory needs its largest size");
    const kind = shared ? 3 : maximumPages === undefined ? 0 : 1;
    const most = maximumPages === undefined ? [] : unsigned(maximumPages);
    return [[nameBytes(module), nameBytes(name), 0x02, kind, unsigned(initialPages), most]];
  }

  /** The bytes of the module. */
  encode(): Uint8Array<ArrayBuffer> {
    const types = this.#types.map((key) => key.split(" ").map(Number));
    return flatten([
      header,
      section(1, vector(types)),
      section(2, vector(this.#import())),
      section(3, vector(this.#functions.map(({ type }) => unsigned(type)))),
      section(7, vector(this.#exports.map(({ name, index }) => [nameBytes(name), 0x00, unsigned(index)]))),
      section(10, vector(this.#functions.map(({ body }) => [unsigned(body.length), body]))),
    ]);
  }
}
