// Keys of the tuning cache: shapes that share one measurement, and the stored results as text.

import type { TunedMatmul } from "../../tuning.ts";
import type { GpuDevice } from "../device.ts";
import { tensorKernel } from "./tensorKernels.ts";
import { alignmentOfB, matmulKernel, matricesOf, type MatmulRequest } from "./matmul.ts";
import { type MatmulVariant, matmulVariantsOf } from "../matmulVariants.ts";

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
  const kernels = (["plain", "tiled", "quads", "workgroup"] as const).map((variant) =>
    matmulKernel(variant, ["f32", "f32", "f32"]),
  );
  const all = [...kernels, { name: "sumSlices", types: ["f32"] } as const];
  const code = all.map((kernel) => tensorKernel(kernel).code).join("\n");
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
