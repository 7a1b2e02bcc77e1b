import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { type MatmulVariant, matmulVariantsOf } from "../../src/backend/webgpu/matmulVariants.ts";
import type { Look } from "../report/palette.ts";

interface VariantCard {
  /** The name of its line, and below it what an invocation does. */
  readonly label: string;
  readonly look: Look;
}

/** All variants; a new one of the library does not compile without its line here. */
export const variantCards: Readonly<Record<MatmulVariant, VariantCard>> = {
  plain: {
    label: "plain, a value each",
    look: { color: "#363433", symbol: "square", dash: "6 3" },
  },
  tiled: {
    label: "tiled, 16 × 4 values each",
    look: { color: "#0065e5", symbol: "circle", dash: "" },
  },
  wideTiled: {
    label: "wideTiled, 16 × 8 values each",
    look: { color: "#1ca291", symbol: "triangle", dash: "" },
  },
  quads: {
    label: "quads, 16 × 16 values by four",
    look: { color: "#da6e00", symbol: "diamond", dash: "" },
  },
  wideQuads: {
    label: "wideQuads, 16 × 32 values by four",
    look: { color: "#8c1d5b", symbol: "star", dash: "" },
  },
  workgroup: {
    label: "workgroup, 64 × 64 values by 64",
    look: { color: "#7a6a00", symbol: "cross", dash: "2 3" },
  },
};

export const variantNames = Object.keys(variantCards) as readonly MatmulVariant[];

/** Why a device cannot run a variant; undefined where it can. */
export const refusalOf = (device: Pick<GpuDevice, "hasQuads">, variant: MatmulVariant): string | undefined =>
  matmulVariantsOf(device).includes(variant) ? undefined : "the device exchanges no values within quads";
