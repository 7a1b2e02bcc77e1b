import process from "node:process";
import puppeteer, { type Browser, type CDPSession, type Page } from "puppeteer";
import { launchOptions } from "../../test/host/chrome.mjs";

type Tell = (text: string) => void;

/** A headless Chrome that does not slow down what it takes for unseen. */
export interface Chrome {
  /** `Chrome/149.0.7827.0` */
  readonly version: string;
  /** Command-line switches that touch the GPU. */
  readonly gpuFlags: readonly string[];
  /** A page with caches of its own, and an end to both. */
  openPage(tell: Tell): Promise<WatchedPage>;
  /** Fails where the process that drives the GPU has died since the first call; Chrome starts another, silently. */
  requireSameGpuProcess(): Promise<void>;
  close(): Promise<void>;
}

export interface WatchedPage {
  readonly page: Page;
  /** Rejects with what has gone wrong in the page: it crashed, an error nobody caught, a message on its console. */
  readonly failure: Promise<never>;
  /** From now on errors that nobody caught are told alone: those of workers look like the page's own. */
  bePatient(): void;
  close(): Promise<void>;
}

const steadyFlags = [
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
];
const touchesGpu = /gpu|vulkan|dawn|angle|swiftshader|--use-gl|webnn/i;

/** Rejects as soon as the page, or Chrome, fails; what workers write to the console is told. */
function watch(browser: Browser, page: Page, tell: Tell, isPatient: () => boolean): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    const fail = (text: string) => reject(new Error(text));
    page.on("error", () => fail("Chrome: the page crashed"));
    page.on("pageerror", (error) => {
      const text = error instanceof Error ? error.message : String(error);
      if (isPatient()) tell(`nobody caught: ${text}`);
      else fail(`the page threw ${text}`);
    });
    browser.on("disconnected", () => fail("Chrome: it ended, or its connection did"));
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      const { url = "" } = message.location();
      if (message.worker()) tell(`a worker writes to the console: ${message.text()}`);
      else fail(`the page writes an error to its console: ${message.text()} (${url})`);
    });
  });
  failure.catch(() => {}); // it may come when nobody waits any more
  return failure;
}

async function openPage(browser: Browser, tell: Tell): Promise<WatchedPage> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  let isPatient = false;
  return {
    page,
    failure: watch(browser, page, tell, () => isPatient),
    bePatient: () => {
      isPatient = true;
    },
    close: () => context.close(),
  };
}

async function gpuProcess(session: CDPSession): Promise<number | undefined> {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  return processInfo.find(({ type }) => type === "GPU")?.id;
}

/** @param flags further switches for Chrome, such as those that open Vulkan on a server */
export async function openChrome(flags: readonly string[]): Promise<Chrome> {
  const options = await launchOptions();
  const args = [...(options.args ?? []), ...steadyFlags, ...flags];
  const handles = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false } as const;
  const browser = await puppeteer.launch({ ...options, ...handles, args, protocolTimeout: 0 });
  const kill = (): void => void browser.process()?.kill("SIGKILL");
  process.once("exit", kill); // puppeteer would leave it running
  const session = await browser.target().createCDPSession();
  let known: number | undefined;
  return {
    version: await browser.version(),
    gpuFlags: args.filter((flag) => touchesGpu.test(flag)),
    openPage: (tell) => openPage(browser, tell),
    requireSameGpuProcess: async () => {
      const found = await gpuProcess(session);
      known ??= found;
      if (found !== known) throw new Error("Chrome: its GPU process died during the race and was started again");
    },
    close: async () => {
      process.off("exit", kill);
      await browser.close();
    },
  };
}
