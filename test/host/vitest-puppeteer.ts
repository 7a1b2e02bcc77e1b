// Vitest's browser mode, driven by puppeteer.

import { defineBrowserProvider } from "@vitest/browser";
import puppeteer, { type Browser, type LaunchOptions, type Page } from "puppeteer";
import type { BrowserProvider, CDPSession, TestProject } from "vitest/node";
import { compilesSooner } from "./dawnToggles.mjs";

declare module "vitest/node" {
  interface BrowserCommandContext {
    page: Page;
  }
}

class PuppeteerProvider implements BrowserProvider {
  readonly name = "puppeteer";
  readonly supportsParallelism = false;
  readonly #launchOptions: () => Promise<LaunchOptions>;
  readonly #pages = new Map<string, Page>();
  #browser: Promise<Browser> | undefined;

  constructor(project: TestProject, launchOptions: () => Promise<LaunchOptions>) {
    this.#launchOptions = launchOptions;
    const viewport = ({ page }: { page: Page }, size: { width: number; height: number }) => page.setViewport(size);
    project.browser?.registerCommand("__vitest_viewport" as never, viewport as never);
  }

  #page(sessionId: string): Page {
    const page = this.#pages.get(sessionId);
    if (!page) throw new Error(`puppeteer: no page for session ${sessionId}`);
    return page;
  }

  async #launch(): Promise<Browser> {
    const { args = [], ...options } = await this.#launchOptions();
    return puppeteer.launch({ ...options, args: [...args, `--${compilesSooner}`] });
  }

  getCommandsContext(sessionId: string) {
    return { page: this.#page(sessionId) };
  }

  async openPage(sessionId: string, url: string) {
    this.#browser ??= this.#launch();
    const page = await (await this.#browser).newPage();
    await this.#pages.get(sessionId)?.close();
    this.#pages.set(sessionId, page);
    await page.goto(url, { timeout: 0 });
  }

  async getCDPSession(sessionId: string) {
    return (await this.#page(sessionId).createCDPSession()) as unknown as CDPSession;
  }

  async close() {
    const browser = await this.#browser;
    this.#browser = undefined;
    this.#pages.clear();
    await browser?.close();
  }
}

export const puppeteerProvider = (launchOptions: () => Promise<LaunchOptions>) =>
  defineBrowserProvider({
    name: "puppeteer",
    providerFactory: (project) => new PuppeteerProvider(project, launchOptions),
  });
