import { version } from "../../package.json";
import { contenders } from "../contenders/table.ts";
import type { RaceHost } from "../race/host.ts";
import { encodeRows } from "../race/rows.ts";
import { threads, type StartThread } from "./lane.ts";

const startWorker: StartThread = (name, { message, ended }) => {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name });
  worker.addEventListener("message", ({ data }) => message(data));
  worker.addEventListener("error", (event) => ended(event.message || "its worker failed to start"));
  return { post: (value) => worker.postMessage(value, []), terminate: () => worker.terminate() };
};

/** Watches whether anyone can see the page: browsers slow down what they hide. */
function watchVisibility(): RaceHost["visibility"] {
  let lastHiddenMs = Number.NEGATIVE_INFINITY;
  const note = (): void => {
    lastHiddenMs = performance.now();
  };
  document.addEventListener("visibilitychange", note); // going and coming back both spoil a block
  if (document.hidden) note();
  return {
    shown: () =>
      new Promise((resolve) => {
        const look = (): void => {
          if (document.hidden) return;
          document.removeEventListener("visibilitychange", look);
          resolve();
        };
        document.addEventListener("visibilitychange", look);
        look();
      }),
    wasHiddenSince: (sinceMs) => document.hidden || lastHiddenMs >= sinceMs,
  };
}

// By their place: the package exports its module alone.
const tables = {
  penguins: () => import("../../node_modules/vega-datasets/data/penguins.json?raw"),
  flights: () => import("../../node_modules/vega-datasets/data/flights-10k.json?raw"),
} as const;

interface Brands {
  readonly fullVersionList?: readonly { readonly brand: string; readonly version: string }[];
}

/** `Chromium/149.0.7827.0`; a user agent alone keeps the minor numbers to itself. */
async function browserVersion(): Promise<string> {
  const { userAgentData } = navigator as { userAgentData?: { getHighEntropyValues(hints: string[]): Promise<Brands> } };
  const brands = await userAgentData?.getHighEntropyValues(["fullVersionList"]).catch(() => undefined);
  const known = brands?.fullVersionList?.findLast(({ brand }) => !/not.?a.?brand/i.test(brand));
  if (known) return `${known.brand}/${known.version}`;
  return /(?:Edg|Firefox|Chrome|Version)\/[\d.]+/.exec(navigator.userAgent)?.[0] ?? "unknown";
}

/** Races in this page, every contender in a worker. */
export function createBrowserHost(): RaceHost {
  const cores = navigator.hardwareConcurrency;
  return {
    name: "chrome",
    cards: contenders,
    ...threads(startWorker, cores),
    rows: async (name) => encodeRows(name, (await tables[name]()).default),
    machine: async () => ({
      host: "chrome",
      hostVersion: await browserVersion(),
      versions: { thalweg: version },
      cores,
      crossOriginIsolated: globalThis.crossOriginIsolated,
    }),
    visibility: watchVisibility(),
  };
}
