// Node gets what Chrome has: navigator.gpu. Test files then run unchanged in both hosts.
// THALWEG_ADAPTER=only|never forces or forbids the software adapter (see openGpu).

import { openGpu, type OpenGpuOptions } from "../src/node/openGpu.ts";
import { calmPolling } from "./host/calmPolling.ts";
import { openDawn } from "./host/openDawn.ts";

calmPolling();

const software = (process.env.THALWEG_ADAPTER ?? "allow") as NonNullable<OpenGpuOptions["software"]>;
const opened = await openGpu({ software });
if (!opened.gpu) console.error(opened.reason);
const gpu = opened.gpu && opened.adapterKind === "software" ? await openDawn() : opened.gpu;

if (!("navigator" in globalThis)) Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
