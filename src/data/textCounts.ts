/** Texts of a single map; a larger one is copied too long when it grows. */
const mostInFirst = 30_000;
const shardCount = 64;

/** By the last characters, which differ most among numbers. */
function hashOf(text: string): number {
  let hash = 0;
  for (let at = Math.max(0, text.length - 6); at < text.length; at++) hash = (31 * hash + text.charCodeAt(at)) >>> 0;
  return hash;
}

/** How often each text occurs. Like a map, but no step of it takes longer than a few milliseconds, however many texts there are. */
export class TextCounts implements Iterable<readonly [text: string, count: number]> {
  readonly #first = new Map<string, number>();
  /** Texts that came after the first ones. */
  #shards: Map<string, number>[] = [];

  get size(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.size, this.#first.size);
  }

  /** The map that holds a text, or that takes it. */
  #mapOf(text: string): Map<string, number> {
    if (this.#first.size < mostInFirst || this.#first.has(text)) return this.#first;
    if (this.#shards.length === 0) this.#shards = Array.from({ length: shardCount }, () => new Map<string, number>());
    return this.#shards[hashOf(text) % shardCount]!;
  }

  has(text: string): boolean {
    return this.#mapOf(text).has(text);
  }

  add(text: string): void {
    const map = this.#mapOf(text);
    map.set(text, (map.get(text) ?? 0) + 1);
  }

  /** How often a text occurred. */
  get(text: string): number {
    return this.#mapOf(text).get(text) ?? 0;
  }

  /** Takes a text out and returns how often it occurred. */
  take(text: string): number | undefined {
    for (const map of [this.#first, ...this.#shards]) {
      const count = map.get(text);
      if (map.delete(text)) return count;
    }
    return undefined;
  }

  putBack(text: string, count: number): void {
    this.#first.set(text, count);
  }

  *keys(): Generator<string> {
    for (const [text] of this) yield text;
  }

  *[Symbol.iterator](): Generator<readonly [text: string, count: number]> {
    yield* this.#first;
    for (const shard of this.#shards) yield* shard;
  }
}
