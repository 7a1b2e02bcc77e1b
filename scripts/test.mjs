// Runs the tests in every host and prints, last of all and alone on its line, how many passed and failed.
// --full: every host takes all tests. Other arguments go to vitest: node scripts/test.mjs --project dawn test/matmul.test.ts
// Without them the page's tests, which mostly wait for browsers and processes, run beside the others in a process of their own.
// THALWEG_RUNS=file writes what ran on which host: a line for each kernel, its constants, workgroups and bytes bound.

import "../test/host/node20.mjs";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCLI, startVitest } from "vitest/node";

/** Without arguments each of these must have run a test, lest a host that never started look green. */
const hosts = ["dawn", "chrome"];
/** Why a project may leave tests out. */
const reasons = {
  chrome: "dawn runs them, and ten times as many cases of each property",
  page: "they are due when bench/ has changed",
};
const cliArguments = process.argv.slice(2).filter((argument) => argument !== "--full");
const isWhole = cliArguments.length === 0;
if (process.argv.includes("--full")) process.env.THALWEG_TESTS = "full";
const isFull = process.env.THALWEG_TESTS === "full";

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

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * Runs the page's tests in a process of their own, whose output comes when it has ended.
 * @returns {Promise<Counts & { skippedIn: Record<string, number> }>}
 */
function testPage() {
  const folder = mkdtempSync(join(tmpdir(), "tests-"));
  const file = join(folder, "counts.json");
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "--project", "page"], {
    env: { ...process.env, THALWEG_COUNTS: file, THALWEG_RUNS: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  /** @type {Buffer[]} */
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => void output.push(part));
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      // but for its closing line, which would be taken for that of all tests
      console.log(
        Buffer.concat(output)
          .toString()
          .replace(/\n[^\n]* passed, [^\n]* failed[^\n]*\n$/, "\n"),
      );
      const isComplete = existsSync(file);
      if (!isComplete) console.error(`the tests of the page ended without a result: ${signal ?? `exit code ${code}`}`);
      resolve(
        isComplete ? JSON.parse(readFileSync(file, "utf8")) : { passed: 0, failed: 1, skipped: 0, skippedIn: {} },
      );
      rmSync(folder, { recursive: true, force: true });
    });
  });
}

if (isWhole) {
  const share = isFull ? "all in each" : "Node takes all, Chrome a case of each kind (npm run test:full: all in each)";
  console.log(`Kernels, strategies and library in Node and in headless Chrome: ${share}.`);
  console.log("Beside them the command line and the page, as users see them. Ten minutes on two cores.");
}
const page = isWhole ? testPage() : undefined;
const own = isWhole ? ["--project", "dawn", "--project", "chrome*"] : cliArguments;
const { filter, options } = parseCLI(["vitest", "run", ...own]);
const vitest = await startVitest("test", filter, { ...options, watch: false });
const { passed: ownPassed, failed: ownFailed, skipped: ownSkipped, ran, skippedIn } = tally(vitest);
if (process.env.THALWEG_RUNS) writeRuns(vitest, process.env.THALWEG_RUNS);
await atMostTenSeconds(vitest.close());
const ofPage = await page;
for (const [host, count] of Object.entries(ofPage?.skippedIn ?? {})) skippedIn.set(host, count);
const passed = ownPassed + (ofPage?.passed ?? 0);
const failed = ownFailed + (ofPage?.failed ?? 0);
const skipped = ownSkipped + (ofPage?.skipped ?? 0);
if (process.env.THALWEG_COUNTS) {
  const counts = { passed, failed, skipped, skippedIn: Object.fromEntries(skippedIn) };
  writeFileSync(process.env.THALWEG_COUNTS, JSON.stringify(counts));
}

const silent = isWhole ? hosts.filter((host) => !ran.has(host)) : [];
if (silent.length > 0) console.error(`no test ran in: ${silent.join(", ")}`);
if (!isFull && !process.env.THALWEG_COUNTS) {
  for (const [host, reason] of Object.entries(reasons)) {
    const count = skippedIn.get(host);
    const tests = count === 1 ? "test" : "tests";
    if (count) console.log(`left to npm run test:full: ${count} ${tests} in ${host} (${reason})`);
  }
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
const good = passed > 0 && failed === 0 && silent.length === 0 && !process.exitCode;
process.exit(good ? 0 : 1);
