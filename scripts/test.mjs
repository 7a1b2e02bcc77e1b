// Runs the tests in every host and prints, last of all and alone on its line, how many passed and failed.
// Arguments go to vitest: node scripts/test.mjs --project dawn test/matmul.test.ts

import "../test/host/node20.mjs";
import { parseCLI, startVitest } from "vitest/node";

/** Without arguments each of these must have run a test, lest a host that never started look green. */
const hosts = ["dawn", "chrome"];
const cliArguments = process.argv.slice(2);

/** @param {import("vitest/node").Vitest} vitest */
function tally(vitest) {
  const count = { passed: 0, failed: vitest.state.getUnhandledErrors().length, skipped: 0 };
  const ran = new Set();
  for (const module of vitest.state.getTestModules()) {
    let failedTests = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "pending")
        count.failed++; // interrupted
      else count[state]++;
      if (state === "failed") failedTests++;
      if (state !== "skipped") ran.add(module.project.name.split(" ")[0]);
    }
    if (!module.ok() && failedTests === 0) count.failed++; // it did not load, or a hook failed
  }
  return { ...count, ran };
}

/** @param {Promise<unknown>} closing */
async function atMostTenSeconds(closing) {
  await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, 10_000))]);
}

const { filter, options } = parseCLI(["vitest", "run", ...cliArguments]);
const vitest = await startVitest("test", filter, { ...options, watch: false });
const { passed, failed, skipped, ran } = tally(vitest);
await atMostTenSeconds(vitest.close());

const silent = cliArguments.length > 0 ? [] : hosts.filter((host) => !ran.has(host));
if (silent.length > 0) console.error(`no test ran in: ${silent.join(", ")}`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
const good = passed > 0 && failed === 0 && silent.length === 0 && !process.exitCode;
process.exit(good ? 0 : 1);
