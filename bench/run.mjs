// npm run bench: the race by default, another bench by its name: node bench/run.mjs [NAME] [options]
// Everything runs from the sources, but for the processes of contenders: these run from the bundle that cli/build.ts makes.

import { pathToFileURL } from "node:url";

const [first, bundle = ""] = process.argv.slice(2);
if (first === "child") {
  process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the race ends its children itself
  await import(pathToFileURL(bundle).href);
} else {
  const { openSources } = await import("./cli/sources.mjs");
  const sources = await openSources();
  const { main } = await sources.load("bench/cli/main.ts");
  await main(process.argv.slice(2), sources);
}
