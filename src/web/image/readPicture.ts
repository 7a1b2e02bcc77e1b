// Pictures of the reader's: files, drops and the clipboard.

import { maxSide } from "./settings.ts";
import { type Picture, UnreadablePicture } from "./picture.ts";

/** Files beyond this are no pictures that a page should decode. */
const mostBytes = 100 * 2 ** 20;

/** Colours on white: the network has no transparency. */
export function coloursOf(pixels: Uint8ClampedArray): Float32Array {
  const colours = new Float32Array((3 * pixels.length) / 4);
  for (let pixel = 0; pixel < pixels.length / 4; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      colours[3 * pixel + channel] = pixels[4 * pixel + channel]! / 255;
    }
  }
  return colours;
}

/** Width and height in pixels, the longer one as long as asked, or as long as it is. */
export function scaledSize(width: number, height: number, side: number): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** A picture of the reader's in full, to be scaled as settings ask. */
export interface Source {
  readonly name: string;
  readonly bitmap: ImageBitmap;
}

/**
 * Decodes a file. The orientation that a camera wrote into it is applied; nothing else in it is read, and nothing leaves the page.
 * @throws UnreadablePicture with what it is instead
 */
export async function readSource(file: Blob, name: string): Promise<Source> {
  if (file.size > mostBytes) {
    throw new UnreadablePicture(
      name,
      `it has ${Math.round(file.size / 2 ** 20)} MiB; at most ${mostBytes / 2 ** 20} are read`,
    );
  }
  if (file.size === 0) throw new UnreadablePicture(name, "the file is empty");
  try {
    return { name, bitmap: await createImageBitmap(file, { imageOrientation: "from-image" }) };
  } catch {
    const kind = file.type ? `its type is ${file.type}` : "its type is not known";
    throw new UnreadablePicture(name, `the browser cannot decode it (${kind}); PNG, JPEG, WebP, GIF and AVIF work`);
  }
}

/** A source no larger than any size that is learned, as a file of its own: small enough to be kept in the browser. */
export async function smallCopy({ name, bitmap }: Source): Promise<File> {
  const { width, height } = scaledSize(bitmap.width, bitmap.height, maxSide);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return new File([await canvas.convertToBlob()], name, { type: "image/png" });
}

/** A source at the size that is learned. */
export function scalePicture({ name, bitmap }: Source, side: number): Picture {
  const { width, height } = scaledSize(bitmap.width, bitmap.height, side);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return { name, width, height, colours: coloursOf(context.getImageData(0, 0, width, height).data) };
}
