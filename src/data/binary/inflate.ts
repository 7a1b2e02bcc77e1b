import { BadFile } from "../../errors.ts";
import { damaged } from "./cells.ts";
import { requireInflatedSize } from "./limits.ts";

/**
 * Decompresses with what every host has (Compression Streams).
 * @param most bytes at which it stops: a few kilobytes may stand for terabytes
 * @throws BadFile on damaged data and on more than `most` bytes
 */
export async function inflate(
  bytes: Uint8Array,
  format: "gzip" | "deflate-raw",
  place: string,
  most?: number,
): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream(format));
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new BadFile({ place, expected: "compressed data", got: "other bytes", fix: damaged, cause });
    });
    if (done) break;
    length += value.length;
    if (most === undefined) requireInflatedSize(place, length);
    else if (length > most) {
      await reader.cancel();
      throw new BadFile({ place, expected: `${most} bytes when decompressed`, got: "more", fix: damaged });
    }
    parts.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
