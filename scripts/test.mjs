// Runs the tests in every host and prints, last of all and alone on its line, how many passed and failed.
// --full: every host takes all tests. Other arguments go to vitest: node scripts/test.mjs --project dawn test/matmul.test.ts
// THALWEG_RUNS=file writes what ran on which host: a line for each kernel, its constants, workgroups and bytes bound.

import "../test/host/node20.mjs";
import { writeFileSync } from "node:fs";
import { parseCLI, startVitest } from "vitest/node";

/** Without arguments each of these must have run a test, lest a host that never started look green. */
const hosts = ["dawn", "chrome"];
/** Why a project may leave tests out. */
const reasons = {
  chrome: "dawn runs them, and ten times as many cases of each property",
  page: "they are due when bench/ has changed",
};
const cliArguments = process.argv.slice(2).filter((argument) => argument !== "--full");
if (process.argv.includes("--full")) process.env.THALWEG_TESTS = "full";

/** @param {import("vitest/node").TestModule} module */
const hostOf = (module) => module.project.name.split(" ")[0] ?? "";

/** @param {import("vitest/node").Vitest} vitest */
function tally(vitest) {
  const count = { passed: 0, failed: vitest.state.getUnhandledErrors().length, skipped: 0 };
  const ran = new Set();
  /** @type {Map<string, number>} */
  const skippedIn = new Map();
  for (const module of vitest.state.getTestModules()) {
    const host = hostOf(module);
    let failedTests = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "pending")
        count.failed++; // interrupted
      else count[state]++;
      if (state === "failed") failedTests++;
      if (state === "skipped") skippedIn.set(host, (skippedIn.get(host) ?? 0) + 1);
      else ran.add(host);
    }
    if (!module.ok() && failedTests === 0) count.failed++; // it did not load, or a hook failed
  }
  return { ...count, ran, skippedIn };
}

/** @param {import("vitest/node").Vitest} vitest  @param {string} file */
function writeRuns(vitest, file) {
  const lines = new Set();
  for (const module of vitest.state.getTestModules()) {
    const { runs = [] } = /** @type {{ runs?: string[] }} */ (module.meta());
    for (const run of runs) lines.add(`${hostOf(module)} ${run}\n`);
  }
  writeFileSync(file, [...lines].toSorted().join(""));
}

/** @param {Promise<unknown>} closing */
async function atMostTenSeconds(closing) {
  await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, 10_000))]);
}

if (cliArguments.length === 0) {
  const isFull = process.env.THALWEG_TESTS === "full";
  const share = isFull ? "all in each" : "Node takes all, Chrome a case of each kind (npm run test:full: all in each)";
  console.log(`Kernels, strategies and library in Node and in headless Chrome: ${share}.`);
  console.log("Then the command line and the page, as users see them. About 15 minutes on two cores.");
}
const { filter, options } = parseCLI(["vitest", "run", ...cliArguments]);
const vitest = await startVitest("test", filter, { ...options, watch: false });
const { passed, failed, skipped, ran, skippedIn } = tally(vitest);
if (process.env.THALWEG_RUNS) writeRuns(vitest, process.env.THALWEG_RUNS);
await atMostTenSeconds(vitest.close());

const silent = cliArguments.length > 0 ? [] : hosts.filter((host) => !ran.has(host));
if (silent.length > 0) console.error(`no test ran in: ${silent.join(", ")}`);
if (process.env.THALWEG_TESTS !== "full") {
  for (const [host, reason] of Object.entries(reasons)) {
    const count = skippedIn.get(host);
    const tests = count === 1 ? "test" : "tests";
    if (count) console.log(`left to npm run test:full: ${count} ${tests} in ${host} (${reason})`);
  }
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
const good = passed > 0 && failed === 0 && silent.length === 0 && !process.exitCode;
process.exit(good ? 0 : 1);
