import { ByteWriter, type Code, LocalReference, unsigned, visit } from "./code.ts";

/** Where a local is first and last named, in parts of the code. */
interface Span {
  readonly first: number;
  last: number;
}

interface Loop {
  readonly start: number;
  end: number;
}

/** Spans of all locals. One that is named before a loop and in it is in use until the loop ends: the loop may start again. */
function spansOf(code: Code): Map<LocalReference, Span> {
  const spans = new Map<LocalReference, Span>();
  const open: Loop[] = [];
  let at = 0;
  const extended = new Map<Span, Loop>();
  visit(code, (part) => {
    at++;
    if (part instanceof LocalReference) {
      const span = spans.get(part) ?? { first: at, last: at };
      spans.set(part, span);
      span.last = at;
      // Loops are open from the outermost on: the first that began after the local was named.
      const outer = open.find(({ start }) => start > span.first);
      if (outer) extended.set(span, outer);
    } else if (typeof part === "object" && "isStart" in part) {
      if (part.isStart) open.push({ start: at, end: Number.POSITIVE_INFINITY });
      else open.pop()!.end = at;
    }
  });
  for (const [span, loop] of extended) span.last = Math.max(span.last, loop.end);
  return spans;
}

/** Numbers of locals within their type: one that is not in use any more gives its place to the next. */
class Places {
  readonly #free: number[] = [];
  readonly #used: { readonly place: number; readonly last: number }[] = [];
  count = 0;

  place({ first, last }: Span): number {
    for (let at = this.#used.length - 1; at >= 0; at--) {
      if (this.#used[at]!.last >= first) continue;
      this.#free.push(this.#used[at]!.place);
      this.#used[at] = this.#used[this.#used.length - 1]!;
      this.#used.pop();
    }
    const place = this.#free.pop() ?? this.count++;
    this.#used.push({ place, last });
    return place;
  }
}

/** Code with its locals numbered: pairs of how many locals have a type, and the bytes. @param parameters that come before them */
export function placeLocals(
  code: Code,
  parameters: number,
): { readonly groups: readonly (readonly [count: number, type: number])[]; readonly bytes: Uint8Array } {
  const byType = new Map<number, Places>();
  const places = new Map<LocalReference, number>();
  for (const [local, span] of spansOf(code)) {
    const own = byType.get(local.type) ?? new Places();
    byType.set(local.type, own);
    places.set(local, own.place(span));
  }
  const firsts = new Map<number, number>();
  let next = parameters;
  for (const [type, { count }] of byType) {
    firsts.set(type, next);
    next += count;
  }
  const writer = new ByteWriter();
  visit(code, (part) => {
    if (typeof part === "number") writer.push(part);
    else if (part instanceof Uint8Array) writer.append(part);
    else if (part instanceof LocalReference) writer.append(unsigned(firsts.get(part.type)! + places.get(part)!));
  });
  return { groups: [...byType].map(([type, { count }]) => [count, type] as const), bytes: writer.bytes };
}
