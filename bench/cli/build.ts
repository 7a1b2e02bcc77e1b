import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Alias, build } from "vite";
import { checks, pageConfig, type PageOptions } from "../../vite.bench.ts";
import { shaders } from "../../vite.shaders.ts";
import { threadFile } from "../../vite.threads.ts";
import type { LoadPage } from "../load/loadPages.ts";

const bench = join(import.meta.dirname, "..");
/** What is built to be raced; never kept. */
const folder = join(bench, "dist");

/** Imports that `--against` takes from elsewhere. */
type Aliases = readonly Alias[];

const buildPage = (options: PageOptions) => build({ ...pageConfig(options), configFile: false, logLevel: "warn" });

/** The Bench view. @returns its folder */
export async function buildBenchView(alias: Aliases): Promise<string> {
  const outDir = join(folder, "page");
  await buildPage({ input: "index.html", outDir, minify: "no", alias: [...alias] }); // errors name what we have written
  return outDir;
}

/** A page per contender, with a build each: shared ones would carry what only others need. @returns folder of folders */
export async function buildLoadPages(pages: readonly LoadPage[]): Promise<string> {
  const all = join(folder, "load");
  rmSync(all, { recursive: true, force: true });
  for (const { contender } of pages) {
    const input = `load/${contender}.html`;
    const outDir = join(all, contender);
    await buildPage({ input, outDir, minify: "all" });
    renameSync(join(outDir, input), join(outDir, "index.html"));
  }
  return all;
}

/** The process of a contender in Node, joined into one module as a user's bundle would be. @returns its path */
export async function buildChild(alias: Aliases): Promise<string> {
  const outDir = join(folder, "node");
  await build({
    root: join(bench, ".."),
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    plugins: [shaders(), threadFile()],
    resolve: { alias: [...alias] },
    ssr: { noExternal: [/^@tensorflow\//] }, // parts of it that Node itself cannot load
    build: {
      ssr: join(bench, "hosts", "child.ts"),
      outDir,
      emptyOutDir: true,
      target: "node20",
      rolldownOptions: { checks },
    },
  });
  return join(outDir, "child.js");
}
