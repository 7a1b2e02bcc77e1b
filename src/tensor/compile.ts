import { InvalidInput, requireOptions } from "../errors.ts";
import { requireInteger } from "../graph/network.ts";
import type { Compiled } from "./compiled.ts";

export interface CompileOptions {
  /**
   * Numbers of arguments that the function consumes: their tensors are disposed of, and a result of the same shape may take their
   * place. Default: none.
   */
  readonly donate?: readonly number[];
}

/**
 * Compiles a function of tensors. The first call with arguments of certain shapes traces the function and fuses its operations; later calls
 * replay: on WebGPU without creating buffers, bind groups or pipelines. Other devices run the traced operations one by one.
 *
 * The function's arguments and results are tensors, or arrays and plain objects of tensors. It runs once per set of shapes: numbers and
 * tensors from outside of it are constants, and it can neither read values nor branch on them. Within `grad`, and within another
 * compiled function, it is called as it is.
 * @throws InvalidInput where an option is wrong, and from a call where an argument is no tensor, or the function reads a value
 */
export async function compile<A extends readonly unknown[], R>(
  f: (...args: A) => R,
  options: CompileOptions = {},
): Promise<Compiled<A, R>> {
  if (typeof f !== "function") {
    const fix = "pass a function of tensors";
    throw new InvalidInput({ place: "compile", expected: "a function", got: typeof f, fix });
  }
  requireOptions("compile", options, ["donate"]);
  const { donate = [] } = options;
  for (const number of donate) requireInteger("compile: donate", number, 0, 1000);
  const { compiledFunction } = await import("./compiled.ts");
  return compiledFunction(f, donate);
}
