import { join } from "node:path";
import { createRunnableDevEnvironment, resolveConfig, runnerImport } from "vite";

/**
 * TypeScript modules of the repository, open to Node.
 * @typedef {object} Sources
 * @property {<Module>(path: string) => Promise<Module>} load by its path from the root
 * @property {() => Promise<void>} close
 */

const root = join(import.meta.dirname, "..", "..");

/** @param {import("vite").Alias[]} alias */
async function configOf(alias) {
  /** @type {{ module: typeof import("../../vite.shaders.ts") }} */
  const { module } = await runnerImport(join(root, "vite.shaders.ts"), { configFile: false });
  return resolveConfig(
    {
      root,
      plugins: [module.shaders()],
      configFile: false,
      envDir: false,
      cacheDir: root, // nothing is cached
      logLevel: "warn",
      resolve: { alias },
      environments: {
        bench: {
          consumer: "server",
          dev: { moduleRunnerTransform: true },
          resolve: { external: true, mainFields: [], conditions: ["node"] },
        },
      },
    },
    "serve",
    "production", // NODE_ENV, which builds and processes of contenders inherit
    "production",
  );
}

/**
 * Opens the sources. Unlike vite's runnerImport it leaves them open, for modules that import others later.
 * @param {import("vite").Alias[]} [alias] imports to take from elsewhere
 * @returns {Promise<Sources>}
 */
export async function openSources(alias = []) {
  const options = { runnerOptions: { hmr: /** @type {const} */ (false) }, hot: false };
  const environment = createRunnableDevEnvironment("bench", await configOf(alias), options);
  await environment.init();
  return { load: (path) => environment.runner.import(join(root, path)), close: () => environment.close() };
}
