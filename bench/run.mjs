// Runs a bench from its sources: node bench/run.mjs [name] [options], bench/step.bench.ts by default.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { runnerImport } from "vite";

const [first = ""] = process.argv.slice(2);
const name = first === "" || first.startsWith("-") ? "step" : first;
const path = join(import.meta.dirname, `${name}.bench.ts`);
if (!existsSync(path)) {
  const names = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".bench.ts"));
  console.error(`bench: no ${name}.bench.ts; there are: ${names.join(", ") || "none"}`);
  process.exit(1);
}
await runnerImport(path, { configFile: false, root: join(import.meta.dirname, "..") });
