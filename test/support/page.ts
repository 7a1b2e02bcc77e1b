// The page as it is served, and opened in Chrome.

import axe from "axe-core";
import puppeteer, { type Browser, type BrowserContext, type Page } from "puppeteer";
import { expect, inject } from "vitest";
import { type FolderServer, serveFolder } from "../../bench/hosts/serve.ts";
import { launchOptions } from "../host/chrome.mjs";

declare module "vitest" {
  interface ProvidedContext {
    /** The built page, without the Bench view (test/host/build.mjs). */
    readonly pageFolder: string;
  }
}

export interface PageHost {
  readonly server: FolderServer;
  readonly browser: Browser;
  readonly context: BrowserContext;
  /** Errors and warnings on any page's console. */
  readonly complaints: string[];
  /**
   * Opens the page on the software adapter, so that what is said of a GPU is tried; with adapters blocked or missing, on what there is.
   * @param address from the root, such as `#/playground` @param prepare before the page is fetched
   * @param device "auto": what the page takes by itself, which draws many times sooner than the software adapter
   */
  open(address: string, prepare?: (page: Page) => Promise<unknown>, device?: "software" | "auto"): Promise<Page>;
  close(): Promise<void>;
}

export interface HostOptions {
  /** false: a Chrome whose WebGPU has no adapter. */
  readonly webgpu?: boolean;
}

/** Starts a server of the page and a Chrome. */
export async function hostPage({ webgpu = true }: HostOptions = {}): Promise<PageHost> {
  const server = await serveFolder({ folder: inject("pageFolder"), isolated: false });
  const { args = [], ...options } = await launchOptions();
  const browser = await puppeteer.launch({
    ...options,
    args: webgpu ? args : [...args.filter((argument) => !argument.includes("webgpu")), "--disable-features=WebGPU"],
  });
  const context = await browser.createBrowserContext();
  const complaints: string[] = [];
  const open: PageHost["open"] = async (address, prepare, device = "software") => {
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warn", "warning"].includes(message.type())) complaints.push(message.text());
    });
    await prepare?.(page);
    const asks = device === "software" && webgpu && prepare !== blockAdapters;
    await page.goto(`${server.url}/${asks ? "?device=software" : ""}${address}`);
    await page.waitForSelector("main[aria-busy=false]");
    return page;
  };
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  return { server, browser, context, complaints, open, close };
}

/**
 * What axe finds on the page as it is now: rule, and the elements.
 * @param isOfColours only rules of colours: where the same page was looked at in its other theme
 */
export async function violationsOf(page: Page, isOfColours = false): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async (ofColours) => {
    const { axe: inPage } = globalThis as unknown as { axe: typeof import("axe-core") };
    const rules = ofColours ? { runOnly: ["cat.color"] } : {};
    const { violations } = await inPage.run(document, { resultTypes: ["violations"], ...rules });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  }, isOfColours);
}

/** Lets no worker of a page find an adapter, as a browser does that blocks a page after crashes. */
export const blockAdapters = (page: Page): Promise<unknown> =>
  page.evaluateOnNewDocument(() => {
    const Unblocked = globalThis.Worker;
    const blocking = "data:text/javascript,GPU.prototype.requestAdapter=async()=>null";
    globalThis.Worker = class extends Unblocked {
      constructor(url: string | URL) {
        const text = `import "${blocking}"; import "${new URL(url, location.href)}";`;
        super(URL.createObjectURL(new Blob([text], { type: "text/javascript" })), { type: "module" });
      }
    };
  });

export const scheme = (page: Page, value: "light" | "dark"): Promise<void> =>
  page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);

/** A value that is to come about, however busy the machine is. */
export const eventually = <Value>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: 40_000 });
