// Products whose times are taken to be alike, and what tuning knows of them, as text.

import type { GpuDevice } from "../device.ts";
import { matmulKernel, tensorKernel } from "./tensorKernels.ts";
import { alignmentOfB, matricesOf, type MatmulRequest } from "./matmul.ts";
import { type MatmulVariant, matmulVariantsOf } from "../matmulVariants.ts";

/** What tuning has found for products of about one shape. */
export interface TunedMatmul {
  /** m x n x k x matrices, each rounded up to a power of two; n or t for either operand as it lies or transposed; types; alignment. */
  readonly bucket: string;
  /** Median times of one product in the variants that were measured, in ms. */
  readonly timesMs: Readonly<Partial<Record<MatmulVariant, number>>>;
  /** The variant that is taken. */
  readonly variant: MatmulVariant;
}

/** Where tuning keeps what it has found. Keys tell adapter and kernels; texts are read as untrusted. */
export interface TuningCache {
  /** What was written under a key, if anything. */
  read(key: string): Promise<string | undefined>;
  write(key: string, text: string): Promise<void>;
}

export const maxTunedMatmuls = 4096;
const maxCharacters = 2 ** 21;

const powerAbove = (size: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, size)));

export function bucketOf(request: MatmulRequest): string {
  const { a, b, out, m, n, k, transposeA, transposeB } = request;
  const sizes = [m, n, k, matricesOf(request)].map(powerAbove).join("x");
  const orders = [transposeA, transposeB].map((isTransposed) => (isTransposed ? "t" : "n")).join("");
  const alignment = alignmentOfB(request);
  return [sizes, orders, a.dtype, b.dtype, out.dtype, ...(alignment === "none" ? [] : [alignment])].join(" ");
}

const bucketForm = /^\d{1,10}x\d{1,10}x\d{1,10}x\d{1,10} [nt]{2}( f(16|32)){3}( (rows|columns))?$/;

/** 32 bits of FNV-1a over the code units. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Tells adapters apart, and kernels: times of others say nothing. */
export function tuningKey(device: GpuDevice): string {
  const { vendor, architecture, device: chip, description } = device.gpu.adapterInfo;
  const sources = (["plain", "tiled", "quads", "workgroup"] as const).map((variant) =>
    matmulKernel(variant, ["f32", "f32", "f32"]),
  );
  const code = [...sources, tensorKernel("sumSlices", ["f32"])].map((source) => source.code).join("\n");
  return JSON.stringify(["products", device.kind, vendor, architecture, chip, description, hashOf(code)]);
}

export const writeProducts = (products: Iterable<TunedMatmul>): string => JSON.stringify([...products]);

/** Reads what `writeProducts` has written for variants that this device has; whatever else is in the text is left out. */
export function readProducts(text: unknown, device: Pick<GpuDevice, "hasQuads">): TunedMatmul[] {
  if (typeof text !== "string" || text.length > maxCharacters) return [];
  const parsed = parse(text);
  if (!Array.isArray(parsed)) return [];
  const variants = matmulVariantsOf(device);
  return parsed.slice(0, maxTunedMatmuls).flatMap((one: unknown) => readProduct(one, variants));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readProduct(one: unknown, variants: readonly MatmulVariant[]): TunedMatmul[] {
  if (typeof one !== "object" || one === null) return [];
  const { bucket, timesMs, variant } = one as Record<string, unknown>;
  if (typeof bucket !== "string" || !bucketForm.test(bucket) || typeof timesMs !== "object") return [];
  const times = variants.flatMap((each): [MatmulVariant, number][] => {
    const ms = (timesMs as Record<string, unknown> | null)?.[each];
    return typeof ms === "number" && Number.isFinite(ms) && ms > 0 ? [[each, ms]] : [];
  });
  const chosen = times.find(([each]) => each === variant);
  return chosen ? [{ bucket, timesMs: Object.fromEntries(times), variant: chosen[0] }] : [];
}
